"""The accelerator as MLP engine of the integer decoder: closed loop on what the hardware computes.

The decoder hands over residual stream, queries and keys; the engine writes them to memory, runs
the compiled program on a back end and reads residual stream and outputs back. Replay caches stay
in the accelerator's memory from token to token.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.program.assembler import format_instruction
from fastcar.cosim.program.compiler import LayerCompiler, LayerStep
from fastcar.cosim.program.memory_image import MemoryImage, make_memory_image
from fastcar.cosim.program.memory_map import CachePart, MemoryMap
from fastcar.cosim.wave.recording import Recorder
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, decode, encode


class HardwareError(FastCarError):
    """The accelerator ended a run with its sticky error, or without a record of every slot."""


@dataclass(frozen=True)
class LayerStart:
    """One layer of one token as it is given to the accelerator.

    Attributes:
        layer_index: l.
        token_index: generated index j.
        program: the instructions.
        settings: memory latency, stalls with their seed, limit of the run.
    """

    layer_index: int
    token_index: int
    program: tuple[Instruction, ...]
    settings: RunSettings

    @property
    def place(self) -> dict[str, int]:
        """Where it is in the decode, for people."""
        return {"layer": self.layer_index, "token": self.token_index}


@dataclass(frozen=True)
class LayerRun(LayerStart):
    """One layer of one token that was run.

    Attributes:
        result: what the back end observed.
    """

    result: RunResult


class AcceleratorEngine:
    """Runs the MLP phase on a back end; implements `mlp_engine.MlpEngine`.

    Args:
        model: integer constants of all layers.
        backend: an accelerator of the model's sizes.
        dispatch: dynamic (DRS) or static mapping.
        settings: memory latency, stalls, limit of a run; every run gets a seed of its own, counted
            up from the one given.
        recorder: takes what the accelerator does in a run; of the last one, the recording stays.

    Attributes:
        last_start: the layer that was given to the back end last, whether it came to an end or not.
        last_run: the layer that ran to its end last.
    """

    def __init__(
        self,
        model: IntegerModel,
        backend: Backend,
        dispatch: Dispatch = Dispatch.DYNAMIC,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> None:
        check_sizes(model, backend.config)
        self.model = model
        self.backend = backend
        self.dispatch = dispatch
        self.settings = RunSettings() if settings is None else settings
        self.recorder = recorder
        self.last_start: LayerStart | None = None
        self.last_run: LayerRun | None = None
        self._num_starts = 0
        self.reset(1, 1)

    @property
    def config(self) -> AcceleratorConfig:
        """Sizes of the accelerator."""
        return self.backend.config

    def reset(self, num_slots: int, tokens_per_frame: int) -> None:
        """Start a generation with an empty replay cache for B slots and N places."""
        memory_map = MemoryMap(self.config, len(self.model.layers), num_slots, tokens_per_frame)
        self.image: MemoryImage = make_memory_image(memory_map, self.model.layers)
        self._compiler = LayerCompiler(memory_map, self.model.layers)

    def load_cache(self, reference: IntegerMlpEngine) -> None:
        """Take over the replay cache of the integer reference: a run begins in mid-video."""
        self.image.write_caches(reference)

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run one layer of one token.

        Raises:
            HardwareError: the accelerator reported an error, or a slot has no record.
            FastCarError: the run broke a rule or did not end
            (`fastcar.cosim.backends.backend.Backend.run`).
        """
        self.image.write_request(request)
        program = tuple(self.compile(layer_index, request))
        settings = add_to_seeds(self.settings, self._num_starts)
        start = LayerStart(layer_index, request.token_index, program, settings)
        self.last_start, self._num_starts = start, self._num_starts + 1
        words = [encode(one) for one in program]
        result = self.backend.run(words, self.image.memory, settings, self.recorder)
        self.last_run = LayerRun(**vars(start), result=result)
        _check_result(result, len(request.residual))
        return self._read_back(layer_index, request, result)

    def compile(self, layer_index: int, request: MlpRequest) -> list[Instruction]:
        """The program of a request."""
        return self._compiler.compile(LayerStep.from_request(layer_index, request, self.dispatch))

    def _read_back(self, layer_index: int, request: MlpRequest, result: RunResult) -> MlpResult:
        slots, location = range(len(request.residual)), request.location_index
        decisions = {record.slot: record for record in result.decisions}
        digests = {record.slot: record.digest for record in result.retires}
        outputs = [
            self.image.read_cache(layer_index, location, slot, CachePart.OUTPUT) for slot in slots
        ]
        return MlpResult(
            residual=np.stack([self.image.read_residual(slot) for slot in slots]),
            output=np.stack(outputs),
            replayed=np.array([not decisions[slot].computes for slot in slots]),
            scores=np.array([decisions[slot].score for slot in slots], np.int64),
            digests=np.array([digests[slot] for slot in slots], np.uint32),
        )


def add_to_seeds(settings: RunSettings, number: int) -> RunSettings:
    """The same settings with other stalls and gaps, if there are any."""
    channels = replace(settings.channels, seed=settings.channels.seed + number)
    return replace(settings, channels=channels, seed=settings.seed + number)


def check_sizes(model: IntegerModel, config: AcceleratorConfig) -> None:
    """Refuse an accelerator of other sizes than the model's."""
    sizes = {
        "hidden_size": model.config.hidden_size,
        "intermediate_size": model.config.intermediate_size,
        "query_size": model.query_size,
    }
    for name, size in sizes.items():
        if getattr(config, name) != size:
            raise ArgumentError(name, getattr(config, name), f"{size}, the model's")


def check_error(result: RunResult) -> None:
    """Raise HardwareError for a run that ended with the sticky error."""
    if result.error is not None:
        instruction = format_instruction(decode(result.error.instruction))
        raise HardwareError(f"accelerator: error {result.error.code.name} at {instruction}")


def _check_result(result: RunResult, num_slots: int) -> None:
    check_error(result)
    for kind, records in (("decision", result.decisions), ("retire", result.retires)):
        found = sorted(record.slot for record in records)
        if found != list(range(num_slots)):
            limit = f"one of each of {num_slots} slots"
            raise HardwareError(f"{kind} records: of slots {found}: must be {limit}")
