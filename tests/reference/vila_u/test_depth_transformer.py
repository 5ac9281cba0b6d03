"""Depths fed one by one against all of them at once."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import FloatArray
from fastcar.reference.engine import NumpyEngine
from fastcar.reference.vila_u.affine import Affine, LayerNorm
from fastcar.reference.vila_u.depth_transformer import DepthBlock, DepthTransformer
from tests.examples import examples


def make_transformer(
    rng: np.random.Generator, heads: int, layers: int, depth: int
) -> DepthTransformer:
    width, code_width, hidden, codes = 4 * heads, 3, 5, 7

    def affine(outputs: int, inputs: int) -> Affine:
        return Affine(rng.standard_normal((outputs, inputs)), rng.standard_normal(outputs))

    def norm() -> LayerNorm:
        return LayerNorm(rng.uniform(0.5, 1.5, width), rng.standard_normal(width))

    blocks = []
    for _ in range(layers):
        query, key, value, proj = (affine(width, width) for _ in range(4))
        up, down = affine(4 * width, width), affine(width, 4 * width)
        blocks.append(DepthBlock(norm(), query, key, value, proj, norm(), up, down))
    return DepthTransformer(
        affine(width, code_width),
        affine(width, hidden),
        rng.standard_normal((depth, width)),
        tuple(blocks),
        norm(),
        affine(codes, width),
        heads,
    )


def apply(affine: Affine, x: FloatArray) -> FloatArray:
    assert isinstance(affine.weight, np.ndarray)
    product: FloatArray = x @ affine.weight.T + affine.bias
    return product


def normalise(norm: LayerNorm, x: FloatArray) -> FloatArray:
    scale = np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5)
    normed: FloatArray = (x - x.mean(axis=-1, keepdims=True)) / scale * norm.weight + norm.bias
    return normed


def recompute(transformer: DepthTransformer, hidden: FloatArray, words: FloatArray) -> FloatArray:
    """Logits [D, n] of one row: the whole sequence, masked, as in the published forward pass."""
    x = np.stack([apply(transformer.from_hidden, hidden)])
    x = np.concatenate([x, apply(transformer.from_words, words[:-1])]) + transformer.positions
    size = x.shape[1] // transformer.num_heads
    for block in transformer.blocks:
        normed = normalise(block.ln1, x)
        query, key, value = (apply(part, normed) for part in (block.query, block.key, block.value))
        context = np.empty_like(x)
        for head in range(transformer.num_heads):
            part = np.s_[:, head * size : (head + 1) * size]
            weights = np.exp(query[part] @ key[part].T / math.sqrt(size))
            weights = np.tril(weights)
            context[part] = weights / weights.sum(axis=1, keepdims=True) @ value[part]
        x = x + apply(block.proj, context)
        inner = apply(block.up, normalise(block.ln2, x))
        gelu = inner * (1 + np.vectorize(math.erf)(inner / math.sqrt(2))) / 2
        x = x + apply(block.down, gelu)
    return apply(transformer.classifier, normalise(transformer.norm, x))


@given(st.integers(1, 3), st.integers(1, 2), st.integers(1, 5), st.integers(0, 2**16))
@examples(15)
def test_kept_keys_and_values_give_what_recomputing_gives(
    heads: int, layers: int, depth: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    transformer = make_transformer(rng, heads, layers, depth)
    hidden, words = rng.standard_normal((2, 5)), rng.standard_normal((2, depth, 3))
    found = transformer.compute_logits(hidden, words, NumpyEngine())
    for row in range(2):
        wanted = recompute(transformer, hidden[row], words[row])
        np.testing.assert_allclose(found[row], wanted, rtol=1e-8, atol=1e-8)


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    rng = np.random.default_rng(0)
    transformer = make_transformer(rng, 2, 2, 3)
    hidden, words = rng.standard_normal((4, 5)), rng.standard_normal((4, 3, 3))
    together = transformer.compute_logits(hidden, words, NumpyEngine())
    alone = transformer.compute_logits(hidden[2:3], words[2:3], NumpyEngine())
    np.testing.assert_array_equal(together[2:3], alone)
