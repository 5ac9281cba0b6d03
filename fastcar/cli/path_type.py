"""The type of options that name a file or a directory."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fastcar.reference.arguments import check_argument
from fastcar.reference.errors import ArgumentError


class NamedPath(click.Path):
    """A path as `pathlib.Path`, refused where it is empty.

    `--out "$OUT"` with an unset variable is an accident: taken as the working directory it would
    overwrite what stands there.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Path:
        """The path, or click's refusal with the option's name."""
        try:
            return Path(check_argument("path", value, str | os.PathLike[str]))
        except ArgumentError as error:
            self.fail(f"{value!r} is no path: must be {error.limit}.", param, ctx)


PATH = NamedPath()
