"""What the cycle model says of the run of one token."""

from __future__ import annotations

from fastcar.cosim.cycles.cycle_model import Prediction, predict_run
from fastcar.cosim.whole.machine import TokenRun
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Opcode


def predict_token(config: AcceleratorConfig, run: TokenRun) -> Prediction | None:
    """Cycles, records and counters on memory that never stalls.

    Returns:
        None: the cycle model has one set of decisions in a program, and no attention; so far it
        says nothing of any token.
    """
    opcodes = [one.opcode for one in run.program]
    if opcodes.count(Opcode.BEGIN) != 1 or max(opcodes) >= Opcode.EMBED:
        return None
    computes = [record.computes for record in run.result.decisions]
    return predict_run(config, run.program, computes, run.settings.channels.latency_cycles)
