"""The pages that docstrings and exported files cite, so that they travel with the package."""
