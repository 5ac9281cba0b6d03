"""`--model NAME` and `--checkpoint DIR`: a shipped model, or any other; one of the two (D-57)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from fastcar.cli.path_type import PATH
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.reference.video.shipped_models import list_shipped_models, shipped_model

_DIRECTORY = "fastcar.cli.model_option.directory"
"""Where the context keeps what --model names until --checkpoint is looked at."""


class _CheckpointOption(click.Option):
    """A directory; that of --model where there is one."""

    def consume_value(
        self, ctx: click.Context, opts: Mapping[str, Any]
    ) -> tuple[Any, ParameterSource]:
        """What was given, or what --model named: a required option is content with it."""
        value, source = super().consume_value(ctx, opts)
        if _DIRECTORY not in ctx.meta:
            return value, source
        if source is not ParameterSource.DEFAULT:
            raise ArgumentError("model, checkpoint", "both", "one of the two")
        return ctx.meta[_DIRECTORY], ParameterSource.COMMANDLINE


def _keep_directory(ctx: click.Context, option: click.Parameter, name: str | None) -> None:
    if name is not None:
        ctx.meta[_DIRECTORY] = shipped_model(name)


def make_checkpoint_options(
    text: str, default: Path | None = SHIPPED_MODEL, *, is_required: bool = False
) -> tuple[Any, Any]:
    """`--checkpoint` and `--model`, for the one parameter `checkpoint`.

    Args:
        text: what the directory holds, for help.
        default: taken where neither is given; None = none.
        is_required: one of the two must be given; then there is no default.
    """
    # click 8.3 takes default=None for a value, with which a required option is content
    given = {} if default is None else {"default": default}
    return (
        click.option(
            "--checkpoint",
            cls=_CheckpointOption,
            type=PATH,
            required=is_required,
            metavar="DIR",
            help=text if default is None else f"{text}  [moving_digits, shipped]",
            **given,
        ),
        click.option(
            "--model",
            metavar="NAME",
            is_eager=True,  # seen before --checkpoint, wherever it stands
            expose_value=False,
            callback=_keep_directory,
            help=f"In place of --checkpoint, a shipped model: {', '.join(list_shipped_models())}.",
        ),
    )
