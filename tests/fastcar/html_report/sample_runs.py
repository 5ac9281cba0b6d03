"""Run directories for the tests of pages: small documents, and what the real commands write."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from fastcar.cli.main import run
from fastcar.gallery import write_results
from fastcar.generation import run_generation
from fastcar.reference.video.model import load_video_model
from fastcar.report import build_report
from fastcar.request import GenerationRequest
from tests.fastcar.tiny_video_model import save_tiny_video_model

DOCS = Path(__file__).parents[3] / "docs"

PROVENANCE: dict[str, Any] = {
    "command": ["prove", "--statement", "P-01", "--out", "a file.json"],
    "versions": {"python": "3.11.7", "fastcar": "0.1.0"},
    "platform": "Linux",
    "processor": "a processor",
    "blas": [{"library": "openblas", "version": "0.3", "kernel": None, "threads": 1}],
    "weights_sha256": "ab" * 32,
    "tokens_sha256": None,
}
STATEMENT: dict[str, Any] = {
    "number": "P-01",
    "title": "total variation",
    "source": "ours",
    "holds": True,
    "num_instances": 5,
    "num_violations": 0,
    "num_refused": 0,
    "worst_ratio": 0.9,
    "median_ratio": 0.5,
    "vacuous_share": 0.0,
    "certified": {"holds": 3, "undecided": 0, "violated": 0},
    "obligations": None,
}
PROVE: dict[str, Any] = {
    "schema_version": 1,
    "provenance": PROVENANCE,
    "holds": True,
    "checkpoint": "tiny",
    "tokens": {"source": "random tokens", "rows": 2, "fed_tokens": 20, "tokens_per_frame": 4},
    "threshold": 0.5,
    "replay_ratio": 0.25,
    "seed": 0,
    "instances": 5,
    "statements": [STATEMENT],
}
"""A report of `fastcar prove`, field by field of docs/prove_schema.md."""


def write_json(path: Path, values: Any) -> Path:
    """A file with these values, in a folder that is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values), encoding="utf-8")
    return path


def write_prove_run(folder: Path, **changes: Any) -> Path:
    """A report of `fastcar prove` with some fields changed."""
    return write_json(folder / "proved" / "prove.json", {**PROVE, **changes})


def copy_findings(folder: Path) -> Path:
    """The directory of an analysis, as `make findings` keeps its report."""
    (folder / "findings").mkdir(parents=True)
    shutil.copy(DOCS / "findings_moving_digits.json", folder / "findings" / "report.json")
    return folder / "findings"


def write_generate_run(folder: Path, **changes: Any) -> Path:
    """A run of `fastcar generate` on a tiny model, two continued clips of 4 frames of 4 tokens."""
    model = folder / "model"
    if not model.exists():
        save_tiny_video_model(model)
    asked: dict[str, Any] = {"clips": ("held_out:0-1",), "tau": (0.0,), "repeats": 1}
    request = GenerationRequest(**{**asked, "engine": "numpy", **changes})
    generation = run_generation(load_video_model(model), request)
    out = folder / "generated"
    out.mkdir()
    write_results(generation, build_report(generation), out)
    return out


def run_commands(folder: Path) -> list[Path]:
    """What the real commands write: videos of the shipped model, cores, statements, answers."""
    generated, hardware = folder / "videos", folder / "hardware"
    hardware.mkdir(parents=True)
    model = save_tiny_video_model(folder / "model")
    short = ("--tau", "5", "--gate", "input", "--repeats", "1", "--engine", "numpy")
    prompts = ("--prompt", "3 right-down", "--prompt", "7 left")
    tiny = ("--checkpoint", str(model))
    sizes = ("--batch", "3", "--cores", "2", "--lanes", "8", "--calibration-clips", "2")
    stalls = ("--stall", "0.2")
    decoder = ("--scope", "decoder", "--num-tokens", "2", "--batch", "2", "--lanes", "8")
    statements = ("--statement", "P-04", "--statement", "P-01", "--instances", "3")
    for arguments in (
        ("generate", *prompts, *short, "--out", str(generated)),
        ("cosim", *tiny, *sizes, *stalls, "--out", str(hardware / "layers.json")),
        (
            "cosim",
            *tiny,
            *decoder,
            "--calibration-clips",
            "2",
            "--out",
            str(hardware / "decoder.json"),
        ),
        ("prove", *tiny, *statements, "--processes", "1", "--out", str(hardware / "prove.json")),
    ):
        assert run(arguments) == 0, arguments
    return [generated, hardware, copy_findings(folder)]
