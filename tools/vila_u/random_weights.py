"""Files of random weights, written a block of values at a time, so that memory stays small."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.files.int8_checkpoint import SCALE_SUFFIX
from tools.vila_u.tensors import Entry, Shape

BLOCK_VALUES = 1 << 22
_ITEM_BYTES = {"F32": 4, "BF16": 2, "I8": 1}
_ALIGNMENT_BYTES = 64


def split_shards(entries: Sequence[Entry], most_bytes: int) -> list[list[Entry]]:
    """Entries in their order, a new file where the last one would grow beyond `most_bytes`."""
    shards: list[list[Entry]] = []
    room = 0
    for entry in entries:
        size = count_bytes(entry)
        if not shards or size > room:
            shards.append([])
            room = most_bytes
        shards[-1].append(entry)
        room -= size
    return shards


def count_bytes(entry: Entry) -> int:
    """Of a stored tensor."""
    _, dtype, shape = entry
    return _ITEM_BYTES[dtype] * math.prod(shape)


def write_folder(
    folder: Path, entries: Sequence[Entry], most_bytes: int, rng: np.random.Generator
) -> None:
    """The weights of a folder: one file, or shards with their index."""
    shards = split_shards(entries, most_bytes)
    widths = {name: shape[-1] for name, _, shape in entries if len(shape) == 2}
    if len(shards) == 1:
        write_file(folder / "model.safetensors", shards[0], widths, rng)
        return
    weight_map: dict[str, str] = {}
    for number, shard in enumerate(shards, start=1):
        name = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_file(folder / name, shard, widths, rng)
        weight_map |= dict.fromkeys((entry[0] for entry in shard), name)
    total = sum(map(count_bytes, entries))
    index = {"metadata": {"total_size": total}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def write_file(
    path: Path, entries: Sequence[Entry], widths: Mapping[str, int], rng: np.random.Generator
) -> None:
    """A safetensors file; floats come first, so that they are aligned.

    Args:
        path: of the file.
        entries: its tensors.
        widths: of the matrices of all files: scales may stand in another one than theirs.
        rng: of the values.
    """
    ordered = sorted(entries, key=lambda entry: entry[1] == "I8")
    header: dict[str, Any] = {}
    end = 0
    for name, dtype, shape in ordered:
        start, end = end, end + count_bytes((name, dtype, shape))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
    text = json.dumps(header).encode()
    text += b" " * (-(8 + len(text)) % _ALIGNMENT_BYTES)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for entry in ordered:
            for block in _draw_blocks(entry, widths, rng):
                file.write(block.data)


def _draw_blocks(
    entry: Entry, widths: Mapping[str, int], rng: np.random.Generator
) -> Iterator[NDArray[Any]]:
    """The stored values of a tensor, [values of the block]."""
    name, dtype, shape = entry
    values = math.prod(shape)
    for first in range(0, values, BLOCK_VALUES):
        count = min(BLOCK_VALUES, values - first)
        if dtype == "I8":
            yield rng.integers(-127, 128, count, np.int8)
        elif name.endswith(SCALE_SUFFIX):
            width = widths[name.removesuffix(SCALE_SUFFIX)]
            yield np.full(count, 3**0.5 / 127 / width**0.5, np.float32)
        else:
            floats = _draw_floats(name, shape, count, rng)
            yield floats if dtype == "F32" else (floats.view(np.uint32) >> 16).astype(np.uint16)


def _draw_floats(
    name: str, shape: Shape, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Products keep unit scale; norms do nothing, biases little."""
    if len(shape) == 1:
        if not name.endswith(".bias"):
            return np.ones(count, np.float32)
        return rng.standard_normal(count, np.float32) * np.float32(0.02)
    is_table = "embed_tokens" in name or "codebooks" in name
    fan_in = 1 if is_table else math.prod(shape[1:])
    return rng.standard_normal(count, np.float32) * np.float32(fan_in**-0.5)
