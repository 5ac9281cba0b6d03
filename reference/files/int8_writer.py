"""From a sharded float checkpoint to a sharded int8 one, a few rows at a time.

Each input file gives one output file. A block of rows is read, quantised and written before the
next one is read, so the peak is a few blocks plus the scales of one matrix, whatever the size of
the shards.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.checkpoint import (
    EMBEDDING,
    HEAD,
    check_tensors,
    find_tensors,
    format_config,
    get_tensor_shapes,
    load_config,
)
from fastcar.reference.files.int8_checkpoint import (
    INT8_DTYPES,
    SCALE_SUFFIX,
    is_quantized,
)
from fastcar.reference.files.quantization_config import QUANTIZATION
from fastcar.reference.files.safetensors_file import STORAGE_DTYPES, TensorPlace, widen_bfloat16
from fastcar.reference.int8_matrix import quantize_rows
from fastcar.reference.progress import Progress

BLOCK_BYTES = 1 << 20
"""Float32 values of one block of rows; at least one row."""
_ALIGNMENT_BYTES = 64

Layout = dict[str, tuple[str, tuple[int, ...]]]
"""Tensors of one file: name -> type and shape, in the order of their bytes."""


def quantize_checkpoint_files(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    progress: Progress | None = None,
) -> ModelConfig:
    """Quantise every matrix of a Llama directory but the embedding.

    Args:
        source: `config.json` with one safetensors file or a sharded index; F32, F16, BF16 or F64.
        target: an existing directory that is to hold the result; whoever calls makes it appear
            whole or not at all.
        progress: called after every block.

    Raises:
        CheckpointError: what `fastcar.reference.files.checkpoint.load_checkpoint` would refuse.
        OSError: the target cannot be written.
    """
    root, out = Path(source), Path(target)
    config = load_config(root)
    places = find_tensors(root, tied_head=config.tie_word_embeddings)
    if config.tie_word_embeddings and HEAD in places:
        _check_tied_head(places[EMBEDDING], places.pop(HEAD))
    check_tensors(get_tensor_shapes(config), places, root)
    total = sum(math.prod(place.shape) for place in places.values())
    shards: dict[Path, dict[str, TensorPlace]] = {}
    for name, place in places.items():
        shards.setdefault(place.path, {})[name] = place
    done = 0
    weight_map: dict[str, str] = {}
    for index, path in enumerate(sorted(shards)):
        shard = get_shard_name(index, len(shards))
        layout = make_int8_layout({name: place.shape for name, place in shards[path].items()})
        weight_map |= dict.fromkeys(layout, shard)
        with Int8FileWriter(out / shard, layout) as writer:
            for place in shards[path].values():
                for values in _quantize_tensor(place, writer):
                    done += values
                    if progress is not None:
                        progress(done, total)
    write_index(out, config, weight_map)
    return config


def _check_tied_head(embedding: TensorPlace, head: TensorPlace) -> None:
    """A head that is stored although it is tied must be the embedding, value by value."""
    if head.shape == embedding.shape and all(
        np.array_equal(*blocks)
        for blocks in zip(_read_blocks(embedding), _read_blocks(head), strict=True)
    ):
        return
    limit = f"equal to {EMBEDDING} because tie_word_embeddings is true"
    raise CheckpointError(str(head), "other values", limit)


def get_shard_name(index: int, num_shards: int) -> str:
    """File name of shard `index`, counted from 0, as Hugging Face writes it."""
    return f"model-{index + 1:05d}-of-{num_shards:05d}.safetensors"


def write_index(target: Path, config: ModelConfig, weight_map: Mapping[str, str]) -> None:
    """`config.json` and `model.safetensors.index.json` of an int8 checkpoint."""
    (target / "config.json").write_text(format_config(config, "float32", QUANTIZATION))
    size = sum(path.stat().st_size for path in target.glob("*.safetensors"))
    index = {"metadata": {"total_size": size}, "weight_map": dict(weight_map)}
    (target / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def make_int8_layout(shapes: Mapping[str, tuple[int, ...]]) -> Layout:
    """Layout of the int8 file for float tensors of these names and shapes.

    Floats come first, so that they are aligned whatever the sizes of the integer tensors.
    """
    floats: Layout = {}
    integers: Layout = {}
    for name, shape in shapes.items():
        if is_quantized(name, shape):
            integers[name] = ("I8", shape)
            floats[name + SCALE_SUFFIX] = ("F32", shape[:1])
        else:
            floats[name] = ("F32", shape)
    return floats | integers


class Int8FileWriter:
    """A safetensors file whose tensors are filled in any order, a run of values at a time."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self._storage = {name: np.dtype(INT8_DTYPES[dtype]) for name, (dtype, _) in layout.items()}
        self._starts: dict[str, int] = {}
        header: dict[str, Any] = {}
        end = 0
        for name, (dtype, shape) in layout.items():
            start, end = end, end + math.prod(shape) * self._storage[name].itemsize
            self._starts[name] = start
            header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [start, end]}
        text = json.dumps(header).encode()
        text += b" " * (-(8 + len(text)) % _ALIGNMENT_BYTES)
        self._buffer_start = 8 + len(text)
        self._file: IO[bytes] = path.open("wb")
        self._file.write(len(text).to_bytes(8, "little") + text)
        self._file.truncate(self._buffer_start + end)

    def __enter__(self) -> Int8FileWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, name: str, first: int, values: NDArray[Any]) -> None:
        """Put values at the flat index `first` of a tensor."""
        storage = self._storage[name]
        self._file.seek(self._buffer_start + self._starts[name] + first * storage.itemsize)
        self._file.write(np.ascontiguousarray(values, storage).data)


def _quantize_tensor(place: TensorPlace, writer: Int8FileWriter) -> Iterator[int]:
    """Write one tensor; yields the number of values after every block."""
    first_row = 0
    for block in _read_blocks(place):
        rows, width = block.shape
        if is_quantized(place.name, place.shape):
            matrix = quantize_rows(block)
            writer.write(place.name, first_row * width, matrix.values)
            writer.write(place.name + SCALE_SUFFIX, first_row, matrix.scales)
        else:
            writer.write(place.name, first_row * width, block)
        first_row += rows
        yield block.size


def _read_blocks(place: TensorPlace) -> Iterator[NDArray[np.float32]]:
    """A tensor as float32 [rows of the block, width]; a vector is one row."""
    rows, width = place.shape if len(place.shape) == 2 else (1, math.prod(place.shape))
    block_rows = max(1, BLOCK_BYTES // (4 * width))
    with place.path.open("rb") as file:
        for first_row in range(0, rows, block_rows):
            yield _read_rows(file, place, first_row, min(block_rows, rows - first_row), width)


def _read_rows(
    file: IO[bytes], place: TensorPlace, first_row: int, num_rows: int, width: int
) -> NDArray[np.float32]:
    """Rows of a tensor as float32 [num_rows, width]; finite, also after rounding."""
    storage = np.dtype(STORAGE_DTYPES[place.dtype])
    file.seek(place.start_bytes + first_row * width * storage.itemsize)
    stored = np.fromfile(file, storage, num_rows * width)
    if len(stored) < num_rows * width:
        raise CheckpointError(str(place), "the end of the file", "as long as its header says")
    # a signalling NaN or an overflow warns here; both are refused below
    with np.errstate(all="ignore"):
        values = widen_bfloat16(stored) if place.dtype == "BF16" else stored
        block = values.astype(np.float32, copy=False).reshape(num_rows, width)
    finite = np.isfinite(block)
    if not finite.all():
        row, column = np.unravel_index(int(np.argmin(finite)), block.shape)
        shown = f"{block[row, column]} at {[first_row + int(row), int(column)]}"
        raise CheckpointError(str(place), shown, "finite in float32")
    return block
