"""A run of `fastcar prove` (docs/prove_schema.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.run import Origin, read_origin


@dataclass(frozen=True)
class StatementResult:
    """What decoded tokens said of a statement.

    Attributes:
        number: P-nn.
        title: in a few words.
        source: paper or ours.
        holds: nothing is wrong.
        num_instances: checked.
        worst_ratio: left / right; None where it is not finite.
        median_ratio: likewise.
        vacuous_share: share whose bound says nothing new; None without any.
        verdicts: of the balls, or obligations; empty for none.
    """

    number: str
    title: str
    source: str
    holds: bool
    num_instances: int
    worst_ratio: float | None
    median_ratio: float | None
    vacuous_share: float | None
    verdicts: dict[str, int]


@dataclass(frozen=True)
class ProveRun:
    """Statements checked on tokens of a checkpoint.

    Attributes:
        origin: where it came from.
        holds: all of them do.
        description: of the tokens.
        statements: in the order of their numbers.
    """

    origin: Origin
    holds: bool
    description: str
    statements: tuple[StatementResult, ...]


def is_prove(values: dict[str, object]) -> bool:
    """Whether a report is one of `fastcar prove`."""
    return {"statements", "holds", "checkpoint", "tokens"} <= values.keys()


def read_prove(path: Path, label: str, fields: Fields) -> ProveRun:
    """Read a report.

    Raises:
        CheckpointError: a field that cannot be.
    """
    tokens = fields.get("tokens")
    ratio = fields.get_number("replay_ratio")
    description = (
        f"{fields.get_text('checkpoint')}, {tokens.get_text('source')}: "
        f"{tokens.get_count('rows')} rows of {tokens.get_count('fed_tokens')} tokens, "
        f"{100 * ratio:.1f} % replayed"
    )
    names = ("checkpoint", "tokens", "threshold", "replay_ratio", "seed", "instances")
    settings = {name: fields.values.get(name) for name in names}
    return ProveRun(
        read_origin(path, label, fields, settings),
        fields.get_flag("holds"),
        description,
        tuple(_read_statement(one) for one in fields.get_objects("statements")),
    )


def _read_statement(one: Fields) -> StatementResult:
    verdicts: dict[str, int] = {}
    for name in ("certified", "obligations"):
        verdicts |= one.get_counts(name) if one.has(name) else {}
    return StatementResult(
        one.get_text("number"),
        one.get_text("title"),
        one.get_text("source"),
        one.get_flag("holds"),
        one.get_count("num_instances"),
        one.find_number("worst_ratio"),
        one.find_number("median_ratio"),
        one.find_number("vacuous_share"),
        verdicts,
    )
