"""`fastcar conformance`: files out, answers in, another program, and everything it may do wrong."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

from fastcar.conformance.case import KIT_VERSION, TOLERANCES
from fastcar.conformance.kit import list_questions
from tests.fastcar.commands import check_refused, list_files, run_command
from tests.fastcar.conformance import numpy_adapter

Capture = pytest.CaptureFixture[str]
ONE = ("--only", "scheduler.uneven")
CALL = ("--", sys.executable, "-c")
FILES = ("{input}", "{output}")


def write_answers(folder: Path, only: tuple[str, ...]) -> None:
    """What the reference answers."""
    folder.mkdir(exist_ok=True)
    for question in list_questions(only):
        answers: dict[str, Any] = dict(question.case.compute(question.instance).answers)
        np.savez(folder / f"{question.instance.label}.npz", **answers)


def test_list_shows_every_instance(capsys: Capture) -> None:
    outcome = run_command(capsys, "conformance", "list")
    labels = [line.split()[0] for line in outcome.out.splitlines()]
    assert labels == [question.instance.label for question in list_questions()]


def test_the_kit_needs_nothing_but_numpy_to_read(capsys: Capture, tmp_path: Path) -> None:
    outcome = run_command(capsys, "conformance", "write", tmp_path / "kit")
    assert (outcome.status, outcome.err) == (0, "")
    manifest = json.loads((tmp_path / "kit" / "manifest.json").read_text())
    assert (manifest["kit_version"], manifest["tolerances"]) == (KIT_VERSION, TOLERANCES)
    assert list_files(tmp_path / "kit") == sorted([*manifest["files"], "manifest.json"])
    for name, described in manifest["files"].items():
        with np.load(tmp_path / "kit" / name) as file:
            settings = json.loads(bytes(file["settings"]))
            assert all(file[key].dtype.kind in "biuf" for key in file.files)
        assert (settings["case"], settings["kit_version"]) == (described["case"], KIT_VERSION)
        assert manifest["cases"][described["case"]]["outputs"]
    assert sum(path.stat().st_size for path in (tmp_path / "kit").iterdir()) < 500_000


def test_right_files_pass_and_absent_ones_are_not_answered(capsys: Capture, tmp_path: Path) -> None:
    run_command(capsys, "conformance", "write", tmp_path / "kit")
    write_answers(tmp_path / "answers", ("softmax", "decoder"))
    given = ("conformance", "check", tmp_path / "kit", tmp_path / "answers")
    outcome = run_command(capsys, *given, "--only", "softmax")
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-1] == f"kit {KIT_VERSION}: 4 of 4 passed"
    report, badge = tmp_path / "report.json", tmp_path / "badge.svg"
    outcome = run_command(capsys, *given, "--report", report, "--badge", badge)
    assert outcome.status == 1
    asked = len(list_questions())
    told = f"8 of {asked} passed, {asked - 8} not answered"
    assert outcome.out.splitlines()[-1].endswith(told)
    found = json.loads(report.read_text())
    assert (found["kit_version"], found["passed"]) == (KIT_VERSION, False)
    assert len(found["instances"]) == asked
    words = " ".join(ElementTree.parse(badge).getroot().itertext())
    assert "decoder, scores, replay, input_gate, corrected, scheduler, softmax, integer" in words
    assert told in words
    assert f"kit {KIT_VERSION}" in words


def test_another_program_is_called_for_each_instance(capsys: Capture, tmp_path: Path) -> None:
    only = ("--only", "replay.paper", "--only", "scheduler.idle")
    program = ("--", sys.executable, numpy_adapter.__file__, *FILES)
    outcome = run_command(capsys, "conformance", "run", *only, *program)
    assert (outcome.status, outcome.err) == (0, "")
    assert [line.split()[:2] for line in outcome.out.splitlines()[:-1]] == [
        ["replay.paper", "pass"],
        ["scheduler.idle", "pass"],
    ]
    badge = ("--badge", tmp_path / "badge.svg")
    outcome = run_command(capsys, "conformance", "run", "--only", "softmax.far", *badge, *program)
    assert "softmax.far: 0 of 1 passed" in (tmp_path / "badge.svg").read_text()
    assert outcome.status == 1
    assert "softmax.far  not answered" in outcome.out
    outcome = run_command(capsys, "conformance", "run", *only, *program, "slots dealt, not work")
    assert outcome.status == 1
    assert "scheduler.idle  fail" in outcome.out


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("pass", "the program wrote no answers"),
        ("raise SystemExit('out of\\nmemory')", "the program ended with status 1: memory"),
        ("import os; os.kill(os.getpid(), 9)", "the program ended with status -9"),
        ("import time; time.sleep(60)", "the program ran for more than 0.5 s"),
        ("open(sys.argv[2], 'w').write('no')", "found File is not a zip file: must be an .npz"),
        ("np.savez(sys.argv[2], x=np.array([{}]))", "found Object arrays cannot be loaded"),
        ("np.savez(sys.argv[2], x=np.zeros(2**20))", "found x.npy 8388736 bytes: must be at most"),
        ("np.savez(sys.argv[2], x=1)", "index_word: missing, must be one of index_word, map"),
        ("import os; os.mkdir(sys.argv[2])", "must be an .npz file of arrays"),
    ],
)
def test_a_bad_program_has_one_line(capsys: Capture, script: str, reason: str) -> None:
    needs = "import sys, numpy as np; " if "np." in script else "import sys; "
    words = (*ONE, "--timeout", 0.5 if "sleep" in script else 30, *CALL, needs + script, *FILES)
    outcome = run_command(capsys, "conformance", "run", *words)
    assert (outcome.status, outcome.err) == (1, "")
    assert reason in outcome.out.splitlines()[0]
    assert len(outcome.out.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", *ONE, "--", "true", "{input}"), ("command = 'true {input}'", "{output}")),
        (("run", *ONE, "--", "no-such-program", *FILES), ("command = 'no-such-program'",)),
        (("run", *ONE), ("COMMAND",)),
        (("run", "--only", "replays", "--", "true", *FILES), ("only = 'replays'", "decoder")),
        (("run", "--timeout", "nan", "--", "true", *FILES), ("timeout = nan", "above 0")),
        (("run", "--timeout", "0", "--", "true", *FILES), ("timeout = 0.0", "above 0")),
        (("check", "{folder}", "{folder}", "--badge", "{folder}/file"), ("output", "replace")),
        (("run", "--report", "x", "--badge", "x", "--", "true", *FILES), ("badge = 'x'", "report")),
        (("check", "{folder}", "{folder}"), ("manifest.json", "nothing", "write")),
        (("write", "{folder}/file"), ("output", "file")),
        (("sorts",), ("sorts",)),
    ],
)
def test_what_cannot_be_asked_is_refused(
    capsys: Capture, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("mine")
    given = [part.replace("{folder}", str(tmp_path)) for part in arguments]
    check_refused(run_command(capsys, "conformance", *given), words)
    assert (tmp_path / "file").read_text() == "mine"


def test_inputs_that_were_changed_are_refused(capsys: Capture, tmp_path: Path) -> None:
    kit, answers = tmp_path / "kit", tmp_path / "answers"
    run_command(capsys, "conformance", "write", *ONE, kit)
    write_answers(answers, ("scheduler.uneven",))
    path = kit / "scheduler.uneven.npz"
    arrays: dict[str, Any] = dict(np.load(path))
    np.savez(path, **(arrays | {"computes": ~arrays["computes"]}))
    given = ("conformance", "check", *ONE, kit, answers)
    check_refused(run_command(capsys, *given), ("scheduler.uneven.npz: computes", "left it"))
    path.unlink()
    check_refused(run_command(capsys, *given), ("scheduler.uneven.npz", "nothing"))
    (kit / "manifest.json").write_text('{"kit_version": "0"}')
    check_refused(run_command(capsys, *given), ("kit_version", "'0'", f"'{KIT_VERSION}'"))
    (kit / "manifest.json").write_text("[]")
    check_refused(run_command(capsys, *given), ("kit_version", "None"))
    run_command(capsys, "conformance", "write", *ONE, kit)
    check_refused(run_command(capsys, *given[:-1], tmp_path / "none"), ("answers", "directory"))


def test_a_hanging_program_leaves_no_process(capsys: Capture, tmp_path: Path) -> None:
    child = f"import time; time.sleep(1.5); open({str(tmp_path / 'late')!r}, 'w')"
    script = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    words = (*ONE, "--timeout", 0.5, *CALL, script, *FILES)
    assert run_command(capsys, "conformance", "run", *words).status == 1
    time.sleep(1.5)
    assert list_files(tmp_path) == []
