"""Option values that click has no type for, and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from fastcar.cli.path_type import PATH
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.replay import Semantics

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

DTYPES: dict[str, type[np.float32] | type[np.float64]] = {
    "float32": np.float32,
    "float64": np.float64,
}


def read_thresholds(
    context: click.Context, option: click.Parameter, text: str | None
) -> tuple[float | None, ...] | None:
    """Callback of a threshold option; None where it was not given."""
    return None if text is None else parse_thresholds(option.name or "thresholds", text)


def parse_thresholds(argument: str, text: str) -> tuple[float | None, ...]:
    """Thresholds of `0.4`, or of one value per layer as in `none,0.1,-inf`.

    >>> parse_thresholds("tau", "none,0.1,-inf")
    (None, 0.1, -inf)
    """
    return tuple(_parse_threshold(argument, part.strip()) for part in text.split(","))


def _parse_threshold(argument: str, text: str) -> float | None:
    if text.lower() == "none":
        return None
    try:
        value = float(text)
    except ValueError:
        value = np.nan
    if np.isnan(value):
        raise ArgumentError(argument, text, "a number, inf, -inf or none")
    return value


def apply_options(options: Sequence[Decorator]) -> Decorator:
    """One decorator for many; help lists the options in this order."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def number_option(
    name: str,
    default: int | float | None,
    text: str,
    metavar: str | None = None,
    kind: type[int] | type[float] = int,
) -> Decorator:
    """A number whose default help shows; without one, `text` says what holds."""
    return click.option(
        name,
        type=kind,
        default=default,
        show_default=default is not None,
        metavar=metavar,
        help=text,
    )


if TYPE_CHECKING:
    _Choice = click.Choice[str]
else:
    _Choice = click.Choice  # has no parameter before click 8.2


class NearestChoice(_Choice):
    """One of some words, in any case; a wrong one is told the word it looks like."""

    def __init__(self, choices: Iterable[str]) -> None:
        super().__init__(list(choices), case_sensitive=False)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word, in its own case."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter as error:
            near = get_close_matches(str(value).lower(), [one.lower() for one in self.choices], 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise click.BadParameter(error.message + hint, ctx, param) from None


def choice_option(name: str, choices: Iterable[str], default: str | None, text: str) -> Decorator:
    """One of some words."""
    return click.option(
        name,
        type=NearestChoice(choices),
        default=default,
        show_default=default is not None,
        help=text,
    )


def budget_option(what: str) -> Decorator:
    """A share of the dense multiplications, in place of thresholds and ratio."""
    return number_option(
        "--budget",
        None,
        f"Calibrate to this share of the dense MLP multiplications of the {what}, the gate's own "
        "included.",
        "S",
        float,
    )


tokens_per_frame_option = click.option(
    "--tokens-per-frame",
    type=int,
    metavar="N",
    help="Tokens of one frame; given together with --tokens.",
)
tokens_options = (
    click.option(
        "--tokens",
        type=PATH,
        metavar="TOKENS.npz",
        help="Integer arrays prompt_ids [B,P], forced_ids [B,S]: makes any Llama directory do.  "
        "[the clips of the video model]",
    ),
    tokens_per_frame_option,
)
"""What is fed to a checkpoint that is no video model."""


def file_option(name: str, metavar: str, text: str) -> Decorator:
    """A file to write, none by default."""
    return click.option(name, type=PATH, metavar=metavar, help=text)


def out_option(metavar: str, text: str) -> Decorator:
    """File or directory that the command is there for."""
    return click.option("--out", type=PATH, required=True, metavar=metavar, help=text)


def source_option(default: DecisionSource) -> Decorator:
    """What decides in the accelerator."""
    return choice_option(
        "--source",
        [source.value for source in DecisionSource],
        default.value,
        "What decides: attention score or distance of the inputs.",
    )


correction_option = click.option(
    "--correction",
    type=PATH,
    metavar="FILE",
    help="Move replayed outputs with their inputs, by a correction.safetensors that "
    "`fastcar generate --correct` wrote.",
)
force_option = click.option(
    "--force",
    "is_forced",
    is_flag=True,
    help="Also write into a directory with files that are not ours; they are kept.",
)
json_option = click.option(
    "--json", "is_json", is_flag=True, help="Print the report as JSON, no tables."
)
dtype_option = click.option(
    "--dtype",
    type=NearestChoice(DTYPES),
    default="float32",
    show_default=True,
    help="Arithmetic.",
)
semantics_option = click.option(
    "--semantics",
    type=NearestChoice(kind.value for kind in Semantics),
    default=Semantics.PAPER.value,
    show_default=True,
    help="Score and comparison of the paper or of the published code.",
)
window_options = (
    click.option(
        "--window", type=int, metavar="TOKENS", help="Attend to the newest TOKENS only (and sinks)."
    ),
    click.option(
        "--sinks", type=int, metavar="TOKENS", help="Oldest tokens kept beside a window.  [4]"
    ),
)
attention_options = (
    *window_options,
    click.option("--fused", is_flag=True, help="Attention by online softmax over key blocks."),
)
eligibility_options = (
    click.option("--max-chain", type=int, metavar="K", help="At most K replays in a row."),
    click.option(
        "--warmup-frames",
        type=int,
        default=1,
        show_default=True,
        help="Frames at the start that never replay.",
    ),
)
