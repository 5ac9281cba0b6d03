"""`make help` is the one door: it must show every target, and every extra must exist."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")


def get_phony_targets() -> set[str]:
    """Targets that are commands, not files."""
    match = re.search(r"^\.PHONY:((?:.*\\\n)*.*)$", MAKEFILE, re.MULTILINE)
    assert match is not None
    return set(match[1].replace("\\", " ").split())


def get_extras() -> dict[str, str]:
    """Extras of the package and their requirements, as written."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return dict(parser["options.extras_require"])


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_help_lists_every_target_with_an_example() -> None:
    shown = subprocess.run(
        ["make", "--no-print-directory", "help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    examples = dict(re.findall(r"^  ([a-z0-9-]+) .*\S +(make \S.*)$", shown, re.MULTILINE))
    assert set(examples) == get_phony_targets()
    for target, example in examples.items():
        assert re.match(rf"make {target}( |$)", example)


def test_every_target_has_a_rule() -> None:
    ruled = set(re.findall(r"^([a-z0-9-]+):", MAKEFILE, re.MULTILINE))
    assert ruled == get_phony_targets()


def test_stamps_name_extras_that_exist() -> None:
    stamps = set(re.findall(r"\$\(VENV\)/stamp-([a-z]+)", MAKEFILE)) - {"venv"}
    come_with_test = {"browser", "distributed", "fst", "strategies", "sweep", "vila_u"}
    assert stamps == set(get_extras()) - come_with_test


def test_demo_installs_the_command_line_only() -> None:
    assert re.search(r"^demo: \$\(VENV\)/stamp-cli ##", MAKEFILE, re.MULTILINE)
    assert "torch" not in get_extras()["cli"]
    assert "torch" not in get_extras()["test"]
