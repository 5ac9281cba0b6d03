"""The accelerator in its loop: layer steps of the shipped model, builds, and a whole video."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Any

from numpy.typing import NDArray

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.cosim.backends.verilator_backend import VerilatorBackend
from fastcar.cosim.request import CosimRequest
from fastcar.cosim.run import prepare_cosim, run_cosim
from fastcar.cosim.wave.recording import Recorder
from fastcar.cosimulation import cosimulate_model
from fastcar.reference.progress import StageProgress
from fastcar.reference.token_model import load_clip_model
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.rtl.config import DEMO, AcceleratorConfig
from tools.native_speed.clock import empty_cache, time_call

Json = dict[str, Any]
FAST, NATIVE, VERILATOR = "FastSimulation, memory in Python", "native", "Verilator"
KINDS: dict[str, Callable[[AcceleratorConfig], Backend]] = {
    FAST: PyrtlBackend,
    NATIVE: NativeBackend,
    VERILATOR: VerilatorBackend,
}
ROUNDS = 7
NUM_STEPS = 16
"""Layer steps of a turn, FastSimulation one: four tokens of the shipped model."""
SIZES = ((1, 16), (2, 16), (4, 16), (8, 16), (8, 32))
"""Cores and lanes of the designs that are built."""
REQUEST = CosimRequest(batch=16, cores=4, lanes=16, num_tokens=NUM_STEPS // 4)
VIDEO = replace(REQUEST, num_tokens=None, frames=16, first_token=0)


@dataclass(frozen=True)
class LayerProgram:
    """One layer of one token as a back end gets it.

    Attributes:
        words: the instructions.
        beats: the memory before.
        settings: of memory and watchdog.
    """

    words: Sequence[int]
    beats: NDArray[Any]
    settings: RunSettings


class ProgramRecorder:
    """A back end that keeps what it is given."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.config = backend.config
        self.programs: list[LayerProgram] = []

    def reset(self) -> None:
        """As the back end."""
        self._backend.reset()

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """As the back end."""
        assert settings is not None, "the engine gives them"
        self.programs.append(LayerProgram(program, memory.beats.copy(), settings))
        return self._backend.run(program, memory, settings, recorder)


def record_layers(request: CosimRequest) -> list[LayerProgram]:
    """Layer steps of the shipped model, half of their decisions replayed."""
    cosim, decoder = prepare_cosim(request, load_clip_model(SHIPPED_MODEL))
    recorder = ProgramRecorder(cosim.engine.hardware.backend)
    cosim.engine.hardware.backend = recorder
    run_cosim(cosim, decoder)
    return recorder.programs


def measure_loops(
    programs: Sequence[LayerProgram], config: AcceleratorConfig, rounds: int = ROUNDS
) -> list[Json]:
    """A row for each simulator; they take turns, and must agree.

    Raises:
        AssertionError: two of them differ.
    """
    backends = {name: kind(config) for name, kind in KINDS.items()}
    shares = {name: programs[:1] if name == FAST else programs for name in KINDS}
    first = [run_all(backend, programs[:1]) for backend in backends.values()]
    assert all(one == first[0] for one in first), "back ends differ"
    rates: dict[str, list[float]] = {name: [] for name in KINDS}
    for _ in range(rounds):
        for name, backend in backends.items():
            seconds, results = time_call(partial(run_all, backend, shares[name]))
            rates[name].append(sum(one.num_steps for one, _ in results) / seconds)
    return [
        {
            "simulator": name,
            "cycles_per_second": median(rates[name]),
            "times_fast": compute_ratio(rates[name], rates[FAST]),
            "times_verilator": compute_ratio(rates[name], rates[VERILATOR]),
        }
        for name in KINDS
    ]


def run_all(backend: Backend, programs: Sequence[LayerProgram]) -> list[tuple[RunResult, bytes]]:
    """Results, and memories afterwards."""
    found = []
    for one in programs:
        memory = SharedMemory(*one.beats.shape)
        memory.beats[:] = one.beats
        result = backend.run(one.words, memory, one.settings)
        found.append((result, memory.beats.tobytes()))
    return found


def compute_ratio(rates: Sequence[float], others: Sequence[float]) -> float:
    """Median of the quotients within a round."""
    return median(one / other for one, other in zip(rates, others, strict=True))


def measure_builds(sizes: Sequence[tuple[int, int]] = SIZES) -> list[Json]:
    """Processor seconds until a run can begin, with an empty cache and with a full one."""
    NativeBackend(AcceleratorConfig(1, 4, 1, 4, 4, 4))  # what Numba compiles is not of a design
    rows = []
    for cores, lanes in sizes:
        config = replace(DEMO, num_cores=cores, num_lanes=lanes)
        row: Json = {"cores": cores, "lanes": lanes}
        for name in (NATIVE, VERILATOR):
            with empty_cache():
                row[f"{name.lower()}_seconds"] = time_call(partial(KINDS[name], config))[0]
                row[f"{name.lower()}_cached_seconds"] = time_call(partial(KINDS[name], config))[0]
        rows.append(row)
    return rows


def measure_video(request: CosimRequest = VIDEO, progress: StageProgress | None = None) -> Json:
    """Processor seconds of 16 frames of 16 slots in lock-step, reference and report included."""
    model = load_clip_model(SHIPPED_MODEL)
    row: Json = {}
    for name in (NATIVE, VERILATOR):
        one = replace(request, backend=name.lower())
        seconds, done = time_call(partial(cosimulate_model, one, model, progress))
        assert done.failure is None, done.failure
        row[f"{name.lower()}_seconds"] = seconds
        row["tokens"] = len(done.run.window)
        row["cycles"] = done.report["cycles"]["measured"]
    return row
