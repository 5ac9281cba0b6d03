"""Pages that describe the fields of a report."""

from __future__ import annotations

from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def get_fields(value: object) -> set[str]:
    """Names of all fields at any depth, but for percentiles and the like, which are numbers."""
    if isinstance(value, list):
        return {field for entry in value for field in get_fields(entry)}
    if not isinstance(value, dict):
        return set()
    inner = {field for entry in value.values() for field in get_fields(entry)}
    return inner | {field for field in value if not field.isdigit()}


def list_undocumented(report: object, page: str) -> list[str]:
    """Fields of a report that a page of docs/ does not name; names in capitals are opcodes."""
    text = (DOCS / page).read_text(encoding="utf-8")
    fields = sorted(field for field in get_fields(report) if not field.isupper())
    return [field for field in fields if f"`{field}`" not in text]
