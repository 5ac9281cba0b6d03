"""Sizes out of four files, and what in them is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.vila_u.config import is_vila_u, load_vila_u_config
from tests.vila_u_files import MODELS, VECTORS

TOWER, BODY, PROJECTOR = "vision_tower", "llm", "mm_projector"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The configs of A2 alone."""
    for part in ("", BODY, TOWER, PROJECTOR):
        (tmp_path / part).mkdir(exist_ok=True)
        shutil.copy(VECTORS / "A2" / "checkpoint" / part / "config.json", tmp_path / part)
    return tmp_path


def change(root: Path, part: str, keys: str, value: Any) -> None:
    """Set a key, `a.b.c` for nested objects; ... removes it."""
    path = root / part / "config.json"
    document = json.loads(path.read_text())
    inner = document
    *outer, last = keys.split(".")
    for key in outer:
        inner = inner[key]
    if value is ...:
        del inner[last]
    else:
        inner[last] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("model", MODELS)
def test_recorded_directories_are_known(model: str) -> None:
    assert is_vila_u(VECTORS / model / "checkpoint")
    assert not is_vila_u(VECTORS / model / "checkpoint" / BODY)
    assert not is_vila_u(VECTORS / model)


def test_sizes_are_those_of_the_folders(directory: Path) -> None:
    change(directory, "", "hidden_size", 7)
    change(directory, "", "mm_hidden_size", 7)
    config = load_vila_u_config(directory)
    assert (config.vision.code_width, config.vision.num_codes, config.vision.depth) == (24, 33, 4)
    assert (config.vision.tokens_per_frame, config.num_frames, config.start_id) == (9, 3, 362)
    assert (config.depth.width, config.depth.num_heads, config.depth.num_layers) == (40, 5, 1)
    assert config.llm.hidden_size == 48
    assert config.projector.shapes == {"layers": (48, 24)}


def test_what_the_library_writes_into_any_object_is_ignored(directory: Path) -> None:
    wanted = load_vila_u_config(directory)
    for name in ("rqvaesiglip", "rqtransformer"):
        for key, value in (("return_dict", True), ("top_k", 50), ("_commit_hash", None)):
            change(directory, TOWER, f"{name}.{key}", value)
    assert load_vila_u_config(directory) == wanted


@pytest.mark.parametrize(
    ("trained", "scaling", "limit"),
    [
        (None, {"type": "linear", "factor": 2.0}, 512),
        (1024, {"type": "linear", "factor": 2.0}, 1024),
        (4096, {"type": "linear", "factor": 2.0}, 1024),
        (256, {"type": "linear", "factor": 2.0}, 512),
        (1024, None, 512),
    ],
)
def test_linear_scaling_reaches_as_far_as_it_was_trained(
    directory: Path, trained: int | None, scaling: Any, limit: int
) -> None:
    change(directory, BODY, "model_max_length", trained)
    change(directory, BODY, "rope_scaling", scaling)
    assert load_vila_u_config(directory).llm.max_position_embeddings == limit


@pytest.mark.parametrize(
    ("part", "keys", "value", "words"),
    [
        ("", "llm_cfg", ..., ("llm_cfg", "nothing")),
        ("", "vision_tower_cfg", None, ("vision_tower_cfg", "null")),
        ("", "mm_projector_cfg", "", ("mm_projector_cfg", '""')),
        ("", "mm_projector_cfg", "gone", ("gone", "no directory")),
        ("", "model_type", "llava", ("model_type", '"llava"', "vila_u_llama")),
        ("", "mm_use_vi_start_end", False, ("mm_use_vi_start_end", "false")),
        ("", "num_video_frames", 0, ("num_video_frames", "0")),
        (BODY, "hidden_act", "gelu", ("hidden_act", '"gelu"')),
        (BODY, "rope_scaling", {"type": "su", "factor": 2.0}, ("rope_scaling.type", '"su"')),
        (TOWER, "rqvaesiglip", ..., ("rqvaesiglip", "nothing")),
        (TOWER, "rqtransformer", 3, ("rqtransformer", "3")),
        (TOWER, "rqvaesiglip.bottleneck", 1, ("rqvaesiglip", 'unknown key "bottleneck"')),
        (TOWER, "rqtransformer.body", {}, ("rqtransformer", 'unknown key "body"')),
        (TOWER, "rqtransformer.head.block.attn_bias", False, ("head.block", '"attn_bias"')),
        (TOWER, "rqvaesiglip.embed_dim", 20, ("latent_shape", "[3, 3, 24]", "embed_dim")),
        (TOWER, "hidden_size", 20, ("hidden_size", "20", "24")),
        (TOWER, "rqvaesiglip.n_embed", 32, ("vocab_size", "33", "32, as n_embed")),
        (TOWER, "rqvaesiglip.n_embed", [33], ("n_embed", "a list of 1")),
        (TOWER, "rqvaesiglip.shared_codebook", None, ("shared_codebook", "null")),
        (TOWER, "rqvaesiglip.code_shape", [3, 4, 4], ("code_shape", "[3, 4]", "a square")),
        (TOWER, "rqvaesiglip.code_shape", [3, 3], ("code_shape", "a list of 2")),
        (TOWER, "rqvaesiglip.code_shape", [3, 3, 65], ("code_shape", "at most 64 deep")),
        (TOWER, "rqtransformer.block_size", [3, 3, 3], ("block_size", "[3, 3, 3]", "[3, 3, 4]")),
        (TOWER, "rqtransformer.input_embed_dim_1", 25, ("input_embed_dim_1", "25", "24")),
        (TOWER, "rqtransformer.input_embed_dim_2", 25, ("input_embed_dim_2", "25", "48")),
        (
            TOWER,
            "rqtransformer.head.block.n_head",
            3,
            ("n_head", "3", "a divisor of embed_dim = 40"),
        ),
        (TOWER, "rqtransformer.head.n_layer", 5000, ("n_layer", "5000", "at most 1024")),
        (PROJECTOR, "mm_projector_type", "mlp0x_gelu", ("mm_projector_type", "mlp0x_gelu")),
        (PROJECTOR, "mm_projector_type", "identity", ("identity", "embed_dim = 24")),
        (PROJECTOR, "mm_projector_type", None, ("mm_projector_type", "null")),
    ],
)
def test_what_is_not_computed_is_refused_by_name(
    directory: Path, part: str, keys: str, value: Any, words: tuple[str, ...]
) -> None:
    change(directory, part, keys, value)
    with pytest.raises(CheckpointError) as refusal:
        load_vila_u_config(directory)
    assert "\n" not in str(refusal.value)
    for word in words:
        assert word in str(refusal.value)


def test_identity_between_equal_widths_has_no_tensors(directory: Path) -> None:
    change(directory, PROJECTOR, "mm_projector_type", "identity")
    for keys, value in (
        ("rqvaesiglip.embed_dim", 48),
        ("rqvaesiglip.latent_shape", [3, 3, 48]),
        ("rqtransformer.input_embed_dim_1", 48),
        ("hidden_size", 48),
    ):
        change(directory, TOWER, keys, value)
    assert load_vila_u_config(directory).projector.shapes == {}
