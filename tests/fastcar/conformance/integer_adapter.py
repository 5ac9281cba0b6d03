"""Softmax and MLP of the integer decoder in Python integers, from docs/accelerator.md alone.

Mistakes can be planted; NumPy only carries the arrays.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np


def shift(value: int, bits: int, bug: str = "") -> int:
    """round(value / 2^bits), ties upwards."""
    half = (1 << bits) >> 1
    return (value if bug == "rounding down" else value + half) >> bits


def limit(value: int, bug: str = "") -> int:
    """Saturated to +-32767."""
    if bug == "sums wrap around":
        return (value + 32768) % 65536 - 32768
    return max(-32767, min(32767, value))


def soften(inputs: dict[str, Any], settings: dict[str, Any], bug: str) -> dict[str, Any]:
    """Words of every row."""
    lanes, rows = settings["num_lanes"], []
    for logits, visible in zip(inputs["logits"].tolist(), inputs["visible"].tolist(), strict=True):
        if bug == "hidden keys weigh":
            visible = [True] * len(logits)
        peak, total, weights, exponents = -(1 << 60), 0, [], []
        for start in range(0, len(logits), lanes):
            word = slice(start, start + lanes)
            seen = [z for z, shown in zip(logits[word], visible[word], strict=True) if shown]
            before = peak
            peak = max([peak, *((z >> 8) + 1 for z in seen)])
            if bug == "exponent of each word alone" and seen:
                peak = (max(seen) >> 8) + 1
            entries = inputs["exponential_table"].tolist()
            word_weights = []
            for z, shown in zip(logits[word], visible[word], strict=True):
                gap = min((peak << 8) - z - 1, 18 * 256 - 1)
                word_weights.append(shift(entries[~gap & 255], gap >> 8, bug) if shown else 0)
            word_weights += [0] * (lanes - len(word_weights))
            total = total >> max(min(peak - before, 63), 0)
            total += sum(word_weights) << (0 if bug == "no guard bits" else 11)
            weights.append(word_weights)
            exponents.append(peak)
        rows.append((weights, exponents, total))
    keys = ("weights", "exponents", "total")
    return {key: np.array(part) for key, part in zip(keys, zip(*rows, strict=True), strict=True)}


def run_mlp(inputs: dict[str, Any], settings: dict[str, Any], bug: str) -> dict[str, Any]:
    """Every quantity of the MLP phase, row by row."""
    arrays = {key: array.tolist() for key, array in inputs.items()}
    rows = [run_row(row, arrays, settings, bug) for row in arrays["x"]]
    return {key: np.array([row[key] for row in rows]) for key in rows[0]}


def normalise(x: list[int], gains: list[int], epsilon: int, arrays: Any, bug: str) -> list[int]:
    """NORM."""
    square = sum(value * value for value in x) + epsilon
    t = (square.bit_length() - 1) >> 1
    mantissa = square << (46 - 2 * t)
    index, rest, table = (mantissa >> 39) - 128, (mantissa >> 31) & 255, arrays["rsqrt_table"]
    rest = 0 if bug == "root without interpolation" else rest
    root = shift(256 * table[index] - (table[index] - table[index + 1]) * rest, 8)
    pairs = zip(x, gains, strict=True)
    return [limit(shift(value * gain * root, 16 + t, bug), bug) for value, gain in pairs]


def multiply(name: str, row: list[int], arrays: Any, bits: int, bug: str) -> list[int]:
    """GEMV by the matrix of a name."""
    sums = (sum(a * b for a, b in zip(w, row, strict=True)) for w in arrays[f"{name}.weights"])
    products = (a * b for a, b in zip(sums, arrays[f"{name}.multipliers"], strict=True))
    return [limit(shift(value, bits, bug), bug) for value in products]


def run_row(x: list[int], arrays: Any, settings: Any, bug: str) -> dict[str, list[int]]:
    """The MLP phase of a row."""
    normed = normalise(x, arrays["gains"], settings["epsilon"], arrays, bug)
    gate, up = (
        multiply(name, normed, arrays, settings[f"{name}_shift"], bug)
        for name in ("gate_proj", "up_proj")
    )
    multiplier, bits = settings["hidden_multiplier"], settings["hidden_shift"]
    hidden = [
        limit(shift(_silu(one, arrays, settings, bug) * two * multiplier, bits, bug), bug)
        for one, two in zip(gate, up, strict=True)
    ]
    output = multiply("down_proj", hidden, arrays, settings["down_proj_shift"], bug)
    residual = [limit(one + two, bug) for one, two in zip(x, output, strict=True)]
    names = ("normed", "gate", "up", "hidden", "output", "residual")
    return dict(zip(names, (normed, gate, up, hidden, output, residual), strict=True))


def _silu(gate: int, arrays: Any, settings: Any, bug: str) -> int:
    size = abs(gate) << (0 if bug == "gate not shifted" else settings["gate_shift"])
    table, cell = arrays["silu_table"], size >> 6
    positive = size << 4
    if cell < len(table) - 1:
        positive = shift(64 * table[cell] + (table[cell + 1] - table[cell]) * (size & 63), 6)
    return positive if gate >= 0 else positive - (size << 4)


def answer(inputs: dict[str, Any], bug: str = "") -> dict[str, Any] | None:
    """All answers to one file of inputs; None for a case that is not known."""
    settings = json.loads(bytes(inputs["settings"]))
    compute = {"softmax": soften, "integer_mlp": run_mlp}.get(settings["case"])
    return None if compute is None else compute(inputs, settings, bug)
