"""How Sphinx builds the site: everything that a conf.py would say (D-70)."""

from __future__ import annotations

from typing import Any

START = "docs/index"
"""Page that opens."""


def make_settings(version: str) -> dict[str, Any]:
    """Configuration values of Sphinx.

    Nothing is fetched, neither while building nor while reading: no fonts, no MathJax, no
    inventories of other projects.

    Args:
        version: of the package.
    """
    return {
        "project": "FastCar",
        "version": version,
        "release": version,
        "extensions": ["myst_parser"],
        "root_doc": START,
        "html_theme": "furo",
        "html_title": "FastCar",
        "html_copy_source": False,
        "html_show_copyright": False,
        "html_theme_options": {"navigation_with_keys": True},
        # What was not read is not shown: a page without a place is a warning, and so an error.
        "myst_enable_extensions": ["colon_fence", "deflist"],
        "myst_heading_anchors": 4,
        "python_use_unqualified_type_names": True,
        "toc_object_entries": False,
        "add_module_names": False,
        "highlight_language": "text",
    }
