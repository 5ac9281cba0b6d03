"""Rotary position embedding; twin of `fastcar.reference.rotary`, equal bit for bit."""

from __future__ import annotations

from typing import Any

from fastcar.reference.kernels.compilation import kernel

Array = Any


@kernel()
def rotate(x: Array, positions: Array, cos: Array, sin: Array, out: Array) -> None:
    """x and out [tokens, heads, d], positions [tokens], cos and sin [positions, d / 2]."""
    tokens, heads, head_dim = x.shape
    half = head_dim // 2
    for token in range(tokens):
        position = positions[token]
        for head in range(heads):
            for place in range(half):
                first, second = x[token, head, place], x[token, head, place + half]
                cosine, sine = cos[position, place], sin[position, place]
                out[token, head, place] = first * cosine - second * sine
                out[token, head, place + half] = second * cosine + first * sine
