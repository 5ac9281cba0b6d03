"""The sticky error: code and instruction of the first one; only reset clears it.

Source: docs/accelerator.md, section 5. If several are found in one cycle, that of the core with the
lowest number counts, and that of the dispatcher last.

Latency: what is found in cycle t is shown from t + 1 on. Code and instruction follow the reports in
every cycle until then and count where `valid` is 1: so a register enables them, not the long way of
what is found.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.rtl.circuits import connect
from fastcar.rtl.instruction import INSTRUCTION_BITS
from fastcar.rtl.instruction_check import ERROR_CODE_BITS
from fastcar.rtl.registers import drive, make_register


@dataclass(frozen=True)
class ErrorReport:
    """An error that a unit found in this cycle.

    Attributes:
        valid: 1 bit.
        code: 4 bits; counts where `valid` is 1.
        instruction: 128 bits, the offending one; likewise.
    """

    valid: pyrtl.WireVector
    code: pyrtl.WireVector
    instruction: pyrtl.WireVector


def make_error_register(
    reports: Sequence[ErrorReport], stopped: pyrtl.WireVector, reset: pyrtl.WireVector
) -> ErrorReport:
    """Build the register in the working block.

    Args:
        reports: the first one that is valid counts.
        stopped: 1 bit, declared but not driven; driven here by the register `valid`.
        reset: 1 bit.
    """
    # State.
    valid_q = make_register(1, "error_register_valid")
    code_q = make_register(ERROR_CODE_BITS, "error_register_code")
    instruction_q = make_register(INSTRUCTION_BITS, "error_register_instruction")

    # Datapath.
    code, instruction = reports[-1].code, reports[-1].instruction
    for report in reversed(reports[:-1]):
        code = pyrtl.select(report.valid, report.code, code)
        instruction = pyrtl.select(report.valid, report.instruction, instruction)

    # Control.
    drive(valid_q, (pyrtl.rtl_any(*(report.valid for report in reports)), 1), clear=reset)
    drive(code_q, (~valid_q, code), clear=reset)
    drive(instruction_q, (~valid_q, instruction), clear=reset)
    connect(stopped, valid_q)
    return ErrorReport(valid_q, code_q, instruction_q)
