"""What every kind of run says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastcar.html_report.fields import Fields
from fastcar.reference.errors import CheckpointError

SCHEMA_VERSIONS = (1,)
"""Versions of the reports that are read, of every kind."""


@dataclass(frozen=True)
class Origin:
    """Where a run came from, as far as its report says.

    Attributes:
        path: of the report.
        label: its folder and name, short.
        command: arguments of the command line; None where Python called, or nothing is said.
        settings: what was asked for, and which model answered, by name.
        software: versions and machine, by name.
        digests: SHA-256 of what was read, by name.
    """

    path: Path
    label: str
    command: tuple[str, ...] | None
    settings: dict[str, str]
    software: dict[str, str]
    digests: dict[str, str]


def is_known(version: object) -> bool:
    """Whether reports of a version are read.

    >>> is_known(1), is_known(2), is_known(True)
    (True, False, False)
    """
    return version in SCHEMA_VERSIONS and not isinstance(version, bool)


def check_version(fields: Fields) -> None:
    """Refuse a report of another schema version.

    Raises:
        CheckpointError: names the file, its version and those that are read.
    """
    version = fields.get_count("schema_version")
    if not is_known(version):
        known = " or ".join(map(str, SCHEMA_VERSIONS))
        place = f"{fields.place}: schema_version"
        raise CheckpointError(place, version, f"{known}, which this version of fastcar reads")


def read_origin(path: Path, label: str, fields: Fields, settings: dict[str, Any]) -> Origin:
    """Provenance of a report; all of it may be missing from older ones.

    Args:
        path: of the report.
        label: for headings.
        fields: of the whole report.
        settings: JSON values by name.
    """
    provenance = fields.get("provenance") if fields.has("provenance") else Fields({}, fields.place)
    software = {}
    if provenance.has("versions"):
        versions = provenance.get("versions")
        software = {name: versions.get_text(name) for name in versions.values}
    for name in ("platform", "processor"):
        if provenance.has(name):
            software[name] = provenance.get_text(name)
    software |= {"BLAS": blas} if (blas := _describe_blas(provenance)) else {}
    digests = {
        name.removesuffix("_sha256"): provenance.get_text(name)
        for name in ("weights_sha256", "tokens_sha256")
        if provenance.has(name)
    }
    shown = {name: show(value) for name, value in settings.items()}
    return Origin(path, label, _read_command(provenance), shown, software, digests)


def _read_command(provenance: Fields) -> tuple[str, ...] | None:
    """Words of a command line; None where there are none, or something else."""
    words = provenance.values.get("command")
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        return None
    return tuple(words)


def _describe_blas(provenance: Fields) -> str:
    if not provenance.has("blas"):
        return ""
    entries = [one.values for one in provenance.get_objects("blas")]
    return "; ".join(
        ", ".join(f"{name} {show(value)}" for name, value in one.items()) for one in entries
    )


def show(value: Any) -> str:
    """A JSON value in a cell of a table.

    >>> show(None), show([1, None, "inf"]), show({"a": True})
    ('none', '1, none, inf', 'a: yes')
    """
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(show, value)) or "none"
    if isinstance(value, dict):
        return ", ".join(f"{name}: {show(inner)}" for name, inner in value.items()) or "none"
    return str(value)
