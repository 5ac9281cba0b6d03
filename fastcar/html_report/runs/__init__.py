"""Typed readers of what commands wrote, one file a kind; they believe nothing of it."""
