"""Numbers beyond the range of the arithmetic: found in the layer and token where they appear, D-37.

Weights are finite, but products of large ones need not be, and what follows from infinity or NaN is
no video. The residual stream is looked at where a norm is about to square it, because squares that
overflow give zeros, which nothing later can tell from numbers; logits and scores are looked at when
they are taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.errors import ArgumentError, NonFiniteError
from fastcar.reference.kv_cache import STORED_LIMITS, CacheStorage

allow_overflow = np.errstate(over="ignore", invalid="ignore", divide="ignore")
"""Decorates what looks for infinities itself; NumPy would warn of them beside the refusal."""


@dataclass(frozen=True, slots=True)
class FedTokens:
    """Tokens that are fed in one call, so that a refusal can say which one.

    Attributes:
        padding_tokens: [B] int64, padded entries at the left of each row.
        prompt_tokens: P.
        token_index: generated index j; None = the prompt.
        mask: [B, P], False for the prompt's padding; None behind the prompt.
    """

    padding_tokens: NDArray[np.int64]
    prompt_tokens: int
    token_index: int | None = None
    mask: BoolArray | None = None

    def describe(self, index: tuple[int, ...]) -> str:
        """The token and the row of an index [row] behind the prompt or [row, token] in it."""
        padding = int(self.padding_tokens[index[0]])
        if self.token_index is None:
            return f"prompt token {index[1] - padding}, row {index[0]}"
        position = self.prompt_tokens + self.token_index - padding
        return f"generated token {self.token_index} (position {position}), row {index[0]}"


def check_stream(x: FloatArray, layer_index: int | None, part: str, fed: FedTokens) -> None:
    """Refuse a residual stream whose squares do not sum to a finite number.

    One product in the usual case; rows are looked at where the sum over all of them is too large.

    Args:
        x: [B, D], or [B, P, D] of a prompt.
        layer_index: l; None = before the first layer.
        part: what was added last.
        fed: the tokens.

    Raises:
        NonFiniteError: names part, layer, token and row.
    """
    if not _is_within_range(x):
        _check_rows(x, layer_index, part, fed)


def check_layer(attended: FloatArray, x: FloatArray, layer_index: int, fed: FedTokens) -> None:
    """Refuse a layer whose residual stream is none after attention [B, D] or the MLP [B, D].

    One product in the usual case: the MLP of what attention leaves beyond the range is 0 or NaN, so
    the sum is beyond it too.

    Raises:
        NonFiniteError: as `check_stream`, of the part that was first.
    """
    if not _is_within_range(x):
        _check_rows(attended, layer_index, "attention", fed)
        _check_rows(x, layer_index, "MLP", fed)


def _is_within_range(x: FloatArray) -> bool:
    """Whether all squares, of all rows, sum to a finite number."""
    return math.isfinite(np.vdot(x, x))


@allow_overflow
def _check_rows(x: FloatArray, layer_index: int | None, part: str, fed: FedTokens) -> None:
    good = np.isfinite((x * x).sum(axis=-1))  # [B] or [B, P]
    if fed.mask is not None:
        good |= ~fed.mask
    if good.all():
        return
    index = _find_first(good)
    row = x[index]
    outside = row[~np.isfinite(row)]
    limit = f"finite in {x.dtype}"
    if not len(outside):
        outside, limit = row[[np.abs(row).argmax()]], f"such that squares are {limit}"
    layer = "" if layer_index is None else f" of layer {layer_index}"
    place = f"after {part}{layer}, {fed.describe(index)}"
    raise NonFiniteError("residual stream", float(outside[0]), place, limit)


def check_logits(logits: FloatArray, fed: FedTokens) -> None:
    """Refuse logits [B, V], or [B, P, V] of a prompt, that are not finite; padding aside.

    Raises:
        NonFiniteError: names token and row; every layer before was finite.
    """
    finite = np.isfinite(logits)
    if finite.all():
        return
    good: BoolArray = np.asarray(finite.all(axis=-1))
    if fed.mask is not None:
        good |= ~fed.mask
    if not good.all():
        index = _find_first(good)
        value = float(logits[index][~finite[index]][0])
        place = f"after the last layer, {fed.describe(index)}"
        raise NonFiniteError("logits", value, place, f"finite in {logits.dtype}")


def check_scores(
    heads: FloatArray, aggregated: FloatArray, layer_index: int, fed: FedTokens
) -> None:
    """Refuse Temporal Attention Scores that are not finite: of heads [B, H], aggregated [B].

    Raises:
        NonFiniteError: names layer, token and row.
    """
    if np.isfinite(heads).all() and np.isfinite(aggregated).all():
        return
    scores = np.concatenate([heads, aggregated[:, None]], axis=1)
    index = _find_first(np.asarray(np.isfinite(scores).all(axis=1)))
    value = float(scores[index][~np.isfinite(scores[index])][0])
    place = f"in layer {layer_index}, {fed.describe(index)}"
    raise NonFiniteError("attention score", value, place, f"finite in {heads.dtype}")


def check_guided(logits: FloatArray, token_index: int) -> None:
    """Refuse logits [videos, V] that guidance made infinite out of finite ones.

    Raises:
        NonFiniteError: names the token that was to be drawn and its video.
    """
    finite = np.isfinite(logits)
    if not finite.all():
        video, code = _find_first(finite)
        place = f"under guidance, generated token {token_index}, video {video}"
        raise NonFiniteError(
            "logits", float(logits[video, code]), place, f"finite in {logits.dtype}"
        )


def name_stored(
    error: ArgumentError,
    storage: CacheStorage,
    keys: FloatArray,
    values: FloatArray,
    layer_index: int,
    fed: FedTokens,
) -> NonFiniteError:
    """A refusal of a cache with layer and token; keys and values [B, T, H_kv, d]."""
    sizes = np.maximum(np.abs(keys), np.abs(values)).max(axis=(2, 3))  # [B, T]
    index = _find_first(sizes < STORED_LIMITS[storage])  # NaN is not
    place = f"in layer {layer_index}, {fed.describe(index)}"
    return NonFiniteError(error.argument, error.value, place, error.limit)


def _find_first(good: BoolArray) -> tuple[int, ...]:
    """Index of the first entry that is False."""
    return tuple(int(index) for index in np.unravel_index(int(np.argmin(good)), good.shape))
