"""The depth transformer: the codes of one place, one after the other, from the body's hidden state.

Source: github.com/mit-han-lab/vila-u at 096623c, `rqtransformer/modeling_rqtransformer.py` and
`attention.py`. x_0 = in_mlp_2(h), x_d = in_mlp_1(e_0 + ... + e_{d-1}), each plus its position
embedding; pre-norm blocks, causal over depth; one classifier for all depths. It is never replayed
(D-58).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import FloatArray
from fastcar.reference.attention import compute_attention
from fastcar.reference.engine import Engine
from fastcar.reference.vila_u.affine import Affine, LayerNorm, compute_gelu


@dataclass(frozen=True)
class DepthBlock:
    """x += proj(attention(ln1 x)); x += down(GELU(up(ln2 x)))."""

    ln1: LayerNorm
    query: Affine
    key: Affine
    value: Affine
    proj: Affine
    ln2: LayerNorm
    up: Affine
    down: Affine


@dataclass(frozen=True)
class DepthTransformer:
    """Weights; R rows, D depths, W width, n codes.

    Attributes:
        from_words: in_mlp_1, [W, C].
        from_hidden: in_mlp_2, [W, H].
        positions: [D, W].
        blocks: one per layer.
        norm: before the classifier.
        classifier: [n, W].
        num_heads: of every attention.
    """

    from_words: Affine
    from_hidden: Affine
    positions: FloatArray
    blocks: tuple[DepthBlock, ...]
    norm: LayerNorm
    classifier: Affine
    num_heads: int

    @property
    def depth(self) -> int:
        """D."""
        return len(self.positions)

    def compute_logits(
        self, hidden: FloatArray, cumulated: FloatArray, engine: Engine
    ) -> FloatArray:
        """Logits of all depths of given codes.

        Args:
            hidden: [R, H], normed, of the body.
            cumulated: [R, D, C] sums of codewords; the last one is not read.
            engine: of the products.

        Returns:
            [R, D, n].
        """
        run = DepthRun(self, hidden, engine)
        logits = [run.start()]
        logits += [run.step(cumulated[:, depth]) for depth in range(self.depth - 1)]
        return np.stack(logits, axis=1)


class DepthRun:
    """The depths of one place, each fed once: keys and values of those before are kept.

    The published loop computes all depths anew for every code; that gives the same.

    Args:
        transformer: weights.
        hidden: [R, H], normed, of the body.
        engine: of the products.
    """

    def __init__(self, transformer: DepthTransformer, hidden: FloatArray, engine: Engine) -> None:
        heads, width = transformer.num_heads, transformer.positions.shape[1]
        layers, rows = len(transformer.blocks), len(hidden)
        shape = 2, layers, rows, heads, transformer.depth, width // heads
        self._transformer = transformer
        self._hidden = hidden
        self._engine = engine
        self._cache: FloatArray = np.empty(shape, hidden.dtype)  # keys, values
        self._num_fed = 0

    def start(self) -> FloatArray:
        """Logits [R, n] of the first code."""
        return self._feed(self._transformer.from_hidden.compute(self._hidden, self._engine))

    def step(self, cumulated: FloatArray) -> FloatArray:
        """Logits [R, n] of the next code, of the sum [R, C] of the codewords before it."""
        return self._feed(self._transformer.from_words.compute(cumulated, self._engine))

    def _feed(self, x: FloatArray) -> FloatArray:
        transformer, engine = self._transformer, self._engine
        x = x + transformer.positions[self._num_fed]
        for layer_index, block in enumerate(transformer.blocks):
            x = x + block.proj.compute(self._attend(layer_index, block, x), engine)
            inner = compute_gelu(block.up.compute(block.ln2.compute(x), engine))
            x = x + block.down.compute(inner, engine)
        self._num_fed += 1
        return transformer.classifier.compute(transformer.norm.compute(x), engine)

    def _attend(self, layer_index: int, block: DepthBlock, x: FloatArray) -> FloatArray:
        """Attention [R, W] of the newest depth over all that were fed."""
        normed = block.ln1.compute(x)
        query, key, value = (
            affine.compute(normed, self._engine).reshape(len(x), self._transformer.num_heads, -1)
            for affine in (block.query, block.key, block.value)
        )
        keys, values = self._cache[:, layer_index]
        keys[:, :, self._num_fed], values[:, :, self._num_fed] = key, value
        fed = np.s_[:, :, : self._num_fed + 1]
        context, _ = compute_attention(query, keys[fed], values[fed])
        return context.reshape(x.shape)
