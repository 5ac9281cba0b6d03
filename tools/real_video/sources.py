"""The clips of the real-video model: their origin, their rights, which frames are for what.

Frame spans are half-open. `train` feeds codebook and weights, `calibration` thresholds alone,
`held_out` measurements alone; 16 frames or a cut lie between them. Clips whose rights are stated by
their makers (`rights_clear`) are the only ones that train the shipped model or may be shown (D-56);
the others are fetched and measured on demand, and stay outside of the repository.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Span = tuple[int, int]


@dataclass(frozen=True)
class Package:
    """A public archive that holds clips.

    Attributes:
        name: of the package, with version.
        url: of the file; a wheel, a source archive or a Debian package.
        sha256: of the file.
        licence: of the package.
    """

    name: str
    url: str
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        """Name of the file."""
        return self.url.rsplit("/", 1)[1]


@dataclass(frozen=True)
class Source:
    """One clip.

    Attributes:
        name: short, a-z.
        package: holds it.
        member: end of the path of the film in the archive, or of the folder of its frames.
        shows: what it shows, and how the camera stands.
        camera: "static", "moving" or "film" (cuts, both kinds).
        heights: lines to which the whole picture is scaled; crops of 32 x 32 come from these.
        strides: frames from one frame of a clip to the next.
        rights_clear: its makers state a licence for it.
        rights: whose it is.
        train: spans of the film.
        calibration: likewise.
        held_out: likewise.
        weight: share of the training clips, not normalised.
        crop: lines left out above and below, as a share of the height (black bars).
    """

    name: str
    package: Package
    member: str
    shows: str
    camera: str
    heights: tuple[int, ...]
    strides: tuple[int, ...]
    rights_clear: bool
    rights: str
    train: tuple[Span, ...] = ()
    calibration: tuple[Span, ...] = ()
    held_out: tuple[Span, ...] = ()
    weight: float = 1.0
    crop: float = 0.0


TABLE = Path(__file__).with_name("sources.toml")


def read_sources(path: Path = TABLE) -> tuple[Source, ...]:
    """The clips of a table, in its order."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    packages = {name: Package(**fields) for name, fields in table["package"].items()}
    return tuple(_make_source(packages, fields) for fields in table["source"])


def _make_source(packages: dict[str, Package], fields: dict[str, Any]) -> Source:
    spans = {
        split: tuple((start, stop) for start, stop in fields.get(split, ()))
        for split in ("train", "calibration", "held_out")
    }
    lists = {name: tuple(fields[name]) for name in ("heights", "strides")}
    return Source(**fields | spans | lists | {"package": packages[fields["package"]]})


SOURCES = read_sources()
"""All clips."""

STUDY_MIXTURE = ("vtest", "portrait", "box", "bikes", "carphone", "cup", "face")
"""Sources of the 28 held-out clips on which an earlier study reported its numbers."""


def select_sources(which: str) -> tuple[Source, ...]:
    """Sources that train: those with clear rights ("clear"), or all ("all")."""
    return tuple(s for s in SOURCES if s.train and (which == "all" or s.rights_clear))
