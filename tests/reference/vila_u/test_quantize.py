from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.int8_matrix import Int8Matrix
from fastcar.reference.vila_u.checkpoint import load_vila_u, load_vila_u_pixels
from fastcar.reference.vila_u.quantize import quantize_vila_u_files
from fastcar.reference.vila_u.trace import run_vila_u_trace
from tests.vila_u_files import VECTORS, load_codes, load_prompt, make_options


def quantize(source: Path, tmp_path: Path) -> Path:
    target = tmp_path / "int8"
    target.mkdir()
    quantize_vila_u_files(source, target)
    return target


def test_a_quantised_body_computes_on_its_integers_and_stays_near(tmp_path: Path) -> None:
    target = quantize(VECTORS / "A2" / "checkpoint", tmp_path)
    model = load_vila_u(target)
    assert isinstance(model.weights.layers[0].up_proj, Int8Matrix)
    ids, mask = load_prompt("A2")
    hidden = []
    for directory in (target, VECTORS / "A2" / "checkpoint"):
        for dtype in (np.float32, np.float64):
            loaded = load_vila_u(directory, dtype)
            codes = load_codes("A2")[:, :6]
            found = run_vila_u_trace(loaded, ids, codes, make_options("A2"), mask)
            hidden.append(found.hidden)
    assert 0 < abs(hidden[1] - hidden[3]).max() < 0.2  # rounded weights
    assert 0 < abs(hidden[0] - hidden[1]).max() < 0.3  # rounded activations
    assert load_vila_u_pixels(model.config).config.code_width == 24
    assert (target / "llm" / "tokenizer.model").is_file()


def test_paths_and_the_trained_length_survive(tmp_path: Path) -> None:
    source = tmp_path / "source"
    shutil.copytree(VECTORS / "A2" / "checkpoint", source)
    (source / "llm").rename(tmp_path / "body")
    document = json.loads((source / "config.json").read_text())
    document["llm_cfg"] = str(tmp_path / "body")
    (source / "config.json").write_text(json.dumps(document))
    body = json.loads((tmp_path / "body" / "config.json").read_text())
    (tmp_path / "body" / "config.json").write_text(json.dumps({**body, "model_max_length": 900}))
    target = quantize(source, tmp_path)
    assert load_vila_u(target).config.llm.max_position_embeddings == 900


def test_a_quantised_one_is_not_quantised_again(tmp_path: Path) -> None:
    target = quantize(VECTORS / "A2" / "checkpoint", tmp_path)
    again = tmp_path / "again"
    again.mkdir()
    with pytest.raises(CheckpointError, match="quantization_config"):
        quantize_vila_u_files(target, again)
