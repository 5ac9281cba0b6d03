"""`config.json` of a Hugging Face Llama checkpoint, read into a `ModelConfig`.

What this decoder does not compute (biases, other activations, rope scaling, quantised weights) is
refused by name; keys without effect on the forward pass are ignored.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe, describe_path, read_json_object

MAX_SIZE = 2**31 - 1
"""Largest value of any size; keeps every product of two sizes within 64 bits."""

_DEFAULT_POSITIONS = 2048
_DEFAULT_EPSILON = 1e-6
_DEFAULT_THETA = 10000.0
_EPSILON_RANGE = (1e-30, 1.0)
_THETA_RANGE = (1.0, 1e30)

# key: (the only supported value, what to say of it); each is optional
_SUPPORTED: dict[str, tuple[object, str]] = {
    "model_type": ("llama", "'llama'"),
    "hidden_act": ("silu", "'silu'"),
    "attention_bias": (False, "false (no biases)"),
    "mlp_bias": (False, "false (no biases)"),
    "partial_rotary_factor": (1.0, "1.0 (rotary embedding on the whole head)"),
    "quantization_config": (None, "null (no quantised weights)"),
}
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
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "tie_word_embeddings",
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
        # 0 == False in Python, so the type counts too
        if value != supported or isinstance(value, bool) != isinstance(supported, bool):
            raise CheckpointError(f"{place}: {key}", describe(value), limit)
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


def _make_config(document: Mapping[str, Any], place: str) -> ModelConfig:
    sizes = {name: _get_size(document, name, place) for name in _REQUIRED_SIZES}
    heads, hidden = sizes["num_attention_heads"], sizes["hidden_size"]
    # HF treats null like a missing key for these two
    if document.get("head_dim") is not None:
        head_dim = _get_size(document, "head_dim", place)
    elif hidden % heads:
        limit = f"a multiple of num_attention_heads = {heads} where head_dim is not given"
        raise CheckpointError(f"{place}: hidden_size", hidden, limit)
    else:
        head_dim = hidden // heads
    key_value_heads = heads
    if document.get("num_key_value_heads") is not None:
        key_value_heads = _get_size(document, "num_key_value_heads", place)
    positions = _get_size(document, "max_position_embeddings", place, _DEFAULT_POSITIONS)
    epsilon = document.get("rms_norm_eps", _DEFAULT_EPSILON)
    tied = document.get("tie_word_embeddings", False)
    if not isinstance(tied, bool):
        raise CheckpointError(f"{place}: tie_word_embeddings", describe(tied), "true or false")
    return ModelConfig(
        **sizes,
        num_key_value_heads=key_value_heads,
        head_dim=head_dim,
        rms_norm_eps=_get_number(epsilon, f"{place}: rms_norm_eps", _EPSILON_RANGE),
        rope_theta=_get_rope_theta(document, place),
        max_position_embeddings=positions,
        tie_word_embeddings=tied,
    )


def _get_size(
    document: Mapping[str, Any], name: str, place: str, default: int | None = None
) -> int:
    value = document.get(name, default)
    limit = f"a whole number from 1 to {MAX_SIZE}"
    if name not in document and default is None:
        raise CheckpointError(f"{place}: {name}", "nothing", limit)
    # bool is a subclass of int
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= MAX_SIZE:
        raise CheckpointError(f"{place}: {name}", describe(value), limit)
    return value


def _get_number(value: object, place: str, limits: tuple[float, float]) -> float:
    low, high = limits
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # comparing first: float() of an integer of 4,000 digits overflows
    if isinstance(value, int | float) and is_number and low <= value <= high:
        return float(value)
    shown = "infinity" if value == math.inf else describe(value)
    raise CheckpointError(place, shown, f"a number from {low:g} to {high:g}")


def _get_rope_theta(document: Mapping[str, Any], place: str) -> float:
    """The base from `rope_theta` or from the newer `rope_parameters`; all that speak must agree."""
    found: dict[str, float] = {}
    if "rope_theta" in document:
        found["rope_theta"] = _get_number(
            document["rope_theta"], f"{place}: rope_theta", _THETA_RANGE
        )
    for name in ("rope_parameters", "rope_scaling"):
        if document.get(name) is not None:
            _collect_rope_theta(document[name], name, place, found)
    values = sorted(set(found.values()))
    if len(values) > 1:
        shown = " and ".join(f"{key} = {value:g}" for key, value in found.items())
        raise CheckpointError(f"{place}: rope_theta", shown, "the same wherever it is given")
    return values[0] if values else _DEFAULT_THETA


def _collect_rope_theta(rope: object, name: str, place: str, found: dict[str, float]) -> None:
    if not isinstance(rope, dict):
        raise CheckpointError(f"{place}: {name}", describe(rope), "null or a JSON object")
    for key, value in rope.items():
        where = f"{place}: {name}.{key}" if key.isidentifier() else f"{place}: {name}"
        if key in ("rope_type", "type"):
            if value != "default":
                raise CheckpointError(where, describe(value), "'default' (no rope scaling)")
        elif key == "rope_theta":
            found[f"{name}.rope_theta"] = _get_number(value, where, _THETA_RANGE)
        else:
            limit = "absent (no rope scaling: only rope_type and rope_theta)"
            raise CheckpointError(where, describe(value), limit)
