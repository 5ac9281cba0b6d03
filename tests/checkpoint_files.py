"""Checkpoint directories made by hand, so that a test can also make a wrong one.

Names, shapes and bytes are spelled out here a second time, apart from
`fastcar.reference.files.checkpoint`.
"""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
from numpy.typing import NDArray

CONFIG: dict[str, Any] = {
    "model_type": "llama",
    "vocab_size": 11,
    "hidden_size": 8,
    "intermediate_size": 12,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 4,
    "hidden_act": "silu",
    "max_position_embeddings": 32,
    "rms_norm_eps": 1e-05,
    "rope_theta": 10000.0,
    "rope_scaling": None,
    "attention_bias": False,
    "mlp_bias": False,
    "tie_word_embeddings": False,
}

LFS_POINTER = (
    b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 42\n"
)
"""What Git LFS leaves in the place of a file that it did not fetch."""


@dataclass(frozen=True)
class StoredTensor:
    """A tensor as it stands in a file."""

    dtype: str
    shape: tuple[int, ...]
    content: bytes


def encode(values: NDArray[np.float32], dtype: str) -> bytes:
    """The bytes of a tensor; BF16 keeps the upper half of each float32."""
    if dtype == "BF16":
        return (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    return values.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).tobytes()


def decode(stored: StoredTensor) -> NDArray[np.float64]:
    """The values of a tensor, number by number."""
    code, width = {"F64": ("<d", 8), "F32": ("<f", 4), "F16": ("<e", 2), "BF16": ("<f", 2)}[
        stored.dtype
    ]
    padding = bytes(2) if stored.dtype == "BF16" else b""
    chunks = [stored.content[i : i + width] for i in range(0, len(stored.content), width)]
    values = [struct.unpack(code, padding + chunk)[0] for chunk in chunks]
    return np.array(values, np.float64).reshape(stored.shape)


def get_shapes(config: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    """Hugging Face names and shapes of a Llama."""
    hidden, inner, head_dim = (
        config[name] for name in ("hidden_size", "intermediate_size", "head_dim")
    )
    width = config["num_attention_heads"] * head_dim
    kv_width = config["num_key_value_heads"] * head_dim
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (config["vocab_size"], hidden)
    }
    for index in range(config["num_hidden_layers"]):
        layer = f"model.layers.{index}"
        shapes |= {
            f"{layer}.input_layernorm.weight": (hidden,),
            f"{layer}.self_attn.q_proj.weight": (width, hidden),
            f"{layer}.self_attn.k_proj.weight": (kv_width, hidden),
            f"{layer}.self_attn.v_proj.weight": (kv_width, hidden),
            f"{layer}.self_attn.o_proj.weight": (hidden, width),
            f"{layer}.post_attention_layernorm.weight": (hidden,),
            f"{layer}.mlp.gate_proj.weight": (inner, hidden),
            f"{layer}.mlp.up_proj.weight": (inner, hidden),
            f"{layer}.mlp.down_proj.weight": (hidden, inner),
        }
    shapes["model.norm.weight"] = (hidden,)
    if not config["tie_word_embeddings"]:
        shapes["lm_head.weight"] = (config["vocab_size"], hidden)
    return shapes


def make_tensors(
    config: dict[str, Any], dtypes: tuple[str, ...] = ("F32",), seed: int = 0
) -> dict[str, StoredTensor]:
    """Random tensors for a config, their types taken in turn from `dtypes`."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for position, (name, shape) in enumerate(get_shapes(config).items()):
        dtype = dtypes[position % len(dtypes)]
        values = rng.standard_normal(shape, np.float32)
        tensors[name] = StoredTensor(dtype, shape, encode(values, dtype))
    return tensors


def make_header(tensors: dict[str, StoredTensor]) -> dict[str, Any]:
    """Header of a file that holds the tensors one after the other."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for name, stored in tensors.items():
        end = start + len(stored.content)
        shape = list(stored.shape)
        header[name] = {"dtype": stored.dtype, "shape": shape, "data_offsets": [start, end]}
        start = end
    return header


def pack(header: dict[str, Any] | bytes, content: bytes) -> bytes:
    """A safetensors file from its header, right or wrong, and its buffer."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def pack_tensors(tensors: dict[str, StoredTensor]) -> bytes:
    """A right safetensors file."""
    content = b"".join(stored.content for stored in tensors.values())
    return pack(make_header(tensors), content)


def read_by_library(content: bytes) -> dict[str, StoredTensor]:
    """All tensors of a safetensors file, as the safetensors library sees them."""
    entries = safetensors.deserialize(content)  # type: ignore[no-untyped-call]
    return {
        name: StoredTensor(entry["dtype"], tuple(entry["shape"]), bytes(entry["data"]))
        for name, entry in entries
    }


def write_checkpoint(
    directory: Path,
    config: dict[str, Any] | None = None,
    tensors: dict[str, StoredTensor] | None = None,
) -> Path:
    """Write `config.json` and one `model.safetensors`; defaults make a checkpoint that loads."""
    used = CONFIG if config is None else config
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(used), encoding="utf-8")
    stored = make_tensors(CONFIG) if tensors is None else tensors
    (directory / "model.safetensors").write_bytes(pack_tensors(stored))
    return directory


def write_shards(
    directory: Path, tensors: dict[str, StoredTensor], num_shards: int = 3
) -> dict[str, str]:
    """Deal the tensors to shards and write them with `config.json` and an index; its map."""
    directory.mkdir(exist_ok=True)
    (directory / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    weight_map = {
        name: f"model-{position % num_shards:05d}.safetensors"
        for position, name in enumerate(tensors)
    }
    for shard in set(weight_map.values()):
        part = {name: tensors[name] for name in tensors if weight_map[name] == shard}
        (directory / shard).write_bytes(pack_tensors(part))
    write_index(directory, weight_map)
    return weight_map


def write_index(directory: Path, weight_map: object) -> None:
    """Write `model.safetensors.index.json`."""
    document = {"metadata": {"total_size": 0}, "weight_map": weight_map}
    path = directory / "model.safetensors.index.json"
    path.write_text(json.dumps(document), encoding="utf-8")
