from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.config_file import load_config
from tests.checkpoint_files import CONFIG

SIZE_LIMIT = "a whole number from 1 to 2147483647"
WINDOW_LIMIT = r"null or at least max_position_embeddings = 32 \(full attention\)"


def load(directory: Path, document: object) -> ModelConfig:
    (directory / "config.json").write_text(json.dumps(document), encoding="utf-8")
    return load_config(directory)


def without(*names: str) -> dict[str, Any]:
    return {key: value for key, value in CONFIG.items() if key not in names}


def test_every_size_is_read(tmp_path: Path) -> None:
    assert load(tmp_path, CONFIG) == ModelConfig(
        vocab_size=11,
        hidden_size=8,
        intermediate_size=12,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=4,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        max_position_embeddings=32,
        tie_word_embeddings=False,
    )


def test_missing_keys_take_the_defaults_of_hugging_face(tmp_path: Path) -> None:
    required = {
        "vocab_size": 11,
        "hidden_size": 24,
        "intermediate_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 3,
    }
    config = load(tmp_path, required)
    assert (config.num_key_value_heads, config.head_dim) == (3, 8)
    assert (config.rms_norm_eps, config.rope_theta) == (1e-6, 10000.0)
    assert (config.max_position_embeddings, config.tie_word_embeddings) == (2048, False)
    assert load(tmp_path, {**required, "head_dim": None, "num_key_value_heads": None}) == config


@pytest.mark.parametrize(
    "changes",
    [
        {"hidden_act": "swish"},
        {"attention_bias": None, "mlp_bias": None},
        {"partial_rotary_factor": 1.0},
        {"partial_rotary_factor": 1},
        {"partial_rotary_factor": None},
        {"rope_theta": None},
        {"sliding_window": None},
        {"sliding_window": 32},
        {"sliding_window": 2**31 - 1, "use_sliding_window": True},
        {"sliding_window": 4, "use_sliding_window": False},
        {"use_sliding_window": None},
        {"layer_types": None},
        {"layer_types": ["full_attention", "full_attention"]},
    ],
)
def test_what_changes_no_logits_is_accepted(tmp_path: Path, changes: dict[str, Any]) -> None:
    assert load(tmp_path, {**CONFIG, **changes}) == load(tmp_path, CONFIG)


def test_whole_numbers_are_numbers(tmp_path: Path) -> None:
    config = load(tmp_path, {**CONFIG, "rope_theta": 500000, "rms_norm_eps": 1})
    assert (config.rope_theta, config.rms_norm_eps) == (500000.0, 1.0)


@pytest.mark.parametrize(
    "rope",
    [
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500.0}},
        {"rope_parameters": {"rope_theta": 500.0}, "rope_theta": 500},
        {"rope_parameters": None, "rope_theta": 500.0},
        {"rope_scaling": {"type": "default"}, "rope_theta": 500.0},
        {"rope_scaling": {"rope_type": "default", "rope_theta": 500.0}},
        {"rope_scaling": {}, "rope_theta": 500.0},
        {"rope_parameters": {"rope_theta": 500.0, "partial_rotary_factor": 1.0}},
        {"rope_scaling": {"type": "default", "partial_rotary_factor": 1}, "rope_theta": 500.0},
        {"rope_parameters": {"rope_theta": 500.0, "factor": None, "rope_type": None}},
        {"rope_parameters": {"rope_theta": 500.0}, "rope_theta": None},
    ],
)
def test_the_rotary_base_may_stand_in_any_of_its_places(
    tmp_path: Path, rope: dict[str, Any]
) -> None:
    document = {**without("rope_theta", "rope_scaling"), **rope}
    assert load(tmp_path, document).rope_theta == 500.0


def test_sizes_under_the_key_config_are_found(tmp_path: Path, official_vectors: Path) -> None:
    assert load(tmp_path, {"config": CONFIG, "thresholds": {}}) == load(tmp_path, CONFIG)
    assert load_config(official_vectors).vocab_size == 97


def test_keys_without_effect_are_ignored(tmp_path: Path) -> None:
    ignored = {"use_cache": 3, "dtype": "bfloat16", "architectures": [], "pad_token_id": None}
    assert load(tmp_path, {**CONFIG, **ignored}) == load(tmp_path, CONFIG)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocab_size": True}, f"vocab_size: found true: must be {SIZE_LIMIT}"),
        ({"vocab_size": 11.0}, f"vocab_size: found 11.0: must be {SIZE_LIMIT}"),
        ({"vocab_size": "11"}, f'vocab_size: found "11": must be {SIZE_LIMIT}'),
        ({"vocab_size": None}, f"vocab_size: found null: must be {SIZE_LIMIT}"),
        ({"vocab_size": [11]}, f"vocab_size: found a list of 1: must be {SIZE_LIMIT}"),
        ({"hidden_size": 0}, f"hidden_size: found 0: must be {SIZE_LIMIT}"),
        ({"num_hidden_layers": -2}, f"num_hidden_layers: found -2: must be {SIZE_LIMIT}"),
        (
            {"intermediate_size": 10**12},
            f"intermediate_size: found 1000000000000: must be {SIZE_LIMIT}",
        ),
        (
            {"num_attention_heads": 10**4000},
            rf"num_attention_heads: found 10{{116}}\.\.\.: must be {SIZE_LIMIT}",
        ),
        ({"head_dim": 2.5}, f"head_dim: found 2.5: must be {SIZE_LIMIT}"),
        ({"head_dim": 3}, "head_dim: found 3: must be even"),
        (
            {"head_dim": None, "hidden_size": 9},
            "hidden_size: found 9: must be a multiple of num_attention_heads = 2 where head_dim "
            "is not given",
        ),
        (
            {"num_key_value_heads": 3},
            "num_key_value_heads: found 3: must be a divisor of num_attention_heads = 2",
        ),
        ({"max_position_embeddings": 0}, f"max_position_embeddings: found 0: must be {SIZE_LIMIT}"),
        ({"rms_norm_eps": 0}, "rms_norm_eps: found 0: must be a number from 1e-30 to 1"),
        ({"rms_norm_eps": -1e-5}, "rms_norm_eps: found -1e-05: must be a number from 1e-30 to 1"),
        ({"rms_norm_eps": True}, "rms_norm_eps: found true: must be a number from 1e-30 to 1"),
        ({"rms_norm_eps": None}, "rms_norm_eps: found null: must be a number from 1e-30 to 1"),
        ({"rope_theta": 0.5}, r"rope_theta: found 0.5: must be a number from 1 to 1e\+30"),
        ({"rope_theta": "1e4"}, r'rope_theta: found "1e4": must be a number from 1 to 1e\+30'),
        (
            {"rope_theta": 10**400},
            r"rope_theta: found 10{116}\.\.\.: must be a number from 1 to .*",
        ),
        ({"tie_word_embeddings": 0}, "tie_word_embeddings: found 0: must be true or false"),
        ({"model_type": "mistral"}, "model_type: found \"mistral\": must be 'llama'"),
        ({"model_type": None}, "model_type: found null: must be 'llama'"),
        (
            {"hidden_act": "gelu"},
            "hidden_act: found \"gelu\": must be 'silu', or its other name 'swish'",
        ),
        ({"hidden_act": None}, "hidden_act: found null: must be 'silu', or its other name 'swish'"),
        (
            {"attention_bias": True},
            r"attention_bias: found true: must be false or null \(no biases\)",
        ),
        ({"attention_bias": 0}, r"attention_bias: found 0: must be false or null \(no biases\)"),
        ({"mlp_bias": True}, r"mlp_bias: found true: must be false or null \(no biases\)"),
        ({"sliding_window": 31}, f"sliding_window: found 31: must be {WINDOW_LIMIT}"),
        (
            {"sliding_window": 8, "use_sliding_window": True},
            f"sliding_window: found 8: must be {WINDOW_LIMIT}",
        ),
        ({"sliding_window": "8"}, f'sliding_window: found "8": must be {SIZE_LIMIT}'),
        ({"use_sliding_window": 0}, "use_sliding_window: found 0: must be true or false"),
        ({"attention_chunk_size": 16}, f"attention_chunk_size: found 16: must be {WINDOW_LIMIT}"),
        (
            {"layer_types": ["full_attention", "sliding_attention"]},
            "layer_types: found \"sliding_attention\": must be null or a list of 'full_attention'",
        ),
        (
            {"partial_rotary_factor": 0.5},
            r"partial_rotary_factor: found 0.5: must be 1.0 \(rotary embedding on the whole head\)",
        ),
        (
            {"quantization_config": {"bits": 4}},
            r"quantization_config: found an object of 1: must be null \(no quantised weights\)",
        ),
        ({"rope_scaling": 2.0}, "rope_scaling: found 2.0: must be null or a JSON object"),
        (
            {"rope_parameters": {"rope_theta": 500.0}},
            "rope_theta: found rope_theta = 10000 and rope_parameters.rope_theta = 500: must be "
            "the same wherever it is given",
        ),
        ({"config": {}}, "model_type: found it beside 'config': must be inside 'config' only, .*"),
        ({"config": 3}, "config: found 3: must be a JSON object"),
    ],
)
def test_a_wrong_value_is_refused_by_name_value_and_limit(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path, {**CONFIG, **changes})
    assert re.fullmatch(rf"{re.escape(str(tmp_path))}/config.json: {message}", str(caught.value))


@pytest.mark.parametrize(
    "name",
    [
        "vocab_size",
        "hidden_size",
        "intermediate_size",
        "num_hidden_layers",
        "num_attention_heads",
    ],
)
def test_a_required_size_must_be_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load(tmp_path, without(name))
    assert str(caught.value) == (
        f"{tmp_path}/config.json: {name}: found nothing: must be {SIZE_LIMIT}"
    )


def test_infinity_by_overflow_is_refused(tmp_path: Path) -> None:
    text = json.dumps(CONFIG).replace("10000.0", "1e999")
    (tmp_path / "config.json").write_text(text, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"rope_theta: found infinity: must be a number from"):
        load_config(tmp_path)


def test_a_directory_without_config_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_config(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/config.json: found No such file or directory: must be a readable file"
    )
