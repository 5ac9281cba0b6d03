"""Check the statements of `proofs` on decoded tokens, and certify some of the instances in balls.

`prove` gives a report of JSON values, described in docs/prove_schema.md.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.proofs.arithmetic import to_balls
from fastcar.proofs.decoded_run import DecodedPair, decode, load_rows
from fastcar.proofs.registry import STEMS, get_statement
from fastcar.proofs.statement import Check, HypothesisError, Statement, Verdict
from fastcar.provenance import describe_provenance
from fastcar.reference.arguments import check_fields
from fastcar.reference.errors import ArgumentError
from fastcar.reference.progress import StageProgress
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.workers import check_processes, open_pool

Json = dict[str, Any]
SCHEMA_VERSION = 1
"""Version of the report; changes when a field changes its meaning or disappears."""

MAX_INSTANCES = {
    number: most for number in STEMS if (most := get_statement(number).max_instances) is not None
}
"""Most instances of a statement that takes seconds for each."""

MOST_INSTANCES = 1_000_000
"""Days of work; every check is kept until the end."""

CERTIFIED_INSTANCES = 10
"""Most instances that are certified, but for statements that say less."""

_NAMES = {"numbers": "statement", "num_instances": "instances", "is_certifying": "certify"}
"""What users call the fields of a request."""


@dataclass(frozen=True)
class Request:
    """What to check.

    Attributes:
        numbers: statements, in the order of the report; empty = all.
        checkpoint: video model with clips, or any Hugging Face Llama directory.
        num_instances: per statement, from 1 to MOST_INSTANCES.
        seed: of clips, tokens and places, at least 0.
        is_certifying: also compute in balls.
        tokens: .npz file with rows to feed; None = clips or random tokens.
        tokens_per_frame: N of the file.
    """

    numbers: tuple[str, ...] = ()
    checkpoint: str | os.PathLike[str] = SHIPPED_MODEL
    num_instances: int = 50
    seed: int = 0
    is_certifying: bool = False
    tokens: str | os.PathLike[str] | None = None
    tokens_per_frame: int | None = None

    def __post_init__(self) -> None:
        check_fields(self, _NAMES)
        for number in self.numbers:
            if number not in STEMS:
                raise ArgumentError("statement", number, f"one of {', '.join(STEMS)}")
        if not 1 <= self.num_instances <= MOST_INSTANCES:
            limit = f"at least 1 and at most {MOST_INSTANCES}"
            raise ArgumentError("instances", self.num_instances, limit)
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")
        if self.is_certifying:
            to_balls(())  # refuses where python-flint is missing, before anything is decoded

    def get_numbers(self) -> tuple[str, ...]:
        """Every statement once, in the order of the registry."""
        return tuple(number for number in STEMS if not self.numbers or number in self.numbers)

    def count_instances(self, number: str) -> int:
        """Instances of a statement that are checked."""
        return min(self.num_instances, MAX_INSTANCES.get(number, self.num_instances))

    def count_certified(self, number: str) -> int:
        """Instances of a statement that are certified."""
        statement = get_statement(number)
        if not self.is_certifying or is_proved_whole(number):
            return 0
        return min(self.num_instances, statement.max_certified or CERTIFIED_INSTANCES)

    def count_steps(self, number: str) -> int:
        """Checks of a statement in both arithmetics."""
        return self.count_instances(number) + self.count_certified(number)


@dataclass(frozen=True)
class Outcome:
    """What decoded tokens said about one statement.

    Attributes:
        number: of the statement.
        title: one line.
        source: "paper" or "ours".
        num_instances: instances checked in float64.
        num_violations: of them, those with left > right beyond rounding.
        num_refused: instances that do not meet a hypothesis; nothing is claimed about them.
        worst_ratio: highest left / right of the checked ones; None where it is not finite.
        median_ratio: median; None likewise.
        vacuous_share: share whose bound says no more than is known without it; None without any.
        certified: number of instances by verdict of the balls; None if none were asked for, and
            for what is proved for all instances.
        obligations: of what is proved for all instances: claims that are `expected`, that were
            `found`, and of these those that z3 `discharged`; None for all others, and if nothing
            was to be certified.
    """

    number: str
    title: str
    source: str
    num_instances: int
    num_violations: int
    num_refused: int
    worst_ratio: float | None
    median_ratio: float | None
    vacuous_share: float | None
    certified: dict[str, int] | None = None
    obligations: dict[str, int] | None = None

    @property
    def holds(self) -> bool:
        """Whether something was checked, nothing is wrong, and no obligation is open."""
        violated = (self.certified or {}).get(Verdict.VIOLATED.value, 0)
        is_complete = len(set((self.obligations or {}).values())) <= 1
        checked = self.num_instances > 0 and not self.num_violations
        return checked and not violated and is_complete


def prove(request: Request, processes: int = 1, progress: StageProgress | None = None) -> Json:
    """Decode tokens, check the statements on them, and say what came out.

    Args:
        request: what to check.
        processes: workers that check statements side by side; 1 checks in this process.
        progress: told before and after every step.

    Returns:
        The report.

    Raises:
        ArgumentError: no processes, or more than this machine could use.
        WorkerError: one of them was killed.
    """
    check_processes(processes)
    numbers = request.get_numbers()
    proved = [number for number in numbers if request.is_certifying and is_proved_whole(number)]
    steps = {number: request.count_steps(number) for number in numbers}
    total = 1 + len(proved) + sum(steps.values())
    done = 0

    def advance(label: str, count: int = 1) -> None:
        nonlocal done
        done += count
        if progress is not None:
            progress(label, done, total)

    obligations = {}
    for number in proved:
        advance(STEMS[number], 0)
        obligations[number] = prove_whole(number)
        advance(STEMS[number])
    advance("decoding tokens", 0)
    pair = decode(
        load_rows(
            request.checkpoint,
            request.seed,
            tokens=request.tokens,
            tokens_per_frame=request.tokens_per_frame,
        )
    )
    advance("decoding tokens")
    processes = min(processes, len(numbers))
    if processes == 1:
        outcomes = [check_statement(number, pair, request, advance) for number in numbers]
    else:
        with open_pool(processes, _keep_pair, (pair,)) as pool:
            futures = {pool.submit(_check, number, request): number for number in numbers}
            for future in as_completed(futures):
                future.result()
                advance(futures[future], steps[futures[future]])
        outcomes = [future.result() for future in futures]
    outcomes = [
        replace(outcome, obligations=obligations.get(outcome.number)) for outcome in outcomes
    ]
    return make_report(request, pair, outcomes)


_worker_pairs: list[DecodedPair] = []
"""The decoded tokens of a worker process."""


def _keep_pair(pair: DecodedPair) -> None:
    _worker_pairs.append(pair)


def _check(number: str, request: Request) -> Outcome:
    return check_statement(number, _worker_pairs[0], request)


def is_proved_whole(number: str) -> bool:
    """Whether a statement is proved for all instances at once, not certified one by one."""
    return get_statement(number).count_obligations is not None


def prove_whole(number: str) -> dict[str, int]:
    """Count the obligations of such a statement: expected, found, discharged."""
    count_obligations = get_statement(number).count_obligations
    assert count_obligations is not None
    found = count_obligations()
    if hasattr(signal, "siginterrupt"):
        # z3 puts Ctrl-C back so that it no longer ends a wait for other processes.
        signal.siginterrupt(signal.SIGINT, True)
    return found


def check_statement(
    number: str,
    pair: DecodedPair,
    request: Request,
    advance: Callable[[str], None] = lambda label: None,
) -> Outcome:
    """Check one statement; its instances do not depend on which others are checked."""
    statement = get_statement(number)
    rng = np.random.default_rng([request.seed, list(STEMS).index(number)])
    num_instances = request.count_instances(number)
    instances, checks = [], []
    for _ in range(num_instances):
        instance = statement.draw_decoded(pair, rng)
        with suppress(HypothesisError):
            checks.append(statement.check(instance))
            instances.append(instance)
        advance(number)
    certified = None
    if request.is_certifying and not is_proved_whole(number):
        certified = {verdict.value: 0 for verdict in Verdict}
        for instance in instances[: request.count_certified(number)]:
            certified[statement.certify(instance).value] += 1
            advance(f"{number} in balls")
    return summarise(statement, checks, num_instances - len(checks), certified)


def summarise(
    statement: Statement[Any],
    checks: Sequence[Check],
    num_refused: int,
    certified: dict[str, int] | None,
) -> Outcome:
    """Ratios and counts of the checks."""
    ratios = np.array([check.ratio for check in checks])
    vacuous = [check.is_vacuous for check in checks]
    return Outcome(
        statement.number,
        statement.title,
        statement.source,
        len(checks),
        sum(not check.holds for check in checks),
        num_refused,
        _to_json(ratios.max()) if checks else None,
        _to_json(np.median(ratios)) if checks else None,
        float(np.mean(vacuous)) if checks else None,
        certified,
    )


def _to_json(number: float) -> float | None:
    return float(number) if np.isfinite(number) else None


def make_report(request: Request, pair: DecodedPair, outcomes: Sequence[Outcome]) -> Json:
    """The report as JSON values.

    docs/prove_schema.md describes every field.
    """
    given = pair.given
    num_rows, num_tokens = given.forced_ids.shape
    return {
        "schema_version": SCHEMA_VERSION,
        "provenance": describe_provenance(
            Path(request.checkpoint), None if request.tokens is None else Path(request.tokens)
        ),
        "holds": all(outcome.holds for outcome in outcomes),
        "checkpoint": Path(request.checkpoint).resolve().name,
        "tokens": {
            "source": given.source,
            "rows": num_rows,
            "fed_tokens": num_tokens,
            "tokens_per_frame": given.tokens_per_frame,
        },
        "threshold": _to_json(pair.threshold),
        "replay_ratio": float(pair.replay.replayed.mean()),
        "seed": request.seed,
        "instances": request.num_instances,
        "statements": [{**asdict(outcome), "holds": outcome.holds} for outcome in outcomes],
    }
