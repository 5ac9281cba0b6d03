"""Llama directories of every kind that is read, written from a seed: the same bytes everywhere.

`make golden` has Hugging Face transformers read them and records the logits; the tests write them
again and read them with both engines. Weights are whole numbers of 7 or 8 bits over a power of two,
from the raw bits of PCG64, so every stored type holds them exactly and no platform rounds them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import TokenIds

NUM_ROWS, NUM_PROMPT_TOKENS, NUM_TOKENS = 2, 5, 24

BASE: dict[str, Any] = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "vocab_size": 37,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 12,
    "hidden_act": "silu",
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-5,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
    "tie_word_embeddings": False,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 0.5,
    "high_freq_factor": 2.0,
    "original_max_position_embeddings": 16,
    "rope_theta": 100.0,
}
YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 8,
    "beta_fast": 2.0,
    "beta_slow": 0.25,
    "rope_theta": 100.0,
}


@dataclass(frozen=True)
class Kind:
    """One kind of checkpoint.

    Attributes:
        changes: what differs from `BASE`; None = the key is absent.
        dtype: of the stored tensors: F32, F16 or BF16.
        num_shards: files; their names have a space.
        is_base_model: names without `model.`.
        stores_embedding: False = a tied head is stored in its place.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    dtype: str = "F32"
    num_shards: int = 1
    is_base_model: bool = False
    stores_embedding: bool = True


_OLD = {"rope_parameters": None, "rope_theta": 100.0}
_TIED = {"tie_word_embeddings": True}
KINDS = {
    "multi_head": Kind({"num_key_value_heads": 4, "head_dim": None}),
    "grouped_query": Kind({"rope_parameters": {"rope_type": "default", "rope_theta": 500000.0}}),
    "tied": Kind(_TIED),
    "tied_only_head": Kind(_TIED, stores_embedding=False),
    "odd_sizes": Kind(
        {
            "hidden_size": 21,
            "intermediate_size": 35,
            "num_hidden_layers": 3,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "head_dim": 10,
        }
    ),
    "float16": Kind(dtype="F16"),
    "bfloat16": Kind(dtype="BF16"),
    "sharded": Kind(num_shards=3),
    "base_model": Kind({**_TIED, "architectures": ["LlamaModel"]}, is_base_model=True),
    "partial_rotary_1": Kind({"partial_rotary_factor": 1.0}),
    "swish": Kind({"hidden_act": "swish"}),
    "linear": Kind({**_OLD, "rope_scaling": {"type": "linear", "factor": 4.0}}),
    "dynamic": Kind({**_OLD, "rope_scaling": {"type": "dynamic", "factor": 4.0}}),
    "llama3": Kind({"rope_parameters": LLAMA3}),
    "yarn": Kind({"rope_parameters": YARN}),
    "yarn_mscale": Kind(
        {"rope_parameters": {**YARN, "mscale": 2.0, "mscale_all_dim": 0.5, "truncate": False}}
    ),
    "yarn_attention_factor": Kind(
        {**_OLD, "rope_scaling": {**YARN, "attention_factor": 1.5, "rope_theta": 100.0}}
    ),
}
"""Every kind, by its name in the recorded file."""


def make_config(kind: Kind) -> dict[str, Any]:
    """The `config.json` of a kind."""
    document = {**BASE, **kind.changes}
    return {key: value for key, value in document.items() if value is not None}


def make_token_ids() -> TokenIds:
    """[NUM_ROWS, NUM_TOKENS] int64, the same for every kind; the prompt comes first."""
    raw = np.random.PCG64(0).random_raw(NUM_ROWS * NUM_TOKENS)
    ids: TokenIds = (raw % BASE["vocab_size"]).astype(np.int64).reshape(NUM_ROWS, NUM_TOKENS)
    return ids


def make_arrays(kind: Kind, seed: int) -> dict[str, NDArray[np.float32]]:
    """Float32 weights by their whole names, exact in every stored type.

    A matrix has n / 64, n in [-64, 63], divided by a power of two near the root of its width; a
    norm has n / 128, n in [96, 159], the last one a fourth of that: with logits of about 1, what
    float32 rounds stays well below the 1e-5 that the tests allow.
    """
    config = make_config(kind)
    raw = np.random.PCG64(seed)
    arrays = {}
    for name, shape in get_shapes(config).items():
        bits = raw.random_raw(math.prod(shape)).reshape(shape)
        if len(shape) == 1:
            whole = (bits >> np.uint64(58)).astype(np.float32) + 96
            divisor = 512 if name == "model.norm.weight" else 128
        else:
            whole = (bits >> np.uint64(57)).astype(np.float32) - 64
            is_table = name == "model.embed_tokens.weight"
            divisor = 64 if is_table else 64 * 2 ** round(math.log2(shape[1]) / 2 - 1)
        arrays[name] = whole / np.float32(divisor)
    return arrays


def get_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a config."""
    hidden, inner = config["hidden_size"], config["intermediate_size"]
    head_dim = config.get("head_dim", hidden // config["num_attention_heads"])
    width, kv_width = (
        config[f"num_{name}_heads"] * head_dim for name in ("attention", "key_value")
    )
    table = (config["vocab_size"], hidden)
    layer_shapes: dict[str, tuple[int, ...]] = {
        "input_layernorm": (hidden,),
        "self_attn.q_proj": (width, hidden),
        "self_attn.k_proj": (kv_width, hidden),
        "self_attn.v_proj": (kv_width, hidden),
        "self_attn.o_proj": (hidden, width),
        "post_attention_layernorm": (hidden,),
        "mlp.gate_proj": (inner, hidden),
        "mlp.up_proj": (inner, hidden),
        "mlp.down_proj": (hidden, inner),
    }
    shapes: dict[str, tuple[int, ...]] = {"model.embed_tokens.weight": table}
    for index in range(config["num_hidden_layers"]):
        for name, shape in layer_shapes.items():
            shapes[f"model.layers.{index}.{name}.weight"] = shape
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = table
    return shapes


def write_kind(name: str, directory: Path) -> Path:
    """Write `config.json` and the safetensors files of a kind into an empty directory."""
    kind = KINDS[name]
    arrays = make_arrays(kind, seed=1 + list(KINDS).index(name))
    if not kind.stores_embedding:
        arrays["lm_head.weight"] = arrays.pop("model.embed_tokens.weight")
    if kind.is_base_model:
        arrays = {name.removeprefix("model."): array for name, array in arrays.items()}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "config.json").write_text(json.dumps(make_config(kind), indent=1) + "\n")
    if kind.num_shards == 1:
        (directory / "model.safetensors").write_bytes(_pack(arrays, kind.dtype))
        return directory
    weight_map = {
        tensor: f"model part {1 + position % kind.num_shards}.safetensors"
        for position, tensor in enumerate(arrays)
    }
    for shard in sorted(set(weight_map.values())):
        part = {tensor: array for tensor, array in arrays.items() if weight_map[tensor] == shard}
        (directory / shard).write_bytes(_pack(part, kind.dtype))
    index = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")
    return directory


def _pack(arrays: dict[str, NDArray[np.float32]], dtype: str) -> bytes:
    """A safetensors file; by hand, because the library's NumPy door knows no bfloat16."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    buffer = b""
    for name, array in arrays.items():
        content = _encode(array, dtype)
        offsets = [len(buffer), len(buffer) + len(content)]
        header[name] = {"dtype": dtype, "shape": list(array.shape), "data_offsets": offsets}
        buffer += content
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + buffer


def _encode(array: NDArray[np.float32], dtype: str) -> bytes:
    if dtype == "BF16":
        return (array.view(np.uint32) >> np.uint32(16)).astype("<u2").tobytes()
    return array.astype({"F32": "<f4", "F16": "<f2"}[dtype]).tobytes()
