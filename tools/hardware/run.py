"""Videos of a model through the accelerator, closed loop, every record compared, every cycle told.

The decoder draws tokens from what the accelerator computed; `fastcar.cosim.lockstep` stops at the
first record, number, counter or cycle that differs from the integer reference and the cycle model.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.engine import AcceleratorEngine, LayerRun
from fastcar.cosim.lockstep import LockstepEngine
from fastcar.cosim.wave.recording import Recorder
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from fastcar.rtl.config import AcceleratorConfig
from tools.hardware.tally import Tally
from tools.integer import measures as integer_measures

Json = dict[str, Any]
MakeBackend = Callable[[AcceleratorConfig], Backend]


@dataclass(frozen=True)
class HardwareSettings:
    """How much is measured.

    Attributes:
        frames: of every video.
        videos: B, one per batch slot.
        calibration_clips: for scales and thresholds.
        calibration_frames: of each of them.
        ratio: replayed share of all decisions that the thresholds of the run are meant for.
        temperature: at which tokens are drawn.
        table_ratios: of the comparison of mappings.
        table_cores: numbers of cores of the comparison.
        table_slots: batch slots of independent decisions; the first number is that of real ones.
        table_frames: of the clips whose decisions are compared.
        sampled_steps: layer steps of each kind that the cycle model runs.
        latencies_cycles: of the memory, for the table of stalls.
        paper_draws: layer steps of each kind at the paper's sizes.
    """

    frames: int = 16
    videos: int = 16
    calibration_clips: int = 4
    calibration_frames: int = 16
    ratio: float = 0.5
    temperature: float = 0.7
    table_ratios: tuple[float, ...] = (0.5, 0.8)
    table_cores: tuple[int, ...] = (2, 3, 4, 8, 16)
    table_slots: tuple[int, ...] = (16, 32)
    table_frames: int = 16
    sampled_steps: int = 200
    latencies_cycles: tuple[int, ...] = (1, 4, 16, 64)
    paper_draws: int = 200

    @property
    def calibration(self) -> integer_measures.IntegerSettings:
        """The same in the words of `tools.integer.measures`."""
        return integer_measures.IntegerSettings(
            calibration_clips=self.calibration_clips, frames=self.calibration_frames
        )


class TimedBackend:
    """A back end that counts its seconds.

    Attributes:
        seconds: of processor time spent in runs; other work on the machine does not count.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.seconds = 0.0

    @property
    def config(self) -> AcceleratorConfig:
        """Sizes of the accelerator."""
        return self._backend.config

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
        """Run instructions."""
        start = time.process_time()
        try:
            return self._backend.run(program, memory, settings, recorder)
        finally:
            self.seconds += time.process_time() - start


def run_videos(
    model: VideoModel,
    integer_model: IntegerModel,
    name: str,
    thresholds: Sequence[float],
    backend: Backend,
    settings: HardwareSettings,
) -> Json:
    """Generate one video per slot on the accelerator; what it did, and in how many cycles."""
    start, processor_start = time.perf_counter(), time.process_time()
    timed = TimedBackend(backend)
    tally = Tally(backend.config, integer_model, settings.videos)
    steps_left = settings.frames * model.geometry.tokens_per_frame - 1

    def on_run(run: LayerRun, prediction: Prediction) -> None:
        tally.add(run, prediction)
        is_shown = run.layer_index == 0 and run.token_index % 16 == 0
        if is_shown:
            show(
                f"{name}: token {run.token_index} of {steps_left}, {timed.seconds:.0f} s simulated"
            )

    engine = LockstepEngine(
        IntegerMlpEngine(integer_model, backend.config.num_lanes),
        AcceleratorEngine(integer_model, timed),
        on_run=on_run,
    )
    clips = model.load_clips("held_out").take(settings.videos)
    gate = make_threshold_gate(name, FixedThresholds(thresholds))
    result = generate(
        model.config,
        model.weights,
        model.encode_prompts(clips.prompts),
        DecodeOptions(ReplayConfig(model.geometry.tokens_per_frame), gate),
        num_frames=settings.frames,
        num_codes=model.codec.num_codes,
        sampling=Sampling(settings.temperature),
        make_decoder=partial(IntegerDecoder, model=integer_model, engine=engine),
    )
    measured = tally.summarize()
    return measured | {
        "frames": settings.frames,
        "replay_ratio": result.record.replay_ratio,
        "eligible_ratio": result.record.eligible_ratio,
        "records": engine.num_records,
        "simulation_seconds": timed.seconds,
        "cycles_per_second": measured["cycles"] / timed.seconds,
        "processor_seconds": time.process_time() - processor_start,
        "elapsed_seconds": time.perf_counter() - start,
    }


def show(text: str) -> None:
    """One line of progress."""
    print(f"{time.strftime('%X')} {text}", file=sys.stderr, flush=True)
