"""Datapath of a core: buffers, feed, MAC array, norm, result path, write-back, and attention.

Words come from the buffers FETCH_CYCLES after their index, and the one operand of the MAC array or
of STORE that the instruction chooses one cycle later; weights wait as long.

Contract: see `rtl/latency.py`; no wire of it leaves an instruction unfinished, but none stops it
either: `clear` forgets what is under way.
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.attention import (
    AttentionUnitInputs,
    AttentionUnitOutputs,
    make_attention,
)
from fastcar.rtl.attention.context import LATENCY_CYCLES as CONTEXT_CYCLES
from fastcar.rtl.attention.weighting import ANNOUNCE_CYCLES, WeightingOutputs
from fastcar.rtl.circuits import connect
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import NARROW_BIT, Buffer, Opcode, join_value, split_options
from fastcar.rtl.lane_selection import SELECT_CYCLES
from fastcar.rtl.mac_array import (
    MODE_BITS,
    SOON_CYCLES,
    MacArrayInputs,
    MacArrayOutputs,
    MacMode,
    make_mac_array,
)
from fastcar.rtl.mac_array import latency_cycles as mac_latency_cycles
from fastcar.rtl.operand_feed import OperandFeedInputs, OperandFeedOutputs, make_operand_feed
from fastcar.rtl.registers import delay, drive, latch, make_register
from fastcar.rtl.result_path import (
    AttentionInputs,
    ResultPathInputs,
    ResultPathOutputs,
    make_result_path,
)
from fastcar.rtl.retirement import LogitWord
from fastcar.rtl.rms_norm import RmsNormInputs, RmsNormOutputs, make_rms_norm
from fastcar.rtl.sequencer import (
    DECISION_OPCODES,
    PRODUCT_OPCODES,
    SequencerOutputs,
    has_opcode,
    is_one_of,
)
from fastcar.rtl.vector_memory import (
    FETCH_CYCLES,
    VectorMemoryInputs,
    connect_write_port,
    make_open_write_port,
    make_vector_memory,
    select_word,
)
from fastcar.rtl.write_back import WriteBackInputs, make_write_back

OPERAND_CYCLES = FETCH_CYCLES + 1
"""From the index of an operand to the MAC array, or to STORE."""
# The result path takes a sum when it selects the lanes that belong to it:
assert SOON_CYCLES == SELECT_CYCLES - 1
assert CONTEXT_CYCLES - ANNOUNCE_CYCLES == SELECT_CYCLES - 1
SCORE_BUFFER = 7
"""Number of the score buffer among the operands; no instruction names it."""


@dataclass(frozen=True)
class DatapathInputs:
    """Wires into the datapath.

    Attributes:
        clear: 1 bit.
        is_read_beat: 1 bit, a beat is read from memory.
        beat: L bytes.
        is_fetched: 1 bit, words of STORE are sent from the next cycle on.
        is_sending: 1 bit, words of STORE are sent: the next one waits until a word is sent.
        is_word_sent: 1 bit, both beats of a word are stored.
    """

    clear: pyrtl.WireVector
    is_read_beat: pyrtl.WireVector
    beat: pyrtl.WireVector
    is_fetched: pyrtl.WireVector
    is_sending: pyrtl.WireVector
    is_word_sent: pyrtl.WireVector


@dataclass(frozen=True)
class DatapathOutputs:
    """Wires out of the datapath.

    Attributes:
        source_word: L int16, the word of the instruction's operand buffer that STORE sends.
        is_last_word: 1 bit, it is the last one of the vector.
        is_mac_beat: 1 bit, the MAC array takes a beat.
        is_measured: 1 bit, the sum is that of SCORE or DISTANCE.
        sum: 48 bits, signed.
        is_written: 1 bit, the instruction's last word is written.
        attention: None without.
        logits: of PICK; None without attention.
    """

    source_word: pyrtl.WireVector
    is_last_word: pyrtl.WireVector
    is_mac_beat: pyrtl.WireVector
    is_measured: pyrtl.WireVector
    sum: pyrtl.WireVector
    is_written: pyrtl.WireVector
    attention: AttentionUnitOutputs | None = None
    logits: LogitWord | None = None


def make_datapath(
    config: AcceleratorConfig, name: str, sequencer: SequencerOutputs, inputs: DatapathInputs
) -> DatapathOutputs:
    """Build the units and the wires between them."""
    # Ports.
    is_norm_ready = pyrtl.WireVector(1, f"{name}_is_norm_ready")
    is_word_selected = pyrtl.WireVector(1, f"{name}_is_word_selected")
    # A word takes two cycles at least: what is behind it moves in the one after it was sent.
    is_waiting = (inputs.is_fetched | inputs.is_sending) & ~inputs.is_word_sent
    is_flowing_q = latch(~is_waiting, f"{name}_is_flowing")
    feed = make_operand_feed(
        config,
        f"{name}_feed",
        sequencer,
        OperandFeedInputs(
            inputs.clear, inputs.is_read_beat, is_norm_ready, is_word_selected, is_flowing_q
        ),
    )
    write_port = make_open_write_port(config, f"{name}_write")
    words = make_vector_memory(
        config,
        f"{name}_buffer",
        VectorMemoryInputs(
            feed.operand_index, feed.gate_index, feed.parameter_index, is_flowing_q, write_port
        ),
    )
    source_q = make_register(config.word_bits, f"{name}_source")
    operand_buffer_q = latch(_make_operand_buffer(sequencer.fields), f"{name}_operand_buffer")
    others = {}
    if config.attention is not None:
        others[SCORE_BUFFER] = pyrtl.WireVector(config.word_bits, f"{name}_score_word")
    source_word = select_word(words, operand_buffer_q, others)
    drive(source_q, (~inputs.is_sending | inputs.is_word_sent, source_word))
    is_mac_beat, mac = _make_mac(config, name, sequencer, inputs, feed, source_q, words)
    norm = _make_norm(name, sequencer, inputs.clear, mac)
    weighting = _declare_weighting(config, name)
    results = _make_results(
        config, name, sequencer, inputs.clear, (feed, mac, norm, weighting), words
    )
    is_norm_ready <<= norm.is_ready
    is_word_selected <<= results.is_word_selected

    is_sum = feed.is_feeding & is_one_of(sequencer.fields, (Opcode.ADD,))
    is_measure = mac.is_coming & is_one_of(sequencer.fields, DECISION_OPCODES)
    is_result = results.word_valid
    if config.attention is not None:
        is_result = is_result & ~is_one_of(sequencer.fields, (Opcode.SCORES,))
    written = make_write_back(
        config,
        f"{name}_write_back",
        sequencer,
        WriteBackInputs(
            clear=inputs.clear,
            is_read_beat=inputs.is_read_beat,
            beat=inputs.beat,
            is_sum=delay(is_sum, FETCH_CYCLES, f"{name}_is_sum", inputs.clear),
            x_word=words[Buffer.X],
            y_word=words[Buffer.Y],
            result_valid=is_result,
            result_word=results.word,
            is_word_sent=inputs.is_word_sent,
        ),
    )
    connect_write_port(write_port, written.port)
    is_written, attention, logits = written.is_written, None, None
    if weighting is not None:
        assert feed.walk is not None
        assert results.logits is not None
        assert results.element is not None
        attention, score_word = make_attention(
            config,
            f"{name}_attention",
            sequencer,
            AttentionUnitInputs(
                clear=inputs.clear,
                walk=feed.walk,
                sum_valid=mac.valid,
                sum=mac.accumulator,
                word_valid=results.word_valid,
                logits=results.logits,
                element=results.element,
                is_written=written.is_written,
            ),
            OPERAND_CYCLES + mac_latency_cycles(config),
        )
        connect(others[SCORE_BUFFER], score_word)
        for member, wire in vars(weighting).items():
            connect(wire, getattr(attention.weighting, member))
        is_pick = is_one_of(sequencer.fields, (Opcode.PICK,))
        logits = LogitWord(results.word_valid & is_pick, results.word)
        is_written = pyrtl.rtl_any(
            written.is_written & ~is_pick,
            attention.is_scored,
            attention.is_weighted,
            attention.is_picked,
        )
    return DatapathOutputs(
        source_word=source_q,
        is_last_word=written.is_last_word,
        is_mac_beat=is_mac_beat,
        is_measured=delay(is_measure, SOON_CYCLES, f"{name}_is_measured", inputs.clear),
        sum=mac.accumulator,
        is_written=is_written,
        attention=attention,
        logits=logits,
    )


def _declare_weighting(config: AcceleratorConfig, name: str) -> WeightingOutputs | None:
    """What CONTEXT gives to the result path, before the unit that gives it stands."""
    if config.attention is None:
        return None
    widths = {"is_coming": 1, "value": 48, "reciprocal": 16, "shift": 6, "is_done": 1}
    return WeightingOutputs(
        **{
            member: pyrtl.WireVector(num_bits, f"{name}_weighting_{member}")
            for member, num_bits in widths.items()
        }
    )


def _make_operand_buffer(fields: dict[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    """The buffer of the first operand: the field `source`, or the opcode's own."""
    own = {
        Opcode.NORM: int(Buffer.X),
        Opcode.SCORE: int(Buffer.H),
        Opcode.DISTANCE: int(Buffer.N),
        Opcode.SCORES: int(Buffer.H),
        Opcode.CONTEXT: SCORE_BUFFER,
        Opcode.PICK: int(Buffer.N),
    }
    buffer = fields["source"]
    for opcode, number in own.items():
        if not has_opcode(fields, opcode):
            continue
        is_opcode = is_one_of(fields, (opcode,))
        buffer = pyrtl.select(is_opcode, pyrtl.Const(number, len(buffer)), buffer)
    return buffer


def _make_mac(
    config: AcceleratorConfig,
    name: str,
    sequencer: SequencerOutputs,
    inputs: DatapathInputs,
    feed: OperandFeedOutputs,
    source_word: pyrtl.WireVector,
    words: dict[Buffer, pyrtl.WireVector],
) -> tuple[pyrtl.WireVector, MacArrayOutputs]:
    """1 bit, a beat is taken; and the array, OPERAND_CYCLES later."""
    fields = sequencer.fields
    modes = {
        Opcode.NORM: MacMode.SQUARE,
        Opcode.SCORE: MacMode.DOT,
        Opcode.DISTANCE: MacMode.SQUARED_DIFFERENCE,
    }
    mode = pyrtl.Const(MacMode.WEIGHTS, MODE_BITS)
    for opcode, number in modes.items():
        is_opcode = is_one_of(fields, (opcode,))
        mode = pyrtl.select(is_opcode, pyrtl.Const(number, MODE_BITS), mode)
    is_beat = feed.is_weight_beat | feed.is_feeding & is_one_of(fields, tuple(modes))
    mac_inputs = MacArrayInputs(
        clear=inputs.clear,
        valid=delay(is_beat, OPERAND_CYCLES, f"{name}_is_operand", inputs.clear),
        is_first=delay(feed.is_first_word, OPERAND_CYCLES, f"{name}_is_first"),
        is_last=delay(feed.is_last_word, OPERAND_CYCLES, f"{name}_is_last"),
        mode=latch(mode, f"{name}_mode"),
        left=source_word,
        right=latch(words[Buffer.K], f"{name}_right"),
        weights=delay(inputs.beat, OPERAND_CYCLES, f"{name}_weights"),
        is_left_unsigned=_make_unsigned(name, fields),
    )
    return is_beat, make_mac_array(config, f"{name}_mac", mac_inputs)


def _make_unsigned(name: str, fields: dict[str, pyrtl.WireVector]) -> pyrtl.WireVector | None:
    """1 bit, the operand are weights of the softmax; None without attention."""
    if not has_opcode(fields, Opcode.CONTEXT):
        return None
    return latch(is_one_of(fields, (Opcode.CONTEXT,)), f"{name}_is_unsigned")


def _make_norm(
    name: str, sequencer: SequencerOutputs, clear: pyrtl.WireVector, mac: MacArrayOutputs
) -> RmsNormOutputs:
    """Mantissa and shift of the sum of squares that the MAC array gives."""
    fields = sequencer.fields
    epsilon = join_value(fields)
    is_sum = mac.valid & is_one_of(fields, (Opcode.NORM,))
    return make_rms_norm(f"{name}_norm", RmsNormInputs(clear, is_sum, mac.accumulator, epsilon))


def _make_results(
    config: AcceleratorConfig,
    name: str,
    sequencer: SequencerOutputs,
    clear: pyrtl.WireVector,
    sources: tuple[OperandFeedOutputs, MacArrayOutputs, RmsNormOutputs, WeightingOutputs | None],
    words: dict[Buffer, pyrtl.WireVector],
) -> ResultPathOutputs:
    """The result path, fed by sums of GEMV and SCORES, by scaling of NORM and ROPE, by CONTEXT."""
    feed, mac, norm, weighting = sources
    fields = sequencer.fields
    element_valid = feed.is_scaling | mac.is_coming & is_one_of(fields, PRODUCT_OPCODES)
    attention = None
    if weighting is not None:
        # What is tapped alone is over before its results would be there.
        has_logits = ~split_options(fields["reserved"])["is_unweighted"]
        is_logit = mac.is_coming & is_one_of(fields, (Opcode.SCORES,)) & has_logits
        element_valid = element_valid | is_logit | weighting.is_coming
        attention = AttentionInputs(
            is_turn=is_one_of(fields, (Opcode.ROPE,)),
            is_scores=is_one_of(fields, (Opcode.SCORES,)),
            is_context=is_one_of(fields, (Opcode.CONTEXT,)),
            value=weighting.value,
            reciprocal=weighting.reciprocal,
            shift=weighting.shift,
            is_narrow=is_one_of(fields, (Opcode.GEMV, Opcode.ROPE))
            & fields["gate_shift"][NARROW_BIT],
        )
    return make_result_path(
        config,
        f"{name}_result",
        ResultPathInputs(
            clear=clear,
            is_norm=is_one_of(fields, (Opcode.NORM,)),
            is_silu=is_one_of(fields, (Opcode.GEMV_SILU,)),
            fields=fields,
            element_valid=element_valid,
            accumulator=mac.accumulator,
            x_word=words[Buffer.X],
            parameter_word=words[Buffer.P],
            gate_word=words[Buffer.G],
            norm=norm,
            attention=attention,
        ),
    )
