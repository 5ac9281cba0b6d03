"""Which engine computes where the user leaves it open: the decision alone, from sizes (D-51).

Compiled kernels are faster, but the first run with them compiles for most of a minute. So a run
takes them where their machine code is kept from an earlier run, or where it is long enough to pay
for compiling; all others take NumPy, the specification.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import Float
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError

AUTO, NUMPY, NUMBA = "auto", "numpy", "numba"

ENGINE_CHOICES = (AUTO, NUMPY, NUMBA)
"""What a user may ask for, the default first."""

LAYER_SECONDS = 2.5e-4
"""NumPy's calls of one layer in one step, whatever the sizes.

docs/performance.md, November 2026, an AMD EPYC with 2 cores: 1023 steps of the shipped model, 4
layers and one row, take 1.05 s; on a slower Xeon 2.3 s.
"""
MULTIPLICATION_SECONDS = 1e-10
"""A weight's element times one number in NumPy.

The same page: 6e-11 s (1024 x 8 layers, 16 rows) to 2e-10 s (the same, one row, which waits for
memory); 3.5e-10 s with the small matrices of the shipped model.
"""
COMPILATION_SECONDS = 40.0
"""What the first run with compiled kernels takes longer than the second one.

On a Xeon with 2 cores 34 to 36 s for `fastcar generate`, 20 of them for the kernel of whole frames.
"""
SAVED_SHARE = 0.4
"""Of NumPy's time, by which compiled kernels are faster: 0.37 and 0.39 for the shipped model with 1
and 16 rows, 0.25 to 0.6 for 1024 x 8 layers (docs/performance.md). Step by step: whole frames save
more, so whoever is told to wait for compilation has waited for good reason."""


def check_asked(asked: str) -> None:
    """Refuse what is not in `ENGINE_CHOICES`."""
    if asked not in ENGINE_CHOICES:
        raise ArgumentError("engine", asked, f"one of {', '.join(ENGINE_CHOICES)}")


@dataclass(frozen=True)
class Decode:
    """One run of the decoder.

    Attributes:
        rows: B, under guidance twice the videos.
        prompt_tokens: P, fed at once.
        steps: tokens fed one after the other.
    """

    rows: int
    prompt_tokens: int
    steps: int


@dataclass(frozen=True)
class EngineChoice:
    """What computes, and why, in words that fit behind "engine numpy: ".

    Attributes:
        name: numpy or numba.
        reason: one line.
    """

    name: str
    reason: str


def count_multiplications(config: ModelConfig) -> int:
    """Multiplications of a token with weights: their elements, the embedding left out."""
    width, hidden = config.num_attention_heads * config.head_dim, config.hidden_size
    kv_width = config.num_key_value_heads * config.head_dim
    attention = 2 * hidden * (width + kv_width)
    mlp = 3 * hidden * config.intermediate_size
    return config.num_hidden_layers * (attention + mlp) + config.vocab_size * hidden


def estimate_seconds(config: ModelConfig, decodes: Iterable[Decode]) -> float:
    """About how long NumPy takes for the decodes; attention over long contexts takes longer."""
    seconds = 0.0
    for decode in decodes:
        tokens = decode.rows * (decode.prompt_tokens + decode.steps)
        seconds += decode.steps * config.num_hidden_layers * LAYER_SECONDS
        seconds += tokens * count_multiplications(config) * MULTIPLICATION_SECONDS
    return seconds


def choose_engine(
    dtype: np.dtype[Float], numpy_seconds: float, are_kept: bool, obstacle: str | None
) -> EngineChoice:
    """The decision of `auto`.

    Args:
        dtype: of the arithmetic.
        numpy_seconds: estimate for NumPy.
        are_kept: machine code of the kernels is kept.
        obstacle: why Numba cannot be used; None = it can.

    >>> choose_engine(np.dtype(np.float32), 3.0, False, None)
    EngineChoice(name='numpy', reason='about 3 s of work, too short to compile kernels for')
    >>> choose_engine(np.dtype(np.float64), 3000.0, True, None).name
    'numpy'
    """
    if dtype != np.float32:
        return EngineChoice(NUMPY, f"compiled kernels do not know {dtype}")
    if obstacle is not None:
        return EngineChoice(NUMPY, f"no compiled kernels: {obstacle}")
    if are_kept:
        return EngineChoice(NUMBA, "machine code of the kernels is kept from an earlier run")
    work = f"about {numpy_seconds:.0f} s of work" if numpy_seconds >= 1 else "less than 1 s of work"
    if numpy_seconds * SAVED_SHARE > COMPILATION_SECONDS:
        return EngineChoice(NUMBA, f"{work} in NumPy, long enough to compile kernels for")
    return EngineChoice(NUMPY, f"{work}, too short to compile kernels for")
