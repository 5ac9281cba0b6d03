"""A finding: question, answer, tables and figure, written as Markdown.

Sentences are chosen from the numbers by code; nothing about a value is written by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from fastcar.analysis.runs import RunSummary
from fastcar.analysis.statistics import Comparison, Direction
from fastcar.metrics import compute_standard_error

Json = dict[str, Any]
"""What a question measured, as it stands in report.json."""


class Stance(Enum):
    """How a finding relates to what the paper says."""

    AGREES = "agrees"
    PARTLY = "agrees in part"
    CONTRADICTS = "does not agree"
    UNDECIDED = "cannot decide it"
    NO_CLAIM = "has no claim to compare with"


@dataclass(frozen=True)
class Table:
    """A Markdown table; all cells are text."""

    header: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]

    def to_markdown(self) -> str:
        """The table; numbers stand right, the first column left."""
        rule = ("---",) + ("---:",) * (len(self.header) - 1)
        return "\n".join("| " + " | ".join(row) + " |" for row in (self.header, rule, *self.rows))


@dataclass(frozen=True)
class Finding:
    """One question with its answer.

    Attributes:
        key: name of the question in report.json and of its figure.
        question: as a reader would ask it.
        answer: one sentence.
        claim: what the paper says on it.
        stance: how the measurement relates to the claim.
        tables: the numbers.
        notes: further sentences, each generated from numbers or on method.
    """

    key: str
    question: str
    answer: str
    claim: str
    stance: Stance
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()

    def to_markdown(self, figures: str = "figures") -> str:
        """A section of the page; figures is their folder, from the page."""
        parts = [
            f"## {self.question}",
            f"**{self.answer}**",
            f"The paper: {self.claim} This measurement {self.stance.value}.",
            *(table.to_markdown() for table in self.tables),
            f"![{self.question}]({figures}/{self.key}.png)",
            *self.notes,
        ]
        return "\n\n".join(parts) + "\n"


def to_percent(share: float, digits: int = 1) -> str:
    """A share as a percentage.

    >>> to_percent(0.5)
    '50.0 %'
    """
    return f"{100 * share:.{digits}f} %"


def to_percents(shares: Iterable[float]) -> str:
    """Several shares in a sentence, whole percents."""
    return join_words([to_percent(share, 0) for share in shares])


def to_nats(mean: float, error: float) -> str:
    """Nats per token with the standard error across clips."""
    return f"{mean:.4f} ± {error:.4f}"


def join_words(words: Sequence[str]) -> str:
    """A list in a sentence.

    >>> join_words(["a", "b", "c"])
    'a, b and c'
    """
    if len(words) < 2:
        return "".join(words)
    return ", ".join(words[:-1]) + " and " + words[-1]


def make_quality_row(summary: RunSummary) -> Json:
    """Ratio and teacher-forced quality of a run, with standard errors across clips."""
    quality = summary.quality
    return {
        "ratio": summary.ratio,
        "nats": quality.mean_nats,
        "nats_error": compute_standard_error(quality.nats),
        "top_1": quality.mean_top_1,
        "top_1_error": compute_standard_error(quality.top_1),
        "clip_nats": [round(float(nats), 6) for nats in quality.nats],
    }


def make_comparison_row(first: str, second: str, comparison: Comparison) -> Json:
    """A paired comparison as JSON: positive differences mean that the first is larger."""
    return {
        "first": first,
        "second": second,
        "difference": comparison.difference,
        "standard_error": comparison.standard_error,
        "verdict": comparison.verdict.value,
    }


def to_difference(row: Json) -> str:
    """A paired difference of nats with its error and a mark where it counts."""
    mark = "" if row["verdict"] == Direction.UNDECIDED.value else " *"
    return f"{row['difference']:+.4f} ± {row['standard_error']:.4f}{mark}"


def describe_contest(first: str, second: str, outcomes: dict[float, str]) -> str:
    """Who has fewer nats at which ratio; outcomes are verdicts on first minus second, by ratio.

    >>> describe_contest("TAS", "chance", {0.2: "lower", 0.5: "undecided"})
    'TAS beats chance at 20 %; no difference is resolved at 50 %'
    """
    phrases = {
        Direction.LOWER.value: f"{first} beats {second} at {{}}",
        Direction.HIGHER.value: f"{first} loses to {second} at {{}}",
        Direction.UNDECIDED.value: "no difference is resolved at {}",
    }
    parts = []
    for verdict, phrase in phrases.items():
        ratios = [ratio for ratio, outcome in outcomes.items() if outcome == verdict]
        if len(ratios) == len(outcomes) and verdict == Direction.UNDECIDED.value:
            return (
                f"no difference between {first} and {second} is resolved at {to_percents(ratios)}"
            )
        if ratios:
            parts.append(phrase.format(to_percents(ratios)))
    return "; ".join(parts)


def get_contest_stance(outcomes: Iterable[str]) -> Stance:
    """Stance on "the first is better": lower nats agree."""
    found = set(outcomes)
    wins, losses = Direction.LOWER.value in found, Direction.HIGHER.value in found
    if not wins and not losses:
        return Stance.UNDECIDED
    if wins and not losses and Direction.UNDECIDED.value not in found:
        return Stance.AGREES
    return Stance.PARTLY if wins else Stance.CONTRADICTS


def capitalize(sentence: str) -> str:
    """First letter large, the others as they are."""
    return sentence[:1].upper() + sentence[1:]
