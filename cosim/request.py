"""What a co-simulation is asked for: sizes, decisions, memory, tokens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from fastcar.cosim.backends.backend import Backend, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings
from fastcar.cosim.calibrated_model import GATES
from fastcar.reference.arguments import check_fields
from fastcar.reference.budget import compute_budget_ratio, count_gate_multiplications
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention, make_sparse_attention
from fastcar.reference.thresholds import check_ratio
from fastcar.rtl.config import MIN_LANES, AcceleratorConfig


def _make_native(config: AcceleratorConfig) -> Backend:
    """Imported where it is used, as all are: the environment may forbid Numba to compile.

    Raises:
        ArgumentError: it does.
    """
    from fastcar.cosim.backends.native_backend import NativeBackend

    return NativeBackend(config)


def _make_pyrtl(config: AcceleratorConfig) -> Backend:
    from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend

    return PyrtlBackend(config)


def _make_verilator(config: AcceleratorConfig) -> Backend:
    from fastcar.cosim.backends.verilator_backend import VerilatorBackend

    return VerilatorBackend(config)


BACKENDS: dict[str, Callable[[AcceleratorConfig], Backend]] = {
    "native": _make_native,
    "pyrtl": _make_pyrtl,
    "verilator": _make_verilator,
}
DEFAULT_TOKENS = 64
"""A frame of the shipped model; fewer in smaller frames, and where a row ends earlier."""
SLOW_BACKENDS = frozenset({"pyrtl"})
"""They simulate one token where no number is given."""
DEFAULT_BATCH, DEFAULT_CALIBRATION_CLIPS = 4, 4
"""Fewer where the model has fewer rows."""
DEFAULT_LANES = 16
"""Fewer where a vector fits into one word."""
DEFAULT_TARGET_RATIO = 0.5
"""Where neither thresholds nor a ratio nor a budget are asked for."""
DEFAULT_PLACE = 37
"""Where a few tokens begin: some of the first held-out clips compute there, some replay, in every
layer of the shipped model and under both sources; in smaller frames, modulo their tokens."""
MAX_STALL = 0.95
"""Memory that is ready in one cycle of twenty; a layer then takes as many times longer."""
MAX_LATENCY = 65_535
"""As many writes may be open (docs/accelerator.md, rule 5)."""
WATCHDOG_FACTOR = 5
"""A layer that takes so many times the cycles of one in which every slot computes has hung."""

_NAMES = {"num_cores": "cores", "num_lanes": "lanes", "num_slots": "batch"}
"""What the fields of `AcceleratorConfig` are called here."""


class Mode(Enum):
    """What decides, and how slots are mapped to cores."""

    DRS = "drs"
    """Replay, computing slots dealt in turn."""
    STATIC = "static"
    """Replay, slot b on core b mod C."""
    DENSE = "dense"
    """Every slot computes, dealt in turn."""


@dataclass(frozen=True)
class CosimRequest:
    """What to simulate.

    Attributes:
        backend: name of `BACKENDS`.
        batch: B, held-out clips decoded together, one per slot; None = 4, or as many as there are.
        cores: C.
        lanes: L; None = 16, or as many as the longest vector fills.
        mode: drs, static or dense.
        source: what decides; nothing under dense.
        tau: thresholds in floats, one or one per layer, None = the layer never replays; in place of
            `target_ratio` and `budget`.
        target_ratio: share of the eligible decisions that shall replay; None = 0.5, where neither
            of the other two is given.
        budget: share of the dense multiplications of the eligible decisions, the gate's own
            included (D-41).
        latency: cycles of the memory.
        stall: probability with which a channel of the memory waits in a cycle.
        seed: of the stalls.
        first_token: generated index of the first simulated token; None = the first of frame 1, or
            `DEFAULT_PLACE` in it where `num_tokens` is given or 1.
        num_tokens: simulated tokens; None = to the end of `frames`; where that is not given, a
            frame, at most 64, and 1 on the back end pyrtl.
        frames: of the video, whose last token is not fed; None = as many as the tokens need.
        given_frames: true frames at the start.
        calibration_clips: for scales and thresholds; None = 4, or as many as there are.
        window: newest tokens that attention sees; None = all.
        sinks: oldest tokens that stay visible beside a window; None = 4.
        records_wave: record what the accelerator does in the layer that is run last.
    """

    backend: str = "native"
    batch: int | None = None
    cores: int = 2
    lanes: int | None = None
    mode: Mode = Mode.DRS
    source: DecisionSource = DecisionSource.SCORE
    tau: tuple[float | None, ...] | None = None
    target_ratio: float | None = None
    budget: float | None = None
    latency: int = 8
    stall: float = 0.0
    seed: int = 0
    first_token: int | None = None
    num_tokens: int | None = None
    frames: int | None = None
    given_frames: int = 2
    calibration_clips: int | None = None
    window: int | None = None
    sinks: int | None = None
    records_wave: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.backend not in BACKENDS:
            raise ArgumentError("backend", self.backend, f"one of {', '.join(BACKENDS)}")
        self._check_replay_arguments()
        self.make_sparse()
        if not 0 <= self.stall <= MAX_STALL:
            raise ArgumentError("stall", self.stall, f"in [0, {MAX_STALL}]")
        for name in ("batch", "latency", "calibration_clips", "num_tokens", "frames"):
            _check_least(name, getattr(self, name), 1)
        _check_least("given_frames", self.given_frames, self.least_given_frames)
        if self.latency > MAX_LATENCY:
            raise ArgumentError("latency", self.latency, f"at most {MAX_LATENCY}")
        for name in ("first_token", "seed"):
            _check_least(name, getattr(self, name), 0)

    @property
    def least_given_frames(self) -> int:
        """True frames that there must be: none of them is drawn by the accelerator."""
        return 1

    def _check_replay_arguments(self) -> None:
        given = [
            name for name in ("tau", "target_ratio", "budget") if getattr(self, name) is not None
        ]
        if len(given) > 1:
            raise ArgumentError(given[1], getattr(self, given[1]), f"given without {given[0]}")
        if given and self.mode is Mode.DENSE:
            raise ArgumentError(given[0], getattr(self, given[0]), "given with a mode that replays")
        if self.target_ratio is not None:
            check_ratio("target_ratio", self.target_ratio)

    def make_sparse(self) -> SparseAttention | None:
        """What attention sees; None = everything.

        Raises:
            ArgumentError: sinks without a window, sizes outside of their limits.
        """
        return make_sparse_attention(self.window, self.sinks)

    def resolve(self, model: ClipModel) -> CosimRequest:
        """The same with everything said that the model decides where nobody else does."""
        held_out, calibration = model.load_rows("held_out"), model.load_rows("calibration")
        clips = self.calibration_clips
        return replace(
            self,
            batch=min(DEFAULT_BATCH, len(held_out)) if self.batch is None else self.batch,
            lanes=get_default_lanes(model.config) if self.lanes is None else self.lanes,
            calibration_clips=min(DEFAULT_CALIBRATION_CLIPS, len(calibration))
            if clips is None
            else clips,
        )

    def get_ratio(self, model: ModelConfig) -> float:
        """Share of the eligible decisions that shall replay."""
        if self.budget is not None:
            cost = count_gate_multiplications(GATES[self.source], model, has_score=False)
            dense = 3 * model.hidden_size * model.intermediate_size
            return compute_budget_ratio(self.budget, cost / dense)
        return DEFAULT_TARGET_RATIO if self.target_ratio is None else self.target_ratio

    def get_window(self, tokens_per_frame: int) -> range:
        """Generated indices of the simulated tokens.

        Raises:
            ArgumentError: the video has no such tokens.
        """
        is_slow = self.backend in SLOW_BACKENDS
        num_tokens = 1 if is_slow else min(DEFAULT_TOKENS, tokens_per_frame)
        num_tokens = num_tokens if self.num_tokens is None else self.num_tokens
        is_frame = self.num_tokens is None and not (is_slow and self.frames is None)
        first = self.first_token
        if first is None:
            first = tokens_per_frame + (0 if is_frame else DEFAULT_PLACE % tokens_per_frame)
        if self.frames is None:
            return range(first, first + num_tokens)
        end = self.frames * tokens_per_frame - 1
        if first >= end:
            limit = f"below {end}, the tokens that {self.frames} frames feed"
            raise ArgumentError("first_token", first, limit)
        if self.num_tokens is not None and first + self.num_tokens > end:
            limit = f"at most {end - first}, to the end of {self.frames} frames"
            raise ArgumentError("num_tokens", self.num_tokens, limit)
        return range(first, end if self.num_tokens is None else first + self.num_tokens)

    @property
    def dispatch(self) -> Dispatch:
        """How slots are mapped."""
        return Dispatch.STATIC if self.mode is Mode.STATIC else Dispatch.DYNAMIC

    def make_config(self, model: ModelConfig) -> AcceleratorConfig:
        """Sizes of the accelerator; of a request that is resolved.

        Raises:
            ArgumentError: there is none of these sizes; named as here.
        """
        assert self.batch is not None
        assert self.lanes is not None
        model_sizes = model.hidden_size, model.intermediate_size, get_query_size(model)
        return make_accelerator_config(self.cores, self.lanes, self.batch, *model_sizes)

    def make_settings(self, dense_cycles: int) -> RunSettings:
        """Memory and watchdog of every layer.

        Args:
            dense_cycles: of a layer in which every slot computes, on memory without stalls.
        """
        limit_cycles = WATCHDOG_FACTOR * self.get_usual_cycles(dense_cycles)
        return RunSettings(limit_cycles, ChannelSettings(self.latency, self.stall, self.seed))

    def get_usual_cycles(self, dense_cycles: int) -> int:
        """About as many as a layer takes at most: a stalling channel is ready less often."""
        return round(dense_cycles / (1 - self.stall))


def get_query_size(model: ModelConfig) -> int:
    """Q: width of all query heads."""
    return model.num_attention_heads * model.head_dim


def get_default_lanes(model: ModelConfig) -> int:
    """16, or as many as hold the longest vector of a smaller model in one word."""
    return fit_lanes(max(model.hidden_size, model.intermediate_size, get_query_size(model)))


def fit_lanes(longest: int) -> int:
    """16, or as many as hold a vector of so many numbers in one word.

    >>> fit_lanes(100), fit_lanes(6), fit_lanes(1)
    (16, 8, 4)
    """
    return max(MIN_LANES, min(DEFAULT_LANES, 1 << (longest - 1).bit_length()))


def make_accelerator_config(
    cores: int, lanes: int, batch: int, hidden_size: int, intermediate_size: int, query_size: int
) -> AcceleratorConfig:
    """Sizes of an accelerator.

    Raises:
        ArgumentError: there is none of these sizes; it names the parameters of this function.
    """
    try:
        config = AcceleratorConfig(cores, lanes, batch, hidden_size, intermediate_size, query_size)
    except ArgumentError as error:
        name = _NAMES.get(error.argument, error.argument)
        raise ArgumentError(name, error.value, error.limit) from None
    longest = max(hidden_size, intermediate_size, query_size)
    most = max(MIN_LANES, 1 << (longest - 1).bit_length())
    if lanes > most:
        limit = f"at most {most}, which hold a vector of {longest} in one word"
        raise ArgumentError("lanes", lanes, limit)
    return config


def _check_least(name: str, value: int | None, least: int) -> None:
    if value is not None and value < least:
        raise ArgumentError(name, value, f"at least {least}")
