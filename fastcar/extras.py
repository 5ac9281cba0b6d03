"""Whether what an extra brings is there, without importing it.

Libraries that take long to import are imported where they are used, which may be at the end of a
long run; that they are missing is said at its start.
"""

from __future__ import annotations

from importlib.util import find_spec


def check_installed(*libraries: str) -> None:
    """Look for libraries by their import names.

    Raises:
        ModuleNotFoundError: of the first that is missing.

    >>> check_installed("json")
    >>> check_installed("json", "jason")
    Traceback (most recent call last):
    ModuleNotFoundError: No module named 'jason'
    """
    for name in libraries:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
