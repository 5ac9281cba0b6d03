"""One attention head on integers beside the float one, for P-24: drawn, or of decoded tokens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.proofs.aligned_token import AlignedToken
from fastcar.proofs.arithmetic import Array, Scalar, lift
from fastcar.proofs.integer_steps import NormPair, take_roots
from fastcar.reference.arrays import Int16Array
from fastcar.reference.config import ModelConfig
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION, quantize
from fastcar.reference.integer.layer import IntegerMatrix
from fastcar.reference.integer.quantization import quantize_gains
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.integer.whole.quantization import quantize_attention
from fastcar.reference.integer.whole.ranges import AttentionRanges
from fastcar.reference.integer.whole.rotary import IntegerRotaryTable, make_integer_rotary_table
from fastcar.reference.integer.whole.scores import LOGIT_FRACTION_BITS
from fastcar.reference.rotary import compute_frequencies
from fastcar.reference.weights import LayerWeights


@dataclass(frozen=True)
class FloatHead:
    """Float constants of one head, floats or balls.

    Attributes:
        gain: [D], g of the attention norm.
        q_proj: [d, D].
        k_proj: [d, D], of the key head that the query head reads.
        frequencies: [d / 2], radians per position.
        rms_norm_eps: eps.
    """

    gain: Array
    q_proj: Array
    k_proj: Array
    frequencies: Array
    rms_norm_eps: float


@dataclass(frozen=True)
class Head:
    """One head of a layer on integers beside the float one, for two positions.

    Attributes:
        layer: integer constants.
        exact: float constants.
        index: of the query head.
        turns: cosines and sines of the two positions.
        positions: of query token and key token.
        residual_scale: s_x.
        normed_scale: s_n.
    """

    layer: IntegerAttention
    exact: FloatHead
    index: int
    turns: IntegerRotaryTable
    positions: tuple[int, int]
    residual_scale: float
    normed_scale: float

    @property
    def key_index(self) -> int:
        """Of the key head."""
        scales = self.layer.scales
        return self.index * len(scales.key) // len(scales.query)

    @property
    def norm(self) -> NormPair:
        """The norm of both."""
        return NormPair(
            self.layer.gains,
            self.layer.epsilon,
            self.exact.gain,
            self.exact.rms_norm_eps,
            self.residual_scale,
            self.normed_scale,
        )

    def get_scales(self) -> tuple[Array, Array]:
        """[d] value of a step of query and cached key."""
        query, key = self.layer.scales.query[self.index], self.layer.scales.key[self.key_index]
        return np.concatenate([query, query]), np.concatenate([key, key])

    def compute_turns(self) -> tuple[Array, Array]:
        """[2, d / 2] exact cosines and sines."""
        angles = np.stack([position * self.exact.frequencies for position in self.positions])
        return np.cos(angles), np.sin(angles)

    def get_logit_factor(self) -> Scalar:
        """Steps of z per unit of <q, k>: 2^8 / (ln 2 sqrt(d)), in the arithmetic of the head."""
        two, width = lift(np.array([2, self.layer.head_dim]), self.exact.gain)
        root = take_roots(np.array([width]))[0]
        return 2**LOGIT_FRACTION_BITS / (np.log(np.array([two]))[0] * root)


def get_rows(matrix: IntegerMatrix, head: int, head_dim: int) -> IntegerMatrix:
    """The part of a projection that gives one head."""
    rows = slice(head * head_dim, (head + 1) * head_dim)
    return IntegerMatrix(matrix.weights[rows], matrix.multipliers[rows], matrix.shift)


def make_head(
    config: ModelConfig,
    weights: LayerWeights,
    ranges: tuple[float, AttentionRanges],
    index: int,
    positions: tuple[int, int],
) -> Head:
    """A head of a layer that `fastcar.reference.integer.whole.quantization` quantises.

    Args:
        config: sizes, frequencies.
        weights: float64.
        ranges: of the residual stream and of attention; what exceeds them saturates.
        index: of the query head.
        positions: of query token and key token.
    """
    residual, widest = ranges
    scale = residual / MAX_ACTIVATION
    layer = quantize_attention(weights, widest, config, scale, 1.0, "layer")
    table = make_integer_rotary_table(config, max(positions) + 1)
    width, key_index = config.head_dim, index // config.queries_per_key
    exact = FloatHead(
        weights.attention_norm,
        weights.q_proj[index * width : (index + 1) * width],
        weights.k_proj[key_index * width : (key_index + 1) * width],
        compute_frequencies(config),
        config.rms_norm_eps,
    )
    turns = IntegerRotaryTable(table.cos[list(positions)], table.sin[list(positions)])
    normed_scale = quantize_gains(weights.attention_norm)[1]
    return Head(layer, exact, index, turns, positions, scale, normed_scale)


def draw_head(rng: np.random.Generator) -> tuple[Head, Int16Array]:
    """A head and rows X [2, D]; one to four wide, rows of a matrix of very different size."""
    width, pairs, key_heads, group = (int(rng.integers(1, most)) for most in (5, 3, 3, 3))
    heads, head_dim = key_heads * group, 2 * pairs
    eps, theta = float(10.0 ** rng.uniform(-8, -2)), float(10.0 ** rng.uniform(0, 5))
    config = ModelConfig(2, width, 1, 1, heads, key_heads, head_dim, eps, theta, 4096)

    def draw_matrix(outputs: int, inputs: int) -> Array:
        return rng.standard_normal((outputs, inputs)) * 10.0 ** rng.uniform(-1, 1, (outputs, 1))

    gain = rng.uniform(-2, 2, width)
    query, key, value = (draw_matrix(n * head_dim, width) for n in (heads, key_heads, key_heads))
    output = draw_matrix(width, heads * head_dim)
    weights = LayerWeights(gain, query, key, value, output, gain, key, key, output)
    widest = AttentionRanges(
        2.0 ** rng.uniform(-4, 6, (heads, pairs)),
        2.0 ** rng.uniform(-4, 6, (key_heads, pairs)),
        np.ones(key_heads),
    )
    positions = int(rng.integers(1, 600)), int(rng.integers(600))
    ranges = float(2.0 ** rng.uniform(-6, 8)), widest
    head = make_head(config, weights, ranges, int(rng.integers(heads)), positions)
    largest = int(rng.choice([1, 50, 3000, MAX_ACTIVATION]))
    x = rng.integers(-largest, largest + 1, (2, width)).astype(np.int16)
    return head, x


def make_token_head(token: AlignedToken, rng: np.random.Generator) -> tuple[Head, Int16Array]:
    """The head of token j and a fed token that it sees, and their rows X [2, D].

    Scales are those of all tokens of the layer and row.
    """
    given = token.pair.given
    place = token.layer_index, token.row_index
    rows, prompt_tokens = token.run.layer_inputs[place], given.prompt_ids.shape[1]
    query, key = token.run.queries[place].swapaxes(0, 1), token.run.keys[place]
    widest = AttentionRanges(
        _get_widest_pairs(query), _get_widest_pairs(key), abs(token.run.values[place]).max((1, 2))
    )
    indices = token.token_index, int(rng.integers(token.token_index + 1))
    positions = prompt_tokens + indices[0], prompt_tokens + indices[1]
    residual = float(np.abs(rows).max())
    head = make_head(given.config, token.layer, (residual, widest), token.head_index, positions)
    return head, quantize(rows[list(indices)], residual / MAX_ACTIVATION)


def _get_widest_pairs(x: Array) -> Array:
    """[heads, tokens, d] to [heads, d / 2]: largest norms of rotary pairs."""
    first, second = np.split(x, 2, axis=-1)
    largest: Array = np.hypot(first, second).max(axis=1)
    return largest
