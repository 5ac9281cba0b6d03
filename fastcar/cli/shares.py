"""Shares in text."""

from __future__ import annotations


def format_share(share: float | None, decimals: int = 1) -> str:
    """A share in percent; "-" where there is nothing to have a share of.

    >>> format_share(0.25), format_share(None)
    ('25.0%', '-')
    """
    return "-" if share is None else f"{share:.{decimals}%}"
