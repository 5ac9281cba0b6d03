"""`video.json` of a video model: the sizes of its videos (docs/video_model.md)."""

from __future__ import annotations

from pathlib import Path

from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe, describe_path, read_json_object
from fastcar.reference.video.geometry import VideoGeometry

GEOMETRY_FILE = "video.json"
MAX_SIZE = 2**31 - 1
"""Largest value of any size, as in config.json."""
OPTIONAL = ("digit_pixels",)
"""What is left out rather than null where there is none."""


def read_geometry(directory: Path) -> VideoGeometry:
    """Read `video.json`: exactly the fields of `VideoGeometry`, whole numbers.

    Without `digit_pixels` the model takes no prompt (D-57).

    Raises:
        CheckpointError: no such file, no JSON object, a field that is missing or unknown, a value
            that is no whole number from 1 to 2^31 - 1, or sizes that do not fit each other.
    """
    path = directory / GEOMETRY_FILE
    place = describe_path(path)
    fields = read_json_object(path)
    names = list(VideoGeometry.__dataclass_fields__)
    for name in sorted(fields.keys() - set(names)):
        raise CheckpointError(
            f"{place}: {describe(name)}", "an unknown key", f"one of {', '.join(names)}"
        )
    limit = f"a whole number from 1 to {MAX_SIZE}"
    for name in names:
        if name not in fields:
            if name in OPTIONAL:
                continue
            raise CheckpointError(f"{place}: {name}", "nothing", limit)
        # bool is a subclass of int
        if type(fields[name]) is not int or not 1 <= fields[name] <= MAX_SIZE:
            raise CheckpointError(f"{place}: {name}", describe(fields[name]), limit)
    try:
        return VideoGeometry(**fields)
    except ArgumentError as error:
        where = f"{place}: {error.argument}"
        raise CheckpointError(where, describe(error.value), error.limit) from error
