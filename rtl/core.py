"""Core of the accelerator: queue, sequencer, datapath, memory channels, retirement.

Source: docs/accelerator.md, sections 1 to 5. One instruction runs at a time, and the next one
begins in the cycle after its last one; `rtl/latency.py` says how many cycles each takes.

After an erroneous response or acknowledgement the core is failed until reset: it reports the error
once, lets the open transfers end, and forgets its queue and everything that is offered to it.
`abort` does the same while it is 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.assertions import require
from fastcar.rtl.attention.order import OrderInputs, make_order
from fastcar.rtl.byte_beats import ByteStore, make_byte_store
from fastcar.rtl.channel import ADDRESS_BITS, CoreToMemory
from fastcar.rtl.circuits import connect
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.core_ports import CoreInputs, CoreOutputs
from fastcar.rtl.datapath import OPERAND_CYCLES, DatapathInputs, DatapathOutputs, make_datapath
from fastcar.rtl.error_register import ErrorReport
from fastcar.rtl.instruction import Opcode, split_options
from fastcar.rtl.instruction_check import ERROR_CODE_BITS, ErrorCode
from fastcar.rtl.instruction_queue import (
    InstructionQueueInputs,
    InstructionQueueOutputs,
    make_instruction_queue,
)
from fastcar.rtl.read_channel import ReadChannelInputs, ReadChannelOutputs, make_read_channel
from fastcar.rtl.read_request import check_request_size, count_beats
from fastcar.rtl.registers import delay, drive, latch, make_register
from fastcar.rtl.retirement import Retirement, RetirementInputs, make_retirement
from fastcar.rtl.score_unit import Measure
from fastcar.rtl.sequencer import (
    READ_OPCODES,
    STORE_OPCODES,
    SequencerInputs,
    SequencerOutputs,
    is_one_of,
    make_sequencer,
)
from fastcar.rtl.write_channel import WriteChannelInputs, WriteChannelOutputs, make_write_channel


@dataclass(frozen=True)
class _Units:
    """Everything that the ports of a core show.

    Attributes:
        is_failed: 1 bit, a register; memory has answered with an error.
        is_dropping: 1 bit; all that is queued or runs is forgotten.
        is_decided: 1 bit; SCORE or DISTANCE has its sum in this cycle.
        is_misordered: 1 bit; an instruction begins that breaks an order rule.
    """

    is_failed: pyrtl.Register
    is_dropping: pyrtl.WireVector
    is_decided: pyrtl.WireVector
    queue: InstructionQueueOutputs
    sequencer: SequencerOutputs
    read: ReadChannelOutputs
    datapath: DatapathOutputs
    write: WriteChannelOutputs
    retirement: Retirement
    is_misordered: pyrtl.WireVector


def make_core(config: AcceleratorConfig, name: str, inputs: CoreInputs) -> CoreOutputs:
    """Build a core in the working block.

    Raises:
        ArgumentError: a GEMV between buffers of this configuration has too many beats for one
            request.
    """
    check_request_size(config)
    # Ports: wires that close the loops between the units; driven when those stand.
    is_done = pyrtl.WireVector(1, f"{name}_is_done")
    is_transfer_open = pyrtl.WireVector(1, f"{name}_is_transfer_open")
    is_retire_pending = pyrtl.WireVector(1, f"{name}_is_retire_pending")
    is_starting = pyrtl.WireVector(1, f"{name}_is_starting")
    is_sending = pyrtl.WireVector(1, f"{name}_is_sending")
    is_word_sent = pyrtl.WireVector(1, f"{name}_is_word_sent")
    embedding = _declare_embedding(config, name)

    # State.
    is_failed_q = make_register(1, f"{name}_is_failed")
    is_dropping = inputs.abort | is_failed_q
    clear = inputs.reset | is_dropping

    # Datapath.
    queue = make_instruction_queue(
        config,
        f"{name}_queue",
        InstructionQueueInputs(clear, inputs.instruction_valid, inputs.instruction, is_starting),
    )
    sequencer = make_sequencer(
        config,
        f"{name}_sequencer",
        SequencerInputs(
            reset=inputs.reset,
            is_dropping=is_dropping,
            head_valid=queue.head_valid,
            head=queue.head,
            is_done=is_done,
            is_transfer_open=is_transfer_open,
            is_retire_pending=is_retire_pending,
        ),
    )
    is_storing = sequencer.is_first_cycle & is_one_of(sequencer.fields, STORE_OPCODES)
    is_fetched = delay(is_storing, OPERAND_CYCLES - 1, f"{name}_is_fetched", clear)
    read = _make_read(config, name, inputs, sequencer, is_dropping, embedding)
    datapath = make_datapath(
        config,
        f"{name}_datapath",
        sequencer,
        DatapathInputs(
            clear=clear,
            is_read_beat=read.is_beat,
            beat=inputs.memory.read_response_data,
            is_fetched=is_fetched,
            is_sending=is_sending,
            is_word_sent=is_word_sent,
        ),
    )
    write = _make_write(config, name, inputs, sequencer, is_dropping, is_fetched, datapath)
    retirement = _make_retirement(name, inputs, sequencer, is_dropping, write, datapath)

    # Control.
    is_decided = datapath.is_measured
    is_done <<= datapath.is_written | write.is_done | is_decided
    is_transfer_open <<= read.is_open | write.is_open
    is_retire_pending <<= retirement.valid
    is_starting <<= sequencer.is_starting
    is_sending <<= write.is_sending
    is_word_sent <<= write.is_word_sent
    is_misordered = pyrtl.Const(0, 1)
    if datapath.attention is not None:
        assert embedding is not None
        connect(embedding.is_ready, datapath.attention.embed_ready)
        connect(embedding.address, datapath.attention.embed_address)
        order_inputs = OrderInputs(inputs.reset, clear, datapath.attention.is_token_given)
        is_misordered = make_order(config, f"{name}_order", sequencer, order_inputs)
    is_failing = read.is_error | write.is_error | is_misordered
    drive(is_failed_q, (is_failing, 1), clear=inputs.reset)

    # Assertions.
    require(
        inputs.reset | sequencer.is_running | ~is_transfer_open,
        f"{name} opens transfers only for a running instruction",
    )
    require(
        inputs.reset | ~((read.is_stale | write.is_stale) & inputs.instruction_valid),
        f"{name} is offered nothing while memory owes answers from before a reset",
    )
    return _make_outputs(
        name,
        inputs,
        _Units(
            is_failed=is_failed_q,
            is_dropping=is_dropping,
            is_decided=is_decided,
            queue=queue,
            sequencer=sequencer,
            read=read,
            datapath=datapath,
            write=write,
            retirement=retirement,
            is_misordered=is_misordered,
        ),
    )


@dataclass(frozen=True)
class _Embedding:
    """When and from where EMBED asks for its beats: 1 bit, the cycle before; 32 bits."""

    is_ready: pyrtl.WireVector
    address: pyrtl.WireVector


def _declare_embedding(config: AcceleratorConfig, name: str) -> _Embedding | None:
    """Wires that are driven when the datapath stands; None without attention."""
    if config.attention is None:
        return None
    return _Embedding(
        pyrtl.WireVector(1, f"{name}_is_embedding_ready"),
        pyrtl.WireVector(ADDRESS_BITS, f"{name}_embedding_address"),
    )


def _make_read(
    config: AcceleratorConfig,
    name: str,
    inputs: CoreInputs,
    sequencer: SequencerOutputs,
    is_dropping: pyrtl.WireVector,
    embedding: _Embedding | None,
) -> ReadChannelOutputs:
    """The read channel, started together with what reads; for EMBED when the address is there."""
    head, address = sequencer.head, sequencer.fields["address"]
    start = sequencer.is_starting & is_one_of(head, READ_OPCODES)
    if embedding is not None:
        is_embed = is_one_of(sequencer.fields, (Opcode.EMBED,))
        # What is forgotten in this cycle asks for nothing.
        is_ready = embedding.is_ready & ~is_dropping
        start = start & ~is_one_of(head, (Opcode.EMBED,)) | is_ready
        address = pyrtl.select(is_embed, embedding.address, address)
    return make_read_channel(
        f"{name}_read",
        ReadChannelInputs(
            reset=inputs.reset,
            forget=inputs.forget,
            start=start,
            address=address,
            num_beats=count_beats(config, f"{name}_read", sequencer),
            request_ready=inputs.memory.read_request_ready,
            response_valid=inputs.memory.read_response_valid,
            response_error=inputs.memory.read_response_error,
        ),
    )


def _make_write(
    config: AcceleratorConfig,
    name: str,
    inputs: CoreInputs,
    sequencer: SequencerOutputs,
    is_dropping: pyrtl.WireVector,
    is_fetched: pyrtl.WireVector,
    datapath: DatapathOutputs,
) -> WriteChannelOutputs:
    """The write channel, started when the first word of a STORE is there."""
    return make_write_channel(
        f"{name}_write",
        WriteChannelInputs(
            reset=inputs.reset,
            forget=inputs.forget,
            start=is_fetched & ~is_dropping,
            first_address=sequencer.fields["address"],
            stop=is_dropping,
            word=datapath.source_word,
            is_last_word=datapath.is_last_word,
            ready=inputs.memory.write_ready,
            acknowledge_valid=inputs.memory.write_acknowledge_valid,
            acknowledge_error=inputs.memory.write_acknowledge_error,
        ),
        _make_store(config, sequencer.fields),
    )


def _make_store(config: AcceleratorConfig, fields: dict[str, pyrtl.WireVector]) -> ByteStore | None:
    """Which of the stores of attention it is, if the core has them."""
    if config.attention is None:
        return None
    return make_byte_store(
        config,
        is_key=is_one_of(fields, (Opcode.STORE_KEY,)),
        is_value=is_one_of(fields, (Opcode.STORE_VALUE,)),
        lane=split_options(fields["reserved"])["lane"],
    )


def _make_retirement(
    name: str,
    inputs: CoreInputs,
    sequencer: SequencerOutputs,
    is_dropping: pyrtl.WireVector,
    write: WriteChannelOutputs,
    datapath: DatapathOutputs,
) -> Retirement:
    """Record and digest of the slot under way."""
    return make_retirement(
        f"{name}_retirement",
        sequencer,
        RetirementInputs(
            reset=inputs.reset,
            is_dropping=is_dropping,
            is_running=inputs.is_running,
            cycle=inputs.cycle,
            is_beat_sent=write.is_beat_sent,
            beat=write.stored,
            ready=inputs.retire_ready,
            token=None if datapath.attention is None else datapath.attention.token,
            logits=datapath.logits,
        ),
    )


def _make_outputs(name: str, inputs: CoreInputs, units: _Units) -> CoreOutputs:
    """Gather the ports; the error is reported in the cycle after it, once."""
    sequencer, read, write = units.sequencer, units.read, units.write
    is_error = read.is_error | write.is_error | units.is_misordered
    is_first_error = is_error & ~units.is_failed & ~inputs.reset
    error_valid_q = latch(is_first_error, f"{name}_error_valid")
    error_code_q = make_register(ERROR_CODE_BITS, f"{name}_error_code")
    drive(
        error_code_q,
        (read.is_error, ErrorCode.MEMORY_READ),
        (write.is_error, ErrorCode.MEMORY_WRITE),
        (units.is_misordered, ErrorCode.ORDER),
    )
    return CoreOutputs(
        instruction_ready=units.queue.ready,
        is_draining=read.is_stale | write.is_stale,
        is_idle=units.queue.is_empty & ~sequencer.is_running & ~units.retirement.valid,
        memory=CoreToMemory(
            read_request_valid=read.request_valid,
            read_request_address=read.request_address,
            read_request_num_beats=read.request_num_beats,
            read_response_ready=read.response_ready,
            write_valid=write.valid,
            write_address=write.address,
            write_data=write.data,
            write_strobe=write.strobe,
        ),
        measure=_make_measure(units),
        retirement=units.retirement,
        error=ErrorReport(error_valid_q, error_code_q, sequencer.instruction),
        is_mac_busy=units.datapath.is_mac_beat,
        is_read_stalled=read.is_stalled,
        is_write_stalled=write.is_stalled,
    )


def _make_measure(units: _Units) -> Measure:
    """The sum of SCORE or DISTANCE, or what was tapped when the SCORES ends that decides."""
    sequencer, attention = units.sequencer, units.datapath.attention
    valid = units.is_decided & sequencer.is_running & ~units.is_dropping
    value = units.datapath.sum
    if attention is not None:
        valid = valid | attention.is_decided
        value = pyrtl.select(attention.is_decided, attention.score, value)
    return Measure(valid, sequencer.fields["slot"], value)
