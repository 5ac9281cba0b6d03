"""Page commands refuse what they cannot write before they measure, and judge the prose."""

from __future__ import annotations

import argparse
import json
from importlib import import_module
from pathlib import Path

import pytest

from tools.page import Json
from tools.page_command import PageCommand, make_parser, write_numbers

TOOLS = {
    "bounds": "tools.bounds.__main__",
    "hardware": "tools.hardware.__main__",
    "integer": "tools.integer.__main__",
    "findings": "tools.findings.__main__",
}


@pytest.mark.parametrize("name", TOOLS)
def test_a_place_that_cannot_be_made_is_refused_before_anything_is_measured(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tool = import_module(TOOLS[name])

    def measure(*given: object) -> Json:
        pytest.fail("measured")

    monkeypatch.setattr(tool, "measure", measure)
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setattr("sys.argv", [name, "--out", str(tmp_path / "file" / "none")])
    assert tool.main() == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"{name}: ")
    assert "none" in line
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def run(arguments: list[str], faults: list[str]) -> tuple[int, list[Json]]:
    """Exit code of a command that measures {"a": 1}, and what it wrote."""
    written: list[Json] = []

    def write(report: Json, directory: Path) -> list[str]:
        written.append(write_numbers(report, directory / "a.json"))
        return faults

    command = PageCommand("tool", ("a.json", "a.md"), lambda given: {"a": 1}, write)
    parser = make_parser("What it does.\n\nMore.", quick="less", processes=3)
    assert parser.description == "What it does."
    return command.run(parser.parse_args(arguments)), written


def test_exit_code_says_whether_the_prose_is_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--out", str(tmp_path)]
    assert run(out, []) == (0, [{"a": 1}])
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": 1}
    assert run(out, ["no longer true: x"]) == (1, [{"a": 1}])
    assert capsys.readouterr().err == "no longer true: x\n"
    assert run([*out, "--quick"], ["no longer true: x"]) == (0, [{"a": 1}])


def test_numbers_of_an_earlier_run_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ["--rewrite", "--out", str(tmp_path)]
    assert run(out, []) == (2, [])
    assert capsys.readouterr().err.startswith("tool: out = ")
    (tmp_path / "a.json").write_text('{"b": 2}')
    assert run(out, []) == (0, [{"b": 2}])


def test_options_that_a_tool_does_not_have_are_refused() -> None:
    plain = make_parser("What it does.").parse_args([])
    assert not {"quick", "processes"} & set(vars(plain))
    assert isinstance(plain, argparse.Namespace)
