"""docs/findings.md: the paper's claims and questions on both shipped models, side by side."""
