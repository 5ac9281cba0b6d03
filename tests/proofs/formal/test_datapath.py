"""Proofs of the datapath: every quick task proves its claim and refutes its planted bugs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from fastcar.proofs.formal import (
    block_walk,
    context,
    exponential,
    masked_keys,
    masked_weights,
    order,
    pick,
    read_channel,
    reciprocal,
    reciprocal_queue,
    requantizer,
    requantizer_sum,
    reset,
    rms_norm,
    running_maximum,
    running_sum,
    saturating_add,
    score_tap,
    score_unit,
    silu_multiply,
    silu_table,
    write_channel,
    write_strobes,
)
from fastcar.proofs.formal.bitwuzla_solver import make_solver, split_commands
from fastcar.proofs.formal.run import run_task
from fastcar.proofs.formal.task import FormalTask
from fastcar.reference.tables import RSQRT_TABLE

QUICK = ("read channel", "requantizer products", "saturating add", "reciprocal divisor")
MODULES = (
    requantizer,
    requantizer_sum,
    silu_table,
    silu_multiply,
    saturating_add,
    score_tap,
    score_unit,
    block_walk,
    context,
    exponential,
    masked_keys,
    masked_weights,
    order,
    pick,
    read_channel,
    write_channel,
    write_strobes,
    rms_norm,
    running_maximum,
    running_sum,
    reciprocal,
    reciprocal_queue,
    reset,
)


def list_all() -> Iterable[FormalTask]:
    for module in MODULES:
        yield from module.list_tasks()


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_claims_hold_and_planted_bugs_are_refuted(name: str) -> None:
    (task,) = (task for task in list_all() if task.name == name)
    result = run_task(task)
    assert result.complaints == ()
    assert all(bug.counterexample is not None for bug in result.bugs)


def test_every_task_has_a_planted_bug_and_a_cover() -> None:
    for task in list_all():
        assert task.bugs, task.name
        assert task.num_covers, task.name


def test_a_scaled_step_of_the_norm_is_never_above_its_value() -> None:
    """What the mantissa's task assumes, for every entry and the largest remainder."""
    for value, following in pairwise(RSQRT_TABLE):
        assert 0 <= 255 * (value - following) <= 256 * value + 128


def test_commands_are_split_at_their_end_only() -> None:
    lines = ["; a comment (", "(assert", "  (= |a(b| x)) ; )", "(check-sat)"]
    assert list(split_commands(lines)) == ["(assert\n  (= |a(b| x)) ; )", "(check-sat)"]


def test_bitwuzla_answers_as_a_program(tmp_path: Path) -> None:
    make_solver(tmp_path, 10, "hdl")
    commands = (
        "(set-logic QF_BV)\n(declare-fun x () (_ BitVec 4))\n(push 1)\n"
        "(assert (= (bvmul x x) #x9))\n"
        "(assert (bvult x #x4))\n(check-sat)\n(get-value (x (bvadd x #x1)))\n(pop 1)\n(check-sat)\n"
        "(nonsense)\n(exit)\n"
    )
    done = subprocess.run(
        [tmp_path / "bitwuzla"], input=commands, text=True, capture_output=True, check=True
    )
    first, values, second, error = done.stdout.splitlines()
    assert (first, second) == ("sat", "sat")
    assert values == "((x #b0011) ((bvadd x #x1) #b0100))"
    assert error.startswith('(error "')
