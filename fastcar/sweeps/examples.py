"""Sweeps that come with us."""

from __future__ import annotations

PAPER = """\
# Sizes of the accelerator that the paper does not say, at its replayed shares.
scope = "cycles"

[axes]
preset = "vila_u_7b_u280"
batch = { first = 2, count = 31 }
cores = { first = 1, count = 16 }
lanes = 16
latency = 64
ratio = [0.2, 0.5, 0.8, 0.87]
draws = 200
"""

EXAMPLES = {"paper": PAPER}
"""Texts of sweep files, by name."""
