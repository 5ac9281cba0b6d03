"""Rotary scaling of models for longer sequences than they were trained on, by its parameters.

The keys are those of `rope_parameters` (once `rope_scaling`) in a Hugging Face `config.json`; what
they do to the frequencies stands in `fastcar.reference.rotary` (D-34).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from fastcar.reference.errors import ArgumentError

RANGES = {
    "factor": (1.0, 1e6),
    "low_freq_factor": (1e-6, 1e6),
    "high_freq_factor": (1e-6, 1e6),
    "attention_factor": (1e-3, 1e3),
    "beta_fast": (1e-6, 1e6),
    "beta_slow": (1e-6, 1e6),
}
"""Smallest and largest value of every parameter that is a number."""


@dataclass(frozen=True)
class LinearScaling:
    """All frequencies divided by one factor.

    Attributes:
        factor: at least 1.
        rope_type: name in the file.
    """

    factor: float
    rope_type: str = field(default="linear", init=False)

    def __post_init__(self) -> None:
        _check_ranges(self)


@dataclass(frozen=True)
class DynamicScaling:
    """A base that grows with the sequence beyond the position limit; none below it (D-34).

    Attributes:
        factor: at least 1.
        rope_type: name in the file.
    """

    factor: float
    rope_type: str = field(default="dynamic", init=False)

    def __post_init__(self) -> None:
        _check_ranges(self)


@dataclass(frozen=True)
class Llama3Scaling:
    """Long wavelengths divided by a factor, short ones kept, a ramp between them.

    Attributes:
        factor: at least 1.
        low_freq_factor: pairs that turn fewer times than this within the original limit are
            divided.
        high_freq_factor: pairs that turn more often than this are kept; above `low_freq_factor`.
        original_max_position_embeddings: position limit before scaling.
        rope_type: name in the file.
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int
    rope_type: str = field(default="llama3", init=False)

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_original(self.original_max_position_embeddings)
        if not self.low_freq_factor < self.high_freq_factor:
            limit = f"above low_freq_factor = {self.low_freq_factor:g}"
            raise ArgumentError("high_freq_factor", self.high_freq_factor, limit)


@dataclass(frozen=True)
class YarnScaling:
    """Slow pairs divided by a factor, fast ones kept, a ramp over the pairs between (YaRN).

    Attributes:
        factor: at least 1.
        original_max_position_embeddings: position limit before scaling.
        attention_factor: by which cosines and sines, so queries and keys, are multiplied.
        beta_fast: turns within the original limit from which on pairs are kept.
        beta_slow: turns below which they are divided; at most `beta_fast`.
        truncate: whether the ramp begins and ends at whole pairs.
        rope_type: name in the file.
    """

    factor: float
    original_max_position_embeddings: int
    attention_factor: float
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    truncate: bool = True
    rope_type: str = field(default="yarn", init=False)

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_original(self.original_max_position_embeddings)
        if not self.beta_slow <= self.beta_fast:
            limit = f"at most beta_fast = {self.beta_fast:g}"
            raise ArgumentError("beta_slow", self.beta_slow, limit)


RopeScaling = LinearScaling | DynamicScaling | Llama3Scaling | YarnScaling
"""How the frequencies of a model are scaled."""


def _check_ranges(scaling: RopeScaling) -> None:
    for name, (low, high) in RANGES.items():
        value = getattr(scaling, name, low)
        # NaN fails the comparison too
        if not low <= value <= high:
            raise ArgumentError(name, value, f"a number from {low:g} to {high:g}")


def _check_original(positions: int) -> None:
    if positions < 1:
        raise ArgumentError("original_max_position_embeddings", positions, "at least 1")
