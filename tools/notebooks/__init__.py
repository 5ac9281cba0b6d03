"""Notebooks of marimo: each a plain Python file, run as a script by `make docs`.

.venv/bin/marimo edit tools/notebooks/threshold.py
"""
