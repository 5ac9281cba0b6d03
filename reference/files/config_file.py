"""`config.json` of a Hugging Face Llama checkpoint, read into a `ModelConfig`.

What this decoder does not compute (biases, other activations, a sliding window, other kinds of
rotary scaling, quantised weights) is refused by name; keys without effect on the forward pass are
ignored.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe, describe_path, read_json_object
from fastcar.reference.files.json_number import get_flag, get_number, get_size
from fastcar.reference.files.rope_parameters import ROPE_KEYS, read_rope

_DEFAULT_POSITIONS = 2048
_DEFAULT_EPSILON = 1e-6
_EPSILON_RANGE = (1e-30, 1.0)

# key: (the only supported value, what to say of it); each is optional
_SUPPORTED: dict[str, tuple[object, str]] = {
    "model_type": ("llama", "'llama'"),
    "quantization_config": (None, "null (no quantised weights)"),
}
# the same function under two names
_ACTIVATIONS = ("silu", "swish")
_BIASES = ("attention_bias", "mlp_bias")
_REQUIRED_SIZES = (
    "vocab_size",
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
)
_OPTIONAL_KEYS = (
    "num_key_value_heads",
    "head_dim",
    "max_position_embeddings",
    "rms_norm_eps",
    "tie_word_embeddings",
    "hidden_act",
    *_BIASES,
    "sliding_window",
    "use_sliding_window",
    "layer_types",
    "attention_chunk_size",
    *ROPE_KEYS,
)


def load_config(
    directory: str | os.PathLike[str], quantization: Mapping[str, str] | None = None
) -> ModelConfig:
    """Read the sizes of a Llama checkpoint from its `config.json`.

    Defaults are those of Hugging Face: key heads = query heads, head_dim = hidden / heads,
    rms_norm_eps 1e-6, rope_theta 10000, 2048 positions, untied head. The sizes may also stand
    one level deeper, in an object under the key `config`, as in vectors recorded beside a run.

    Args:
        directory: holds `config.json`.
        quantization: what `quantization_config` must be; None = no quantised weights.

    Raises:
        CheckpointError: missing or invalid file, a value of the wrong type or outside its
            limit, or a feature that this decoder lacks.
    """
    path = Path(directory) / "config.json"
    place = describe_path(path)
    document = _get_sizes_object(read_json_object(path), place)
    features = dict(_SUPPORTED)
    if quantization is not None:
        _check_quantization(document.get("quantization_config"), quantization, place)
        del features["quantization_config"]
    for key, (supported, limit) in features.items():
        value = document.get(key, supported)
        if value == "vila_u_llama":
            limit += ": VILA-U is taken by trace, generate, quantize, predict"
        # 0 == False in Python, so the type counts too
        if value != supported or isinstance(value, bool) != isinstance(supported, bool):
            raise CheckpointError(f"{place}: {key}", describe(value), limit)
    _check_computed(document, place)
    try:
        return _make_config(document, place)
    except ArgumentError as error:
        where = f"{place}: {error.argument}"
        raise CheckpointError(where, describe(error.value), error.limit) from error


def _check_quantization(found: object, wanted: Mapping[str, str], place: str) -> None:
    if found != wanted:
        limit = " and ".join(f"{key} {describe(value)}" for key, value in wanted.items())
        raise CheckpointError(f"{place}: quantization_config", describe(found), limit)


def _get_sizes_object(document: dict[str, Any], place: str) -> dict[str, Any]:
    if "config" not in document:
        return document
    nested = document["config"]
    if not isinstance(nested, dict):
        raise CheckpointError(f"{place}: config", describe(nested), "a JSON object")
    for key in (*_SUPPORTED, *_REQUIRED_SIZES, *_OPTIONAL_KEYS):
        if key in document:
            limit = f"inside 'config' only, not beside it: {key}"
            raise CheckpointError(f"{place}: {key}", "it beside 'config'", limit)
    return nested


def _check_computed(document: Mapping[str, Any], place: str) -> None:
    """Refuse by name what would change the logits and is not computed here."""
    activation = document.get("hidden_act", "silu")
    if activation not in _ACTIVATIONS:
        limit = "'silu', or its other name 'swish'"
        raise CheckpointError(f"{place}: hidden_act", describe(activation), limit)
    for key in _BIASES:
        value = document.get(key)
        # 0 == False in Python, so identity
        if value is not None and value is not False:
            limit = "false or null (no biases)"
            raise CheckpointError(f"{place}: {key}", describe(value), limit)


def _check_full_attention(document: Mapping[str, Any], place: str, positions: int) -> None:
    """Refuse windows that a run could feel (D-35)."""
    layer_types = document.get("layer_types")
    for kind in layer_types if isinstance(layer_types, list) else [layer_types]:
        if kind not in (None, "full_attention"):
            limit = "null or a list of 'full_attention'"
            raise CheckpointError(f"{place}: layer_types", describe(kind), limit)
    is_used = document.get("use_sliding_window")
    if is_used is not None and not get_flag(is_used, f"{place}: use_sliding_window"):
        return
    for key in ("sliding_window", "attention_chunk_size"):
        if document.get(key) is None:
            continue
        size = get_size(document, key, f"{place}: ")
        if size < positions:
            limit = f"null or at least max_position_embeddings = {positions} (full attention)"
            raise CheckpointError(f"{place}: {key}", size, limit)


def _make_config(document: Mapping[str, Any], place: str) -> ModelConfig:
    sizes = {name: get_size(document, name, f"{place}: ") for name in _REQUIRED_SIZES}
    heads, hidden = sizes["num_attention_heads"], sizes["hidden_size"]
    # HF treats null like a missing key for these two
    if document.get("head_dim") is not None:
        head_dim = get_size(document, "head_dim", f"{place}: ")
    elif hidden % heads:
        limit = f"a multiple of num_attention_heads = {heads} where head_dim is not given"
        raise CheckpointError(f"{place}: hidden_size", hidden, limit)
    else:
        head_dim = hidden // heads
    key_value_heads = heads
    if document.get("num_key_value_heads") is not None:
        key_value_heads = get_size(document, "num_key_value_heads", f"{place}: ")
    positions = get_size(document, "max_position_embeddings", f"{place}: ", _DEFAULT_POSITIONS)
    _check_full_attention(document, place, positions)
    epsilon = document.get("rms_norm_eps", _DEFAULT_EPSILON)
    tied = document.get("tie_word_embeddings", False)
    rope_theta, rope_scaling = read_rope(document, place, positions)
    return ModelConfig(
        **sizes,
        num_key_value_heads=key_value_heads,
        head_dim=head_dim,
        rms_norm_eps=get_number(epsilon, f"{place}: rms_norm_eps", _EPSILON_RANGE),
        rope_theta=rope_theta,
        max_position_embeddings=positions,
        tie_word_embeddings=get_flag(tied, f"{place}: tie_word_embeddings"),
        rope_scaling=rope_scaling,
    )
