from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.rope_scaling import LinearScaling
from fastcar.reference.rotary import make_rotary_table
from fastcar.reference.weights import make_random_weights
from tools.bench.gguf import interleave_rotary_pairs, write_gguf

CONFIG = ModelConfig(11, 12, 20, 2, 2, 1, 6, 1e-5, 5000.0, 64)
WEIGHTS = make_random_weights(CONFIG, np.random.default_rng(0))


class GgufReader:
    """A second reading of the format, field by field."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0
        assert self.take("4s") == b"GGUF"
        assert self.take("<I") == 3
        num_tensors, num_entries = self.take("<Q"), self.take("<Q")
        self.metadata = {self.take_string(): self.take_value() for _ in range(num_entries)}
        heads = [self.take_head() for _ in range(num_tensors)]
        start = self.place + -self.place % 32
        self.tensors = {name: self.get(shape, code, start + at) for name, shape, code, at in heads}
        last = max(at + -(-self.tensors[name].nbytes // 32) * 32 for name, _, _, at in heads)
        assert len(content) == start + last

    def take(self, code: str) -> Any:
        """The next value of a `struct` code."""
        (value,) = struct.unpack_from(code, self.content, self.place)
        self.place += struct.calcsize(code)
        return value

    def take_string(self) -> str:
        """Length and bytes."""
        return bytes(self.take(f"{self.take('<Q')}s")).decode()

    def take_value(self) -> int | float | str:
        """Type and value of a metadata entry."""
        kind = self.take("<I")
        value: int | float | str = (
            self.take_string() if kind == 8 else self.take({4: "<I", 6: "<f"}[kind])
        )
        return value

    def take_head(self) -> tuple[str, list[int], int, int]:
        """Name, shape, type and offset of a tensor."""
        name = self.take_string()
        sizes = [self.take("<Q") for _ in range(self.take("<I"))]
        return name, sizes[::-1], self.take("<I"), self.take("<Q")

    def get(self, shape: list[int], code: int, start: int) -> NDArray[Any]:
        """A tensor."""
        dtype = {0: "<f4", 1: "<f2"}[code]
        assert start % 32 == 0
        return np.frombuffer(self.content, dtype, int(np.prod(shape)), start).reshape(shape)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> GgufReader:
    path = tmp_path_factory.mktemp("gguf") / "model.gguf"
    write_gguf(path, CONFIG, WEIGHTS)
    return GgufReader(path.read_bytes())


def test_the_sizes_are_those_of_the_config(read: GgufReader) -> None:
    assert read.metadata["general.architecture"] == "llama"
    sizes = {
        "vocab_size": 11,
        "embedding_length": 12,
        "feed_forward_length": 20,
        "block_count": 2,
        "attention.head_count": 2,
        "attention.head_count_kv": 1,
        "rope.dimension_count": 6,
        "rope.freq_base": 5000.0,
        "context_length": 64,
    }
    for name, value in sizes.items():
        assert read.metadata[f"llama.{name}"] == value


def test_every_matrix_is_there_in_half_precision(read: GgufReader) -> None:
    assert len(read.tensors) == 3 + 9 * CONFIG.num_hidden_layers
    expected = {
        "token_embd.weight": WEIGHTS.embedding,
        "output.weight": WEIGHTS.head,
        "blk.0.attn_v.weight": WEIGHTS.layers[0].v_proj,
        "blk.1.attn_output.weight": WEIGHTS.layers[1].o_proj,
        "blk.1.ffn_gate.weight": WEIGHTS.layers[1].gate_proj,
        "blk.0.ffn_up.weight": WEIGHTS.layers[0].up_proj,
        "blk.0.ffn_down.weight": WEIGHTS.layers[0].down_proj,
    }
    for name, array in expected.items():
        np.testing.assert_array_equal(read.tensors[name], array.astype(np.float16))


def test_norms_stay_float32(read: GgufReader) -> None:
    np.testing.assert_array_equal(read.tensors["output_norm.weight"], WEIGHTS.norm)
    norm = read.tensors["blk.1.ffn_norm.weight"]
    np.testing.assert_array_equal(norm, WEIGHTS.layers[1].mlp_norm)


def test_neighbours_turn_as_the_halves_did() -> None:
    # the rotation of GGUF turns the pairs (0, 1), (2, 3), ..; that of the reference (i, i + d / 2)
    rng = np.random.default_rng(0)
    heads, head_dim, position = 2, 6, np.array([[5]])
    query = rng.standard_normal((heads * head_dim, 1))
    rotary = make_rotary_table(CONFIG, np.dtype(np.float64), 6)
    turned = rotary.rotate(query.reshape(1, 1, heads, head_dim), position).reshape(-1, 1)
    pairs = interleave_rotary_pairs(query, heads).reshape(heads, head_dim // 2, 2)
    angles = 5 * CONFIG.rope_theta ** (-np.arange(0, head_dim, 2) / head_dim)
    values = (pairs[..., 0] + 1j * pairs[..., 1]) * np.exp(1j * angles)
    found = np.stack([values.real, values.imag], axis=-1).reshape(-1, 1)
    np.testing.assert_allclose(found, interleave_rotary_pairs(turned, heads), atol=1e-12)


def test_the_query_heads_are_interleaved(read: GgufReader) -> None:
    wanted = interleave_rotary_pairs(WEIGHTS.layers[0].q_proj, CONFIG.num_attention_heads)
    np.testing.assert_array_equal(read.tensors["blk.0.attn_q.weight"], wanted.astype(np.float16))
    assert not np.array_equal(wanted, WEIGHTS.layers[0].q_proj)


def test_rotary_scaling_is_refused_not_left_out(tmp_path: Path) -> None:
    config = replace(CONFIG, rope_scaling=LinearScaling(2.0))
    with pytest.raises(ArgumentError, match=r"^rope_scaling = 'linear': must be None for GGUF$"):
        write_gguf(tmp_path / "model.gguf", config, WEIGHTS)
    assert not (tmp_path / "model.gguf").exists()
