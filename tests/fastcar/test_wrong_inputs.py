"""Every wrong input of every command: one line that names it, exit code 2, and nothing else."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from tests.checkpoint_files import write_checkpoint
from tests.fastcar.commands import list_files, run_command
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tests.fastcar.wrong_input_tables import ACCEPTED
from tests.fastcar.wrong_inputs import CASES, Case, list_commands, list_options, list_words

DOCS = Path(__file__).parents[2] / "docs"
DAILY = 60
"""Cases of the fast tests, taken evenly."""


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Right inputs, and some that are files but not what was asked for."""
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "video").mkdir()
    save_tiny_video_model(folder / "video")
    write_checkpoint(folder / "llama")
    rng = np.random.default_rng(0)
    prompt_ids, forced_ids = rng.integers(0, 11, (2, 3)), rng.integers(0, 11, (2, 20))
    np.savez(folder / "tokens.npz", prompt_ids=prompt_ids, forced_ids=forced_ids)
    (folder / "text").write_text("no checkpoint, no archive\n")
    (folder / "folder").mkdir()
    (folder / "run").mkdir()
    shutil.copy(DOCS / "findings_moving_digits.json", folder / "run" / "report.json")
    (folder / "sweep").write_text("scope = 'cycles'\n[axes]\ncores = [1]\n")
    with zipfile.ZipFile(folder / "damaged.npz", "w") as archive:
        archive.writestr("prompt_ids.npy", b"\x93NUMPY")
    return folder


def fill(text: str, inputs: Path) -> str:
    """Paths in place of the words in braces."""
    names = {"tokens": "tokens.npz", "damaged": "damaged.npz", "long": 300 * "long"}
    for word in (
        "run",
        "video",
        "llama",
        "tokens",
        "text",
        "folder",
        "damaged",
        "missing",
        "long",
        "out",
        "sweep",
    ):
        text = text.replace(f"{{{word}}}", str(inputs / names.get(word, word)))
    return text


def select(position: int, case: Case) -> object:
    """The case as a parameter; all but an even sample are slow."""
    step = len(CASES) // DAILY
    marks = [] if position % step == 0 else [pytest.mark.slow]
    return pytest.param(case, marks=marks, id=case.label)


def test_there_are_cases_of_every_command() -> None:
    assert len(CASES) >= 300


def test_everything_accepted_is_an_input_that_would_be_tried() -> None:
    tried = {
        f"{command} {option.opts[0]} {word}"
        for command in list_commands()
        for option in list_options(command)
        for word in list_words(option)
    }
    assert set(ACCEPTED) <= tried


@pytest.mark.parametrize("case", [select(*numbered) for numbered in enumerate(CASES)])
def test_a_wrong_input_is_refused_by_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, inputs: Path, case: Case
) -> None:
    monkeypatch.chdir(inputs)  # what is written to the working directory is seen too
    before = list_files(inputs)
    arguments = [fill(argument, inputs) for argument in case.arguments]
    outcome = run_command(capsys, *arguments)
    assert outcome.status == 2, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("fastcar: ")
    assert outcome.err.count("\n") == 1
    assert outcome.err.endswith("\n")
    assert any(fill(name, inputs) in outcome.err for name in case.names), outcome.err
    assert any(fill(value, inputs) in outcome.err for value in case.values), outcome.err
    assert list_files(inputs) == before
