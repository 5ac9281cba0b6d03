"""The accelerator as a whole decoder: one token of every slot is one program and one run.

Memory keeps everything from token to token: residual streams, keys and values, replay cache. The
host writes noise and reads back; which token comes next is in the accelerator alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.engine import HardwareError, add_to_seeds, check_error
from fastcar.cosim.program.whole.token_step import TokenStep
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.cosim.records import RetireRecord
from fastcar.cosim.wave.recording import Recorder
from fastcar.reference.arrays import Int16Array
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, encode
from fastcar.rtl.latency import count_mac_beats, count_read_beats, count_written_beats

USUAL_OVERHEAD_CYCLES = 200
"""Of an instruction, besides beats and latency: more than any takes."""
WATCHDOG_FACTOR = 5
"""A token that takes so many times the cycles of its instructions one by one has hung."""


@dataclass(frozen=True)
class TokenStart:
    """One token of all slots as it is given to the accelerator.

    Attributes:
        token_index: generated index j; -1 of the last prompt token, -2 of the one before.
        step: what its program depends on.
        program: the instructions.
        settings: memory latency, stalls with their seed, limit of the run.
    """

    token_index: int
    step: TokenStep
    program: tuple[Instruction, ...]
    settings: RunSettings

    @property
    def place(self) -> dict[str, int]:
        """Where it is in the decode, for people."""
        return {"token": self.token_index}


@dataclass(frozen=True)
class TokenRun(TokenStart):
    """One token of all slots that was run.

    Attributes:
        result: what the back end observed.
    """

    result: RunResult

    @property
    def sections(self) -> list[list[RetireRecord]]:
        """Records of every slot: attention and MLP of each layer, then PICK; in their order."""
        records: list[list[RetireRecord]] = [[] for _ in self.step.slots]
        for record in self.result.retires:
            records[record.slot].append(record)
        return records


class DecoderMachine:
    """Decodes on a back end.

    Args:
        memory_map: addresses and sizes, those of the back end's accelerator.
        model: integer constants.
        backend: an accelerator with an attention phase.
        sparse: sinks and window; None = full attention.
        settings: memory latency, stalls; every run gets a seed of its own, counted up from the one
            given, and a limit that suits its program.
        recorder: takes what the accelerator does in a run; of the last one, the recording stays.
        flows: a layer begins while slots of the one before are under way (D-48); False: when all
            cores are idle.

    Attributes:
        image: the memory.
        last_start: the token that was given to the back end last, whether it ended or not.
        last_run: the token that ran to its end last.
    """

    def __init__(
        self,
        memory_map: WholeMemoryMap,
        model: WholeModel,
        backend: Backend,
        sparse: SparseAttention | None = None,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
        *,
        flows: bool = True,
    ) -> None:
        self.memory_map, self.backend, self.flows = memory_map, backend, flows
        self.settings = RunSettings() if settings is None else settings
        self.recorder = recorder
        self.image = WholeImage(memory_map, model)
        self.last_start: TokenStart | None = None
        self.last_run: TokenRun | None = None
        self._model = model
        self._compiler = WholeCompiler(memory_map, model, sparse, flows=flows)
        self._num_starts = 0

    @property
    def config(self) -> AcceleratorConfig:
        """Sizes of the accelerator."""
        return self.memory_map.config

    def reset(self) -> None:
        """Start a generation with empty KV and replay caches."""
        if self.last_start is not None:
            self.image = WholeImage(self.memory_map, self._model)
            self.last_start = self.last_run = None

    def run(self, token_index: int, step: TokenStep, noise: Int16Array) -> TokenRun:
        """Run one token.

        Args:
            token_index: its name, see `TokenStart`.
            step: tokens and decisions.
            noise: [B, num_codes] int16, of the token that is picked next.

        Raises:
            HardwareError: the accelerator reported an error, or a record is missing.
            FastCarError: the run broke a rule or did not end
                (`fastcar.cosim.backends.backend.Backend.run`).
        """
        for slot, row in enumerate(noise):
            self.image.write_noise(slot, row)
        program = tuple(self.compile(step))
        settings = add_to_seeds(self.settings, self._num_starts)
        settings = replace(settings, limit_cycles=self._choose_limit(program))
        start = TokenStart(token_index, step, program, settings)
        self.last_start, self._num_starts = start, self._num_starts + 1
        words = [encode(one) for one in program]
        result = self.backend.run(words, self.image.memory, settings, self.recorder)
        self.last_run = TokenRun(**vars(start), result=result)
        _check_records(self.last_run)
        return self.last_run

    def compile(self, step: TokenStep) -> list[Instruction]:
        """The program of a token."""
        return self._compiler.compile(step)

    def _choose_limit(self, program: Iterable[Instruction]) -> int:
        """Many times what the instructions take if only one core works."""
        channels, serial = self.settings.channels, 0
        for one in program:
            beats = count_read_beats(self.config, one) + count_written_beats(self.config, one)
            beats += count_mac_beats(self.config, one)
            serial += beats + 2 * channels.latency_cycles + USUAL_OVERHEAD_CYCLES
        return round(WATCHDOG_FACTOR * serial / (1 - channels.stall_probability))


def _check_records(run: TokenRun) -> None:
    check_error(run.result)
    slots = list(range(len(run.step.slots)))
    found = [record.slot for record in run.result.decisions]
    if found != slots * len(run.step.layers):
        limit = f"{len(run.step.layers)} times {slots}, once for every layer"
        raise HardwareError(f"decision records: of slots {found}: must be {limit}")
    for slot, records in enumerate(run.sections):
        wanted = 2 * len(run.step.layers) + run.step.picks if run.step.slots[slot] else 0
        if len(records) != wanted:
            raise HardwareError(
                f"retire records: {len(records)} of slot {slot}: must be {wanted}, its sections"
            )
