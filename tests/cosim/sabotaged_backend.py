"""Real accelerators with something wrong: what a run leaves, or the design itself."""

from __future__ import annotations

from collections.abc import Sequence

import pyrtl

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.wave.recording import Recorder
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import AcceleratorConfig
from tests.cosim.interpreted_backend import Sabotage

WRONG_DIGEST_BIT = 1 << 31


class SabotagedBackend:
    """Implements `fastcar.cosim.backends.backend.Backend`.

    Args:
        backend: what runs.
        sabotage: changes what a run leaves.
    """

    def __init__(self, backend: Backend, sabotage: Sabotage) -> None:
        self._backend, self._sabotage = backend, sabotage

    @property
    def config(self) -> AcceleratorConfig:
        """Sizes of the accelerator."""
        return self._backend.config

    def reset(self) -> None:
        """As what runs."""
        self._backend.reset()

    def run(
        self,
        program: Sequence[int],
        memory: SharedMemory,
        settings: RunSettings | None = None,
        recorder: Recorder | None = None,
    ) -> RunResult:
        """Run, then change the result."""
        return self._sabotage(self._backend.run(program, memory, settings, recorder), memory)


def make_wrong_design(config: AcceleratorConfig) -> pyrtl.Block:
    """An accelerator whose record port inverts the highest bit of every digest."""
    block = make_accelerator(config)
    port = block.wirevector_by_name["retire_digest"]
    [net] = [net for net in block.logic if any(wire is port for wire in net.dests)]
    block.logic.remove(net)
    with pyrtl.set_working_block(block, no_sanity_check=True):
        port <<= net.args[0] ^ WRONG_DIGEST_BIT
    return block
