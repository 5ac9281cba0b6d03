"""The PyTorch adapter passes every case in real numbers, in both precisions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fastcar.conformance.comparison import Verdict
from fastcar.conformance.float_cases import FLOAT_CASES
from fastcar.conformance.kit import list_questions
from fastcar.conformance.kit_files import get_file_name, write_kit
from fastcar.conformance.runner import ANSWERS_NOTHING, judge_folder
from tools.paths import ROOT

PYTHON = os.environ.get("FASTCAR_TORCH_PYTHON", sys.executable)
"""Interpreter that has PyTorch, if it is another one."""
HAS_TORCH = "import importlib.util, sys; sys.exit(importlib.util.find_spec('torch') is None)"
ANSWER_ALL = """
import json, sys
from conformance_torch import main
inputs, answers, dtype, *names = sys.argv[1:]
print(json.dumps([main(f"{inputs}/{name}", f"{answers}/{name}", dtype) for name in names]))
"""


@pytest.mark.nightly
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_pytorch_passes_what_it_knows_and_says_what_it_does_not(dtype: str, tmp_path: Path) -> None:
    """One process for all instances: loading PyTorch takes longer than all answers."""
    if subprocess.run([PYTHON, "-c", HAS_TORCH], check=False).returncode:
        pytest.skip(f"PyTorch is not installed: {PYTHON}")
    questions = list_questions()
    inputs, answers = tmp_path / "inputs", tmp_path / "answers"
    answers.mkdir()
    write_kit(questions, inputs)
    names = [get_file_name(question.instance) for question in questions]
    done = subprocess.run(
        [PYTHON, "-c", ANSWER_ALL, str(inputs), str(answers), dtype, *names],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "tools")},
    )
    known = [question.case in FLOAT_CASES for question in questions]
    assert json.loads(done.stdout) == [0 if one else ANSWERS_NOTHING for one in known]
    outcomes = judge_folder(list_questions([case.name for case in FLOAT_CASES]), answers)
    assert [one for one in outcomes if one.verdict is not Verdict.PASSED] == []
    assert len(outcomes) == sum(known)
