"""The type of options that say where a result goes."""

from __future__ import annotations

import os
from pathlib import Path

import click

from fastcar.reference.errors import ArgumentError


class OutputPath(click.Path):
    """A path; an empty one, as of a variable that is not set, is not the working directory."""

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> str | bytes | os.PathLike[str]:
        """The path; ArgumentError for an empty one."""
        if not os.fspath(value):
            name = param.name if param is not None and param.name else "path"
            raise ArgumentError(name, value, "a path")
        return super().convert(value, param, ctx)
