"""What the tools said about a task."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from fastcar.proofs.formal.counterexample import Counterexample
from fastcar.proofs.formal.task import FormalTask

Json = dict[str, object]


class Status(Enum):
    """Outcome for the assertions of a task."""

    PROVED = "proved"
    """For all runs."""
    BOUNDED = "bounded"
    """For all runs of the stated number of cycles."""
    REFUTED = "refuted"
    """There is a counterexample."""
    UNDECIDED = "undecided"
    """Out of time, or the induction does not close."""


@dataclass(frozen=True)
class Obligations:
    """Numbers of assertions, assumptions and covers."""

    assertions: int
    assumptions: int
    covers: int


@dataclass(frozen=True)
class BugResult:
    """What became of a planted bug.

    Attributes:
        name: what was wrong.
        caught_by: the assertions that failed; none if the bug survived.
        counterexample: a run that shows it.
    """

    name: str
    caught_by: tuple[str, ...]
    counterexample: Counterexample | None


@dataclass(frozen=True)
class FormalResult:
    """What the tools said about a task.

    Attributes:
        task: which.
        status: of the assertions.
        seconds: wall clock of everything, planted bugs included.
        versions: of the tools, by name.
        found: obligations in the SMT2 text.
        unreached: covers that no run reaches.
        failed: assertions that the counterexample breaks.
        counterexample: a run that breaks them; for an induction that does not close, the step.
        bugs: planted bugs in the order of the task.
        complaints: everything that is not as it must be, one line each.
    """

    task: FormalTask
    status: Status
    seconds: float
    versions: dict[str, str]
    found: Obligations
    unreached: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    counterexample: Counterexample | None = None
    bugs: tuple[BugResult, ...] = ()

    @property
    def complaints(self) -> tuple[str, ...]:
        """Why the task is not done; none if everything is as expected."""
        task, lines = self.task, []
        expected = get_expected(task)
        if self.found != expected:
            lines.append(f"obligations: {self.found}, expected {expected}")
        if self.status in (Status.REFUTED, Status.UNDECIDED):
            lines.append(f"{self.status.value}: {', '.join(self.failed) or 'no assertion named'}")
        lines += [f"cover not reached: {name}" for name in self.unreached]
        lines += [f"planted bug survived: {bug.name}" for bug in self.bugs if not bug.caught_by]
        return tuple(lines)

    def to_json(self) -> Json:
        """Everything that docs/signoff_formal.json keeps of it."""
        task = self.task
        return {
            "name": task.name,
            "claim": task.claim,
            "configuration": task.configuration,
            "method": task.method.value,
            "depth_cycles": task.depth_cycles,
            "argument": task.argument,
            "solver": task.solver,
            "status": self.status.value,
            "seconds": round(self.seconds, 1),
            "assertions": self.found.assertions,
            "assumptions": self.found.assumptions,
            "covers": self.found.covers,
            "bugs": [_bug_to_json(bug) for bug in self.bugs],
            "complaints": list(self.complaints),
        }


def get_expected(task: FormalTask) -> Obligations:
    """The numbers that the task states."""
    return Obligations(task.num_assertions, task.num_assumptions, task.num_covers)


def _bug_to_json(bug: BugResult) -> Json:
    run = bug.counterexample
    return {
        "name": bug.name,
        "caught_by": list(bug.caught_by),
        "num_cycles": 0 if run is None else run.num_cycles,
        "table": "" if run is None else run.format_table(),
    }


def make_failure(task: FormalTask, reason: str) -> Json:
    """The result of a task that the tools refuse."""
    nothing = FormalResult(task, Status.UNDECIDED, 0.0, {}, Obligations(0, 0, 0))
    return nothing.to_json() | {"complaints": [reason]}
