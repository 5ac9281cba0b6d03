"""Section 7 of docs/accelerator.md in Python integers, number by number, without NumPy.

Written from the page alone. `NaiveWhole` decodes one row without any cache but lists.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import floor
from typing import Any

from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.rotary import IntegerRotaryTable
from fastcar.reference.tables import EXPONENTIAL_TABLE
from tests.reference.integer import naive

Vector = Sequence[int]


def limit_cached(value: int) -> int:
    return max(-127, min(127, value))


def turn(head: Vector, cos: Vector, sin: Vector) -> list[int]:
    half = len(head) // 2
    first = [head[i] * cos[i] - head[half + i] * sin[i] for i in range(half)]
    second = [head[half + i] * cos[i] + head[i] * sin[i] for i in range(half)]
    return first + second


def rotate_query(head: Vector, cos: Vector, sin: Vector) -> list[int]:
    return [naive.limit(naive.round_shift(value, 14)) for value in turn(head, cos, sin)]


def rotate_key(head: Vector, cos: Vector, sin: Vector) -> list[int]:
    return [limit_cached(naive.round_shift(one * 65026, 38)) for one in turn(head, cos, sin)]


def weight(logit: int, exponent: int) -> int:
    """p of a logit below 256 M."""
    index = 256 * exponent - logit - 1
    octave = index // 256
    entry = EXPONENTIAL_TABLE[255 - index % 256]
    return floor(Fraction(entry, 2**octave) + Fraction(1, 2))


@dataclass
class Word:
    """What the softmax leaves of L keys."""

    weights: list[int]
    exponent: int
    keys: list[int] = field(default_factory=list)


def softmax(runs: Sequence[dict[int, int]], num_lanes: int) -> tuple[list[Word], int]:
    """Words with any visible key, run by run, and S; logits of visible keys only."""
    words: list[Word] = []
    total = 0
    blocks = [(logits, block) for logits in runs for block in range(max(logits) // num_lanes + 1)]
    for logits, block in blocks:
        start = block * num_lanes
        keys = [key for key in range(start, start + num_lanes) if key in logits]
        if not keys:
            continue
        exponent = max(logits[key] for key in keys) // 256 + 1
        if words:
            exponent = max(exponent, words[-1].exponent)
            total //= 2 ** (exponent - words[-1].exponent)
        weights = [weight(logits[key], exponent) for key in keys]
        total += sum(weights) * 2048
        words.append(Word(weights, exponent, keys))
    return words, total


def attend(
    query: Vector,
    keys: Sequence[Vector],
    values: Sequence[Vector],
    visible: Sequence[bool],
    factor: tuple[int, int],
    num_lanes: int,
) -> list[int]:
    """Context of one head."""
    multiplier, shift = factor
    runs: list[dict[int, int]] = []
    for key in range(len(keys)):
        if visible[key]:
            if not key or not visible[key - 1]:
                runs.append({})
            logit = naive.round_shift(naive.dot(query, keys[key]) * multiplier, shift)
            runs[-1][key] = logit
    words, total = softmax(runs, num_lanes)
    bits = total.bit_length()
    reciprocal = (2**33 - 1) // (total >> (bits - 18))
    context = []
    for dim in range(len(query)):
        accumulated = 0
        for word in words:
            pairs = zip(word.weights, word.keys, strict=True)
            product = sum(share * values[key][dim] for share, key in pairs)
            accumulated += product * 2048 // 2 ** (words[-1].exponent - word.exponent)
        context.append(naive.limit(naive.round_shift(accumulated * reciprocal, bits + 7)))
    return context


def multiply(matrix: IntegerMatrix, x: Vector) -> list[int]:
    rows = zip(matrix.weights.tolist(), matrix.multipliers.tolist(), strict=True)
    return [naive.requantize(naive.dot(row, x), scale, matrix.shift) for row, scale in rows]


def run_mlp(layer: IntegerLayer, normed: Vector) -> list[int]:
    gate, up = multiply(layer.gate_proj, normed), multiply(layer.up_proj, normed)
    factor = layer.gate_shift, layer.hidden_multiplier, layer.hidden_shift
    hidden = [naive.hidden(*pair, *factor) for pair in zip(gate, up, strict=True)]
    return multiply(layer.down_proj, hidden)


def add(x: Vector, y: Vector) -> list[int]:
    return [naive.limit(one + two) for one, two in zip(x, y, strict=True)]


@dataclass
class NaiveWhole:
    """One row, token by token.

    Attributes:
        model: constants.
        rotary: cosines and sines.
        prompt_tokens: P.
        tokens_per_frame: N.
        num_lanes: L.
        is_visible: whether the token at one position sees the key at another.
        decides: whether a score or distance replays, by layer; None = dense.
        by_distance: DISTANCE decides.
        scores: of every decided layer and token, in their order.
        replayed: likewise.
    """

    model: WholeModel
    rotary: IntegerRotaryTable
    prompt_tokens: int
    tokens_per_frame: int
    num_lanes: int
    is_visible: Callable[[int, int], bool]
    decides: Callable[[int, int], bool] | None = None
    by_distance: bool = False
    scores: list[int] = field(default_factory=list)
    replayed: list[bool] = field(default_factory=list)

    def run(self, token_ids: Vector) -> list[list[int]]:
        """Integer logits behind every token."""
        layers = range(len(self.model.attention))
        self.keys: list[Any] = [[] for _ in layers]
        self.values: list[Any] = [[] for _ in layers]
        self.outputs: list[dict[int, list[int]]] = [{} for _ in layers]
        self.inputs: list[dict[int, list[int]]] = [{} for _ in layers]
        return [self._feed(position, token) for position, token in enumerate(token_ids)]

    def _feed(self, position: int, token: int) -> list[int]:
        x = self.model.embedding[token].tolist()
        for layer_index in range(len(self.model.attention)):
            x, score = self._run_attention(layer_index, position, x)
            x = add(x, self._take_output(layer_index, position, x, score))
        head = self.model.head
        return multiply(head.matrix, naive.rms_norm(x, head.gains.tolist(), head.epsilon))

    def _run_attention(self, index: int, position: int, x: list[int]) -> tuple[list[int], int]:
        """The residual stream behind attention, and the score."""
        layer = self.model.attention[index]
        normed = naive.rms_norm(x, layer.gains.tolist(), layer.epsilon)
        turns = self.rotary.cos[position].tolist(), self.rotary.sin[position].tolist()
        size = layer.head_dim

        def split(flat: list[int]) -> list[list[int]]:
            return [flat[start : start + size] for start in range(0, len(flat), size)]

        queries = [rotate_query(head, *turns) for head in split(multiply(layer.q_proj, normed))]
        new_keys = [rotate_key(head, *turns) for head in split(multiply(layer.k_proj, normed))]
        new_values = split([limit_cached(one) for one in multiply(layer.v_proj, normed)])
        self.keys[index].append(new_keys)
        self.values[index].append(new_values)
        group = len(queries) // len(new_keys)
        visible = [self.is_visible(position, key) for key in range(position + 1)]
        context: list[int] = []
        score = 0
        aligned = position - self.tokens_per_frame
        for head, query in enumerate(queries):
            keys = [token[head // group] for token in self.keys[index]]
            values = [token[head // group] for token in self.values[index]]
            factor = layer.logit_multiplier, layer.logit_shift
            context += attend(query, keys, values, visible, factor, self.num_lanes)
            score += naive.dot(query, keys[aligned]) if aligned >= 0 else 0
        return add(x, multiply(layer.o_proj, context)), score

    def _take_output(self, index: int, position: int, x: list[int], score: int) -> list[int]:
        """What the MLP adds, replayed or computed."""
        layer = self.model.mlp.layers[index]
        normed = naive.rms_norm(x, layer.gains.tolist(), layer.epsilon)
        token = position - self.prompt_tokens
        place = token % self.tokens_per_frame
        if self.decides is not None and token >= self.tokens_per_frame:
            if self.by_distance:
                score = naive.distance(normed, self.inputs[index][place])
            self.scores.append(score)
            self.replayed.append(self.decides(index, score))
            if self.replayed[-1]:
                return self.outputs[index][place]
        output = run_mlp(layer, normed)
        if token >= 0:
            self.outputs[index][place], self.inputs[index][place] = output, normed
        return output
