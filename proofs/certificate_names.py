"""Names of the certificates, apart from what computes them: options and reports need no more."""

from __future__ import annotations

DISTANCE, ACTIVATION = "distance", "activation"

CERTIFICATES = (DISTANCE, ACTIVATION)
"""The cheapest first (D-19)."""
