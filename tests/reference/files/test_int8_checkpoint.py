from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.int8_checkpoint import (
    Int8ModelWeights,
    get_int8_shapes,
    load_int8_checkpoint,
)
from fastcar.reference.files.int8_writer import (
    Int8FileWriter,
    make_int8_layout,
    quantize_checkpoint_files,
)
from fastcar.reference.int8_matrix import Int8Matrix, quantize_rows
from fastcar.reference.weights import LayerWeights
from tests.checkpoint_files import (
    CONFIG,
    StoredTensor,
    make_tensors,
    pack_tensors,
    read_by_library,
    write_checkpoint,
    write_shards,
)

TIED = {**CONFIG, "tie_word_embeddings": True}
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
UP = "model.layers.1.mlp.up_proj.weight"
TYPES = ("F32", "BF16", "F16", "F64")


def quantize(source: Path, target: Path) -> Path:
    target.mkdir()
    quantize_checkpoint_files(source, target)
    return target


def make_int8(folder: Path) -> Path:
    """An int8 checkpoint of three shards."""
    write_shards(folder / "float", make_tensors(CONFIG, TYPES))
    return quantize(folder / "float", folder / "int8")


def assert_quantized(found: object, wanted: NDArray[Any]) -> None:
    if isinstance(found, Int8Matrix):
        expected = quantize_rows(wanted)
        assert (found.values == expected.values).all()
        assert (found.scales == expected.scales).all()
    else:
        assert isinstance(found, np.ndarray)
        assert found.dtype == np.float32
        assert (found == wanted).all()


def assert_same_model(source: Path, target: Path) -> Int8ModelWeights:
    """The int8 checkpoint is the float one, tensor by tensor, quantised."""
    config, wanted = load_checkpoint(source)
    found_config, found = load_int8_checkpoint(target)
    assert found_config == config
    assert_quantized(found.embedding, wanted.embedding)
    assert_quantized(found.norm, wanted.norm)
    assert_quantized(found.head, wanted.head)
    assert len(found.layers) == len(wanted.layers)
    for found_layer, layer in zip(found.layers, wanted.layers, strict=True):
        for field in LayerWeights.__dataclass_fields__:
            assert_quantized(getattr(found_layer, field), getattr(layer, field))
            is_norm = field.endswith("norm")
            assert isinstance(getattr(found_layer, field), np.ndarray) == is_norm
    return found


def test_every_tensor_is_the_quantised_one(tmp_path: Path) -> None:
    found = assert_same_model(tmp_path / "float", make_int8(tmp_path))
    assert isinstance(found.head, Int8Matrix)
    names = sorted(path.name for path in (tmp_path / "int8").glob("*.safetensors"))
    assert names == [f"model-0000{index}-of-00003.safetensors" for index in (1, 2, 3)]


def test_blocks_of_one_row_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastcar.reference.files.int8_writer.BLOCK_BYTES", 1)
    assert_same_model(tmp_path / "float", make_int8(tmp_path))


def test_blocks_that_do_not_divide_the_rows_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastcar.reference.files.int8_writer.BLOCK_BYTES", 4 * 8 * 5)
    assert_same_model(tmp_path / "float", make_int8(tmp_path))


@pytest.mark.parametrize("stored_head", [False, True])
def test_a_tied_head_stays_the_embedding(tmp_path: Path, stored_head: bool) -> None:
    tensors = make_tensors(TIED)
    if stored_head:
        tensors[HEAD] = tensors[EMBEDDING]
    source = write_checkpoint(tmp_path / "float", TIED, tensors)
    found = assert_same_model(source, quantize(source, tmp_path / "int8"))
    assert found.head is found.embedding


@pytest.mark.parametrize("prefix", ["", "model."])
def test_a_tied_head_stored_alone_becomes_the_embedding(tmp_path: Path, prefix: str) -> None:
    tensors = {
        HEAD if name == EMBEDDING else prefix + name.removeprefix("model."): stored
        for name, stored in make_tensors(TIED).items()
    }
    source = write_checkpoint(tmp_path / "float", TIED, tensors)
    found = assert_same_model(source, quantize(source, tmp_path / "int8"))
    assert found.head is found.embedding


def test_the_library_reads_the_files(tmp_path: Path) -> None:
    directory = make_int8(tmp_path)
    read: dict[str, StoredTensor] = {}
    for path in directory.glob("*.safetensors"):
        read |= read_by_library(path.read_bytes())
    config, _ = load_int8_checkpoint(directory)
    assert {name: stored.shape for name, stored in read.items()} == dict(get_int8_shapes(config))
    assert {stored.dtype for stored in read.values()} == {"F32", "I8"}
    index = json.loads((directory / "model.safetensors.index.json").read_text())
    assert index["weight_map"].keys() == read.keys()


def test_weights_are_mapped_not_copied(tmp_path: Path) -> None:
    directory = make_int8(tmp_path)
    _, weights = load_int8_checkpoint(directory)
    matrix = weights.layers[1].up_proj
    for array in (matrix.values, matrix.scales, weights.embedding, weights.norm):
        assert not array.flags.owndata
        assert array.flags.aligned
        assert array.flags.writeable
    before = {path: path.read_bytes() for path in directory.iterdir()}
    matrix.values[0, 0] = 1 - matrix.values[0, 0]
    assert {path: path.read_bytes() for path in directory.iterdir()} == before


def test_a_float_checkpoint_is_refused(tmp_path: Path) -> None:
    message = 'quantization_config: found null: must be quant_method "int8_rows"$'
    with pytest.raises(CheckpointError, match=message):
        load_int8_checkpoint(write_checkpoint(tmp_path / "float"))


def rewrite(directory: Path, name: str, content: bytes | None, dtype: str | None = None) -> None:
    """Give one tensor of an int8 checkpoint another content or type; None = take it away."""
    index_path = directory / "model.safetensors.index.json"
    index = json.loads(index_path.read_text())
    path = directory / index["weight_map"][name]
    tensors = read_by_library(path.read_bytes())
    old = tensors.pop(name)
    if content is None:
        del index["weight_map"][name]
        index_path.write_text(json.dumps(index))
    else:
        tensors[name] = StoredTensor(dtype or old.dtype, old.shape, content)
    path.write_bytes(pack_tensors(tensors))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0, -1.0])
def test_a_scale_that_is_none_is_refused(tmp_path: Path, bad: float) -> None:
    directory = make_int8(tmp_path)
    scales = np.array([1.0] * 11 + [bad], "<f4")
    rewrite(directory, UP + "_scale", scales.tobytes())
    message = rf'tensor "{UP}_scale": found {bad} at \[11\]: must be finite and above 0$'
    with pytest.raises(CheckpointError, match=message):
        load_int8_checkpoint(directory)


def test_a_missing_scale_is_refused(tmp_path: Path) -> None:
    directory = make_int8(tmp_path)
    rewrite(directory, UP + "_scale", None)
    message = rf'"{UP}_scale": found nothing: must be a tensor of shape \[12\]'
    with pytest.raises(CheckpointError, match=message):
        load_int8_checkpoint(directory)


@pytest.mark.parametrize(
    ("name", "dtype", "itemsize", "wanted"), [(UP, "F32", 4, "I8"), (EMBEDDING, "I8", 1, "F32")]
)
def test_another_type_is_refused(
    tmp_path: Path, name: str, dtype: str, itemsize: int, wanted: str
) -> None:
    directory = make_int8(tmp_path)
    size = 12 * 8 if name == UP else 11 * 8
    rewrite(directory, name, bytes(size * itemsize), dtype)
    with pytest.raises(CheckpointError, match=f"dtype: found {dtype}: must be {wanted}$"):
        load_int8_checkpoint(directory)


def test_a_value_that_is_not_finite_is_refused_by_its_place(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    values = np.ones((12, 8), np.float32)
    values[10, 3] = np.inf
    tensors[UP] = StoredTensor("F32", (12, 8), values.tobytes())
    source = write_checkpoint(tmp_path / "float", CONFIG, tensors)
    with pytest.raises(CheckpointError, match=rf'"{UP}": found inf at \[10, 3\]: must be finite'):
        quantize(source, tmp_path / "int8")


def test_a_tied_head_of_other_values_is_refused(tmp_path: Path) -> None:
    tensors = make_tensors(TIED)
    tensors[HEAD] = make_tensors(CONFIG, seed=1)[HEAD]
    source = write_checkpoint(tmp_path / "float", TIED, tensors)
    with pytest.raises(CheckpointError, match="found other values: must be equal to"):
        quantize(source, tmp_path / "int8")


def test_progress_ends_at_the_number_of_weights(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "float")
    (tmp_path / "int8").mkdir()
    seen: list[tuple[int, int]] = []
    quantize_checkpoint_files(source, tmp_path / "int8", lambda *counts: seen.append(counts))
    total = sum(len(stored.content) // 4 for stored in make_tensors(CONFIG).values())
    assert seen[-1] == (total, total)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


MEASURE = """
import sys, tracemalloc
from pathlib import Path
from fastcar.reference.files.int8_writer import quantize_checkpoint_files
# everything is imported and warm before the measurement
quantize_checkpoint_files(sys.argv[1], sys.argv[2])
tracemalloc.start()
def read(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith(key)).split()[1])
before = read("VmRSS:")
quantize_checkpoint_files(sys.argv[3], sys.argv[4])
print(tracemalloc.get_traced_memory()[1], read("VmHWM:") - before)
"""


def test_memory_stays_below_the_largest_shard(tmp_path: Path) -> None:
    # one shard of 25 MB in bfloat16: two of its matrices as float32 would already take more
    config = {**CONFIG, "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 1}
    source = write_checkpoint(tmp_path / "large", config, make_tensors(config, ("BF16",)))
    write_checkpoint(tmp_path / "small")
    outputs = [tmp_path / "small_int8", tmp_path / "large_int8"]
    for output in outputs:
        output.mkdir()
    arguments = [tmp_path / "small", outputs[0], source, outputs[1]]
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    traced_bytes, resident_bytes = map(int, done.stdout.split())
    shard_bytes = (source / "model.safetensors").stat().st_size
    assert shard_bytes > 24e6
    assert 0 < traced_bytes < shard_bytes / 2
    assert 0 < resident_bytes < 1.5 * shard_bytes


def test_a_writer_puts_runs_where_they_belong(tmp_path: Path) -> None:
    layout = make_int8_layout({UP: (2, 3), "model.norm.weight": (3,)})
    assert list(layout) == [UP + "_scale", "model.norm.weight", UP]
    path = tmp_path / "one.safetensors"
    with Int8FileWriter(path, layout) as writer:
        writer.write(UP, 3, np.array([4, 5, 6]))
        writer.write("model.norm.weight", 0, np.array([1.5, 2.5, 3.5]))
        writer.write(UP, 0, np.array([1, 2, 3]))
    read = read_by_library(path.read_bytes())
    assert read[UP].content == bytes([1, 2, 3, 4, 5, 6])
    assert np.frombuffer(read["model.norm.weight"].content, "<f4").tolist() == [1.5, 2.5, 3.5]
    assert read[UP + "_scale"].content == bytes(8)
