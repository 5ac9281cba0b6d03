"""Cycles of every instruction of a core, as the hardware takes them.

An instruction runs from its first to its last cycle, and the next one of the queue begins in the
cycle after. An instruction that a core takes (valid and ready) in cycle t while nothing is queued
or running begins in cycle t + START_CYCLES.

`read_latency`: cycles from the transfer of a read request to its first beat, at least 1; the other
beats follow one per cycle, and memory is always ready. `write_latency`: cycles from the transfer
of a write beat to its acknowledgement, at least 1. With w = rows, c = columns:

| opcode | cycles |
| --- | --- |
| LOAD | read_latency + 2 w + write |
| STORE, STORE_KEY | operand + 2 w + write_latency |
| STORE_VALUE | operand + w L + write_latency |
| NORM | w + operand + mac + rms_norm + w L / 2 + result + scale + write |
| GEMV | read_latency + w L c + operand + mac - soon + result + write |
| GEMV_SILU | GEMV + up + silu_multiply |
| ADD | w + fetch + sum + write |
| SCORE, DISTANCE | w + operand + mac |

mac, rms_norm, result, silu_multiply: the `latency_cycles` of those units. fetch: a word comes from
its buffer. operand: it is selected, too. soon: a sum is announced before it is there, while the
words for its result are fetched. scale: x times gain. up: it waits for silu. sum: x plus y. write:
register of the write port, where w = 1.

With attention, w = blocks of SCORES and CONTEXT, K = beats of a block:

| opcode | cycles |
| --- | --- |
| EMBED | LOAD + embed |
| ROPE | w L + result + turn + write |
| SCORES | read_latency + w K + operand + mac - soon + result + tail |
| SCORES, tap only | read_latency + w K + operand + mac + tap |
| CONTEXT, final | read_latency + w K + operand + mac + context - soon + result + write |
| CONTEXT | read_latency + w K + operand + mac + context |
| PICK | GEMV + pick |

embed: token, its shift, the address. turn: two products and their sum. tail: `count_tail_cycles` of
the softmax, from the last word of logits. tap: the sum is added. context: from a sum to its
accumulator. pick: a logit is compared. write: where the keys of all heads fill one word.
"""

from __future__ import annotations

from fastcar.reference.errors import ArgumentError
from fastcar.rtl import (
    instruction_queue,
    lane_selection,
    mac_array,
    result_path,
    rms_norm,
    silu_multiply,
)
from fastcar.rtl.attention import context, pick, score_tap, token_address
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.attention.softmax import count_tail_cycles
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.datapath import OPERAND_CYCLES
from fastcar.rtl.instruction import Instruction, Opcode, list_opcodes
from fastcar.rtl.sequencer import (
    BLOCK_OPCODES,
    DECISION_OPCODES,
    LOAD_OPCODES,
    PRODUCT_OPCODES,
)
from fastcar.rtl.vector_memory import FETCH_CYCLES
from fastcar.rtl.write_back import SUM_CYCLES, WRITE_CYCLES

START_CYCLES = instruction_queue.LATENCY_CYCLES + 1
"""From taking an instruction to its first cycle, when the core has nothing else to do."""


def count_cycles(
    config: AcceleratorConfig, instruction: Instruction, read_latency: int, write_latency: int
) -> int:
    """Cycles of one legal instruction without memory stalls.

    Raises:
        ArgumentError: a latency is below 1, or no core executes the opcode.

    >>> from fastcar.rtl.config import DEMO
    >>> count_cycles(DEMO, Instruction(Opcode.LOAD, rows=8), read_latency=1, write_latency=1)
    17
    """
    for name, latency in (("read_latency", read_latency), ("write_latency", write_latency)):
        if latency < 1:
            raise ArgumentError(name, latency, "at least 1")
    words, columns = instruction.rows, instruction.columns
    mac = OPERAND_CYCLES + mac_array.latency_cycles(config)
    write = WRITE_CYCLES if words == 1 else 0
    result = result_path.latency_cycles(config) + write
    scaling = words * config.num_lanes // lane_selection.PAIR_LANES + result_path.SCALE_CYCLES
    gemv = read_latency + words * config.num_lanes * columns + mac - mac_array.SOON_CYCLES + result
    store = OPERAND_CYCLES + 2 * words + write_latency
    cycles = {
        Opcode.LOAD: read_latency + 2 * words + write,
        Opcode.STORE: store,
        Opcode.STORE_KEY: store,
        Opcode.STORE_VALUE: OPERAND_CYCLES + words * config.num_lanes + write_latency,
        Opcode.NORM: words + mac + rms_norm.latency_cycles(config) + scaling + result,
        Opcode.GEMV: gemv,
        Opcode.GEMV_SILU: gemv + result_path.UP_CYCLES + silu_multiply.latency_cycles(config),
        Opcode.ADD: words + FETCH_CYCLES + SUM_CYCLES + write,
        Opcode.SCORE: words + mac,
        Opcode.DISTANCE: words + mac,
        Opcode.EMBED: read_latency + 2 * words + write + token_address.EMBED_CYCLES,
        Opcode.ROPE: words * config.num_lanes + result + result_path.TURN_CYCLES,
        Opcode.PICK: gemv + pick.LATENCY_CYCLES,
    }
    if instruction.opcode in BLOCK_OPCODES and config.attention is not None:
        return read_latency + _count_block_cycles(config, config.attention, instruction)
    if instruction.opcode not in cycles or instruction.opcode not in list_opcodes(config):
        raise ArgumentError("opcode", int(instruction.opcode), "one that a core executes")
    return cycles[Opcode(instruction.opcode)]


def _count_block_cycles(
    config: AcceleratorConfig, attention: AttentionConfig, instruction: Instruction
) -> int:
    """Cycles of SCORES or CONTEXT but for the latency of memory."""
    summed = instruction.rows * attention.key_size + OPERAND_CYCLES
    summed += mac_array.latency_cycles(config)
    result, options = result_path.latency_cycles(config), instruction.options
    is_final = bool(options["is_final"])
    if instruction.opcode == Opcode.CONTEXT:
        stored = summed + context.LATENCY_CYCLES
        write = WRITE_CYCLES if config.key_words == 1 else 0
        return stored - mac_array.SOON_CYCLES + result + write if is_final else stored
    if options["is_unweighted"]:
        return summed + score_tap.LATENCY_CYCLES
    heads, head_dim = attention.num_key_value_heads, attention.head_dim
    tail = count_tail_cycles(config.num_lanes, heads, head_dim, is_final)
    return summed - mac_array.SOON_CYCLES + result + tail


def count_mac_beats(config: AcceleratorConfig, instruction: Instruction) -> int:
    """Cycles of an instruction in which the MAC array is busy."""
    if instruction.opcode in PRODUCT_OPCODES:
        return instruction.rows * config.num_lanes * instruction.columns
    if instruction.opcode in BLOCK_OPCODES and config.attention is not None:
        return instruction.rows * config.attention.key_size
    is_fed = instruction.opcode in (Opcode.NORM, *DECISION_OPCODES)
    return instruction.rows if is_fed else 0


def count_read_beats(config: AcceleratorConfig, instruction: Instruction) -> int:
    """Beats read from memory; if there are any, read_latency - 1 cycles are read stalls."""
    if instruction.opcode in LOAD_OPCODES:
        return 2 * instruction.rows
    is_streamed = instruction.opcode in (*PRODUCT_OPCODES, *BLOCK_OPCODES)
    return count_mac_beats(config, instruction) if is_streamed else 0


def count_written_beats(config: AcceleratorConfig, instruction: Instruction) -> int:
    """Beats written to memory; if there are any, write_latency - 1 cycles are write stalls."""
    of_word: dict[int, int] = {
        Opcode.STORE: 2,
        Opcode.STORE_KEY: 1,
        Opcode.STORE_VALUE: config.num_lanes,
    }
    return of_word.get(instruction.opcode, 0) * instruction.rows
