"""Whether tokens can be fed: shapes, types, ranges; one line that names the first that cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastcar.reference.arguments import MAX_INT
from fastcar.reference.arrays import BoolArray, TokenIds
from fastcar.reference.errors import ArgumentError


def check_prompt(
    prompt_ids: TokenIds,
    prompt_mask: BoolArray | None,
    *,
    rows: int,
    capacity_tokens: int,
    vocab_size: int,
) -> BoolArray:
    """The mask of a prompt, [B, P], all True if none is given.

    Args:
        prompt_ids: [B, P] in [0, V).
        prompt_mask: [B, P], False for padding at the left; None = no padding.
        rows: B.
        capacity_tokens: the most that can be fed.
        vocab_size: V.

    Raises:
        ArgumentError: another shape or type, an id out of range, padding behind a token.
    """
    if prompt_ids.ndim != 2 or prompt_ids.shape[0] != rows or not prompt_ids.shape[1]:
        limit = f"[{rows} rows, at least 1 token]"
        raise ArgumentError("prompt_ids shape", prompt_ids.shape, limit)
    if prompt_ids.shape[1] > capacity_tokens:
        limit = f"at most capacity_tokens = {capacity_tokens}"
        raise ArgumentError("prompt tokens", prompt_ids.shape[1], limit)
    check_token_ids("prompt_ids", prompt_ids, prompt_ids.shape, vocab_size)
    if prompt_mask is None:
        return np.ones(prompt_ids.shape, bool)
    mask = prompt_mask.astype(bool)
    if mask.shape != prompt_ids.shape:
        raise ArgumentError("prompt_mask shape", mask.shape, f"{prompt_ids.shape}")
    if (mask[:, 1:] < mask[:, :-1]).any() or not mask[:, -1].all():
        raise ArgumentError(
            "prompt_mask", "zeros behind ones or at the end", "padded at the left only"
        )
    return mask


def check_token_ids(
    name: str, token_ids: TokenIds, shape: tuple[int, ...], vocab_size: int
) -> None:
    """Refuse ids of another shape or type, or outside of [0, V).

    Raises:
        ArgumentError: says so of the argument `name`.
    """
    if token_ids.shape != shape:
        raise ArgumentError(f"{name} shape", token_ids.shape, f"{shape}")
    if not np.issubdtype(token_ids.dtype, np.integer):
        raise ArgumentError(f"{name} dtype", str(token_ids.dtype), "an integer type")
    worst = token_ids.min() if token_ids.min() < 0 else token_ids.max()
    if not 0 <= worst < vocab_size:
        raise ArgumentError(name, int(worst), f"in [0, vocab_size = {vocab_size})")


def read_token_ids(name: str, values: ArrayLike) -> TokenIds:
    """Ids of rows as int64: lists, arrays of any integers, one row alone.

    Args:
        name: what users call them.
        values: [rows, tokens] or [tokens].

    Raises:
        ArgumentError: no integers, another shape, or an integer beyond int64.

    >>> read_token_ids("prompt_ids", [3, 1]).tolist()
    [[3, 1]]
    """
    array = _read_rows(name, values, "iu", "integers")
    if array.size and array.max() > MAX_INT:
        raise ArgumentError(name, int(array.max()), f"at most {MAX_INT}")
    token_ids: TokenIds = array.astype(np.int64, copy=False)
    return token_ids


def read_mask(values: ArrayLike) -> BoolArray:
    """A prompt mask as booleans, likewise; any numbers that are 0 or 1.

    Raises:
        ArgumentError: other numbers, another shape.
    """
    array = _read_rows("prompt_mask", values, "biu", "0 and 1")
    if not np.isin(array, (0, 1)).all():
        raise ArgumentError("prompt_mask", "other numbers", "0 and 1")
    flags: BoolArray = array.astype(bool, copy=False)
    return flags


def _read_rows(name: str, values: ArrayLike, kinds: str, limit: str) -> Any:
    """[rows, tokens] of a NumPy kind."""
    try:
        array = np.asarray(values)
    except (ValueError, OverflowError):  # rows of different lengths
        array = np.array(None)
    if array.dtype.kind not in kinds or array.ndim not in (1, 2):
        found = f"{array.dtype} of shape {array.shape}"
        raise ArgumentError(name, found, f"{limit} [rows, tokens]")
    return np.atleast_2d(array)
