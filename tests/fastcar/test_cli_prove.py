"""`fastcar prove` through the real command line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import fastcar.proving
from fastcar.proofs import scheduler
from fastcar.proofs.registry import STEMS, get_statement
from fastcar.proofs.scheduler_model import NUM_OBLIGATIONS, Obligation
from fastcar.proofs.statement import Hypothesis, Sides, Statement
from fastcar.proving import CERTIFIED_INSTANCES
from fastcar.reference.video.model import SHIPPED_MODEL
from tests.checkpoint_files import CONFIG, make_tensors, write_checkpoint
from tests.fastcar.commands import Outcome, check_refused, list_files, run_command
from tests.fastcar.schema import list_undocumented
from tests.fastcar.tiny_video_model import save_tiny_video_model

Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random video model."""
    return save_tiny_video_model(tmp_path_factory.mktemp("prove") / "model")


def prove(capsys: Capture, model: Path, *arguments: object) -> Outcome:
    """Run the command on a model, in this process and with few instances."""
    options = ("--checkpoint", model, "--instances", 3, "--processes", 1)
    return run_command(capsys, "prove", *options, *arguments)


def prove_json(capsys: Capture, model: Path, *arguments: object) -> dict[str, Any]:
    """The printed report of a run that must succeed."""
    outcome = prove(capsys, model, "--json", *arguments)
    assert outcome.status == 0, outcome.err
    report: dict[str, Any] = json.loads(outcome.out)
    assert report["provenance"].pop("command")[0] == "prove"
    return report


def test_table_shows_every_statement(capsys: Capture, model: Path) -> None:
    outcome = prove(capsys, model)
    assert outcome.status == 0, outcome.out
    assert outcome.err == ""
    lines = outcome.out.splitlines()
    assert lines[0].startswith("model, 2, 3, 4, 5 of the recorded held_out clips: ")
    assert [line.split()[0] for line in lines[2:-1]] == list(STEMS)
    for line, number in zip(lines[2:-1], STEMS, strict=True):
        assert get_statement(number).title in line
        assert line.endswith(" -  holds")


def test_report_says_what_was_checked(capsys: Capture, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    report = prove_json(capsys, model, "--out", out, "--seed", 5)
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["provenance"].pop("command")[:2] == ["prove", "--checkpoint"]
    assert written == report
    assert report["holds"] is True
    assert (report["seed"], report["instances"]) == (5, 3)
    assert report["checkpoint"] == "model"
    assert report["tokens"]["rows"] == 4
    assert [line["number"] for line in report["statements"]] == list(STEMS)
    for line in report["statements"]:
        assert line["num_instances"] + line["num_refused"] == 3
        assert line["num_violations"] == 0
        assert 0 <= line["median_ratio"] <= line["worst_ratio"] <= 1
        assert line["certified"] is None


def test_every_field_is_documented(capsys: Capture, model: Path) -> None:
    report = prove_json(capsys, model, "--certify", "--statement", "P-03", "--instances", 2)
    assert list_undocumented(report, "prove_schema.md") == []


def test_certified_instances_are_counted(capsys: Capture, model: Path) -> None:
    arguments = ("--certify", "--statement", "P-03", "--instances", 2 * CERTIFIED_INSTANCES)
    [line] = prove_json(capsys, model, *arguments)["statements"]
    assert line["certified"] == {"holds": CERTIFIED_INSTANCES, "violated": 0, "undecided": 0}
    outcome = prove(capsys, model, "--certify", "--statement", "P-03")
    assert "  3/0/0  holds" in outcome.out


PROVED_WHOLE = {"P-10": NUM_OBLIGATIONS, "P-20": 18 * 256, "P-21": 1 << 17}
"""Obligations of what is proved for all instances."""


@pytest.mark.slow
def test_everything_is_certified_on_a_small_model(capsys: Capture, model: Path) -> None:
    report = prove_json(capsys, model, "--certify", "--instances", 2)
    for line in report["statements"]:
        if line["number"] in PROVED_WHOLE:
            assert line["certified"] is None
            assert set(line["obligations"].values()) == {PROVED_WHOLE[line["number"]]}
        else:
            assert line["certified"]["holds"] >= 1, line
            assert line["obligations"] is None


@pytest.mark.parametrize("is_missing", [False, True])
def test_an_open_or_missing_obligation_fails_the_command(
    capsys: Capture, model: Path, monkeypatch: pytest.MonkeyPatch, is_missing: bool
) -> None:
    done = [Obligation("claim", 1, None, True, "")] * (NUM_OBLIGATIONS - 1)
    found = done if is_missing else [*done, Obligation("claim", 1, None, False, "C = 1")]
    monkeypatch.setattr(scheduler, "prove_all_words", lambda: found)
    outcome = prove(capsys, model, "--statement", "P-10", "--certify")
    assert outcome.status == 1
    assert f"{NUM_OBLIGATIONS - 1} of {NUM_OBLIGATIONS}  NOT PROVED" in outcome.out


def test_a_statement_sees_the_same_instances_alone_and_among_others(
    capsys: Capture, model: Path
) -> None:
    both = prove_json(capsys, model, "--statement", "P-03", "--statement", "P-01")
    assert [line["number"] for line in both["statements"]] == ["P-01", "P-03"]
    alone = prove_json(capsys, model, "--statement", "P-03", "--statement", "P-03")
    assert alone["statements"] == both["statements"][1:]
    other = prove_json(capsys, model, "--statement", "P-03", "--seed", 1)
    assert other["statements"] != alone["statements"]


def test_processes_change_nothing(capsys: Capture, model: Path) -> None:
    alone = prove_json(capsys, model)
    assert prove_json(capsys, model, "--processes", 2) == alone


def test_checkpoint_without_clips_is_checked_on_random_tokens(
    capsys: Capture, tmp_path: Path
) -> None:
    report = prove_json(capsys, write_checkpoint(tmp_path / "llama"))
    assert report["holds"] is True
    assert report["tokens"]["source"] == "random tokens (the checkpoint has no clips)"


def falsify(sides: Sides) -> Sides:
    """A bound that is far too small."""
    return replace(sides, right=sides.right * 1e-3)


def plant(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[Statement[Any]], Statement[Any]]
) -> None:
    """Let the command find a changed statement in the registry."""
    monkeypatch.setattr(
        fastcar.proving, "get_statement", lambda number: change(get_statement(number))
    )


def test_a_false_statement_fails_the_command(
    capsys: Capture, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def change(statement: Statement[Any]) -> Statement[Any]:
        if statement.number != "P-03":
            return statement
        compute_sides = statement.compute_sides
        return replace(statement, compute_sides=lambda pair: falsify(compute_sides(pair)))

    plant(monkeypatch, change)
    out = tmp_path / "report.json"
    arguments = ("--statement", "P-01", "--statement", "P-03", "--out", out)
    outcome = prove(capsys, model, *arguments)
    assert outcome.status == 1
    assert [line.split()[-1] for line in outcome.out.splitlines()[2:-1]] == ["holds", "VIOLATED"]
    report = json.loads(out.read_text(encoding="utf-8"))
    assert report["holds"] is False
    assert [line["holds"] for line in report["statements"]] == [True, False]
    assert report["statements"][1]["num_violations"] == 3


def test_a_violation_that_only_balls_see_fails_the_command(
    capsys: Capture, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(statement: Statement[Any]) -> Statement[Any]:
        compute_sides = statement.compute_sides
        return replace(
            statement,
            compute_sides=lambda pair: falsify(compute_sides(pair)),
            compute_rounding=lambda pair: 1e9,
        )

    plant(monkeypatch, change)
    assert prove(capsys, model, "--statement", "P-01").status == 0
    outcome = prove(capsys, model, "--statement", "P-01", "--certify")
    assert outcome.status == 1
    assert "0/0/3  VIOLATED" in outcome.out


def test_a_statement_without_any_instance_is_not_shown(
    capsys: Capture, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = Hypothesis[Any]("never", lambda pair: False)
    plant(monkeypatch, lambda statement: replace(statement, hypotheses=(never,)))
    outcome = prove(capsys, model, "--statement", "P-01", "--certify")
    assert outcome.status == 1
    assert outcome.out.splitlines()[2].endswith("0/0/0  no instance")


@pytest.mark.slow
def test_shipped_model_passes(capsys: Capture) -> None:
    outcome = run_command(capsys, "prove", "--instances", 2, "--json")
    assert outcome.status == 0, outcome.err
    assert json.loads(outcome.out)["checkpoint"] == SHIPPED_MODEL.name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--statement", "P-99"), ("statement", "'P-99'", "P-01")),
        (("--statement", "softmax"), ("statement", "'softmax'", "P-01")),
        (("--instances", "0"), ("instances", "0", "at least 1")),
        (("--instances", "many"), ("--instances", "'many'")),
        (("--processes", "0"), ("processes", "0", "at least 1")),
        (("--seed", "-1"), ("seed", "-1", "at least 0")),
        (("--checkpoint", "nowhere"), ("nowhere", "config.json", "No such file")),
        (("--out", "/dev/null/report.json"), ("output", "directory")),
        (("surplus",), ("surplus",)),
    ],
)
def test_wrong_argument_is_refused(
    capsys: Capture,
    model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    monkeypatch.chdir(tmp_path)
    check_refused(prove(capsys, model, *arguments), words)
    assert list_files(tmp_path) == []


def test_certification_without_its_library_is_refused_first(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    outcome = prove(capsys, tmp_path / "no model", "--certify")
    check_refused(outcome, ("certify", "python-flint", "fastcar[proofs]"))


def test_scheduler_without_its_prover_is_refused_first(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "z3", None)
    monkeypatch.delitem(sys.modules, "fastcar.proofs.scheduler_model", raising=False)
    outcome = prove(capsys, tmp_path / "no model", "--certify", "--statement", "P-10")
    check_refused(outcome, ("P-10", "z3-solver", "fastcar[proofs]"))


@pytest.mark.slow
def test_a_wait_can_be_interrupted_after_the_scheduler_was_proved() -> None:
    script = """
import os, signal, threading
from fastcar.proving import prove_whole

signal.signal(signal.SIGINT, signal.default_int_handler)
prove_whole("P-10")
threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
threading.Event().wait(3600)
"""
    outcome = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False
    )
    assert "KeyboardInterrupt" in outcome.stderr


def test_interrupt_leaves_no_file(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(statement: Statement[Any]) -> Statement[Any]:
        raise KeyboardInterrupt

    plant(monkeypatch, interrupt)
    outcome = prove(capsys, model, "--out", tmp_path / "report.json")
    assert outcome.status == 130
    assert outcome.err.strip() == "fastcar: interrupted"
    assert list_files(tmp_path) == []


def test_what_a_worker_refuses_is_refused(capsys: Capture, tmp_path: Path) -> None:
    """Without embeddings every activation is 0 and has no scale."""
    tensors = make_tensors(CONFIG)
    name = "model.embed_tokens.weight"
    tensors[name] = replace(tensors[name], content=bytes(len(tensors[name].content)))
    llama = write_checkpoint(tmp_path / "llama", tensors=tensors)
    lines = set()
    for processes in (1, 2):
        outcome = run_command(
            capsys, "prove", "--checkpoint", llama, "--instances", 3, "--processes", processes
        )
        check_refused(outcome, ("scale = 0.0", "finite and above 0"))
        lines.add(outcome.err)
    assert len(lines) == 1


@pytest.mark.parametrize(
    ("option", "number"), [("--instances", 10**12), ("--processes", 10**6), ("--processes", 0)]
)
def test_sizes_beyond_reason_are_refused(
    option: str, number: int, capsys: Capture, model: Path
) -> None:
    check_refused(prove(capsys, model, option, number), (f"= {number}: must be", "at most"))
