"""Attention of a core: what SCORES, CONTEXT, PICK and EMBED need beside the units of the MLP phase.

The datapath streams keys and values through its MAC array and requantises in its result path; this
unit takes what comes out of both.

    sums of SCORES   -> score tap
    logits           -> scoring: softmax -> score buffer
    sums of CONTEXT  -> weighting: accumulators -> result path
    elements of PICK -> pick -> token of the slot -> address of EMBED
"""

from __future__ import annotations

from dataclasses import dataclass

import pyrtl

from fastcar.rtl.attention.block_walk import BlockWalkOutputs
from fastcar.rtl.attention.pick import LATENCY_CYCLES as PICK_CYCLES
from fastcar.rtl.attention.pick import PickInputs, make_pick
from fastcar.rtl.attention.score_buffer import ScoreWord, make_score_buffer
from fastcar.rtl.attention.score_tap import ScoreTapInputs, ScoreTapOutputs, make_score_tap
from fastcar.rtl.attention.scoring import ScoringInputs, make_scoring
from fastcar.rtl.attention.softmax import SoftmaxOutputs, count_head_bits
from fastcar.rtl.attention.token_address import TokenAddressInputs, make_token_address
from fastcar.rtl.attention.weighting import WeightingInputs, WeightingOutputs, make_weighting
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Opcode, split_options
from fastcar.rtl.lanes import signed_difference
from fastcar.rtl.registers import delay, latch, make_register
from fastcar.rtl.result_path import PickElement
from fastcar.rtl.sequencer import SequencerOutputs, is_one_of
from fastcar.rtl.vector_memory import FETCH_CYCLES

DROP_CYCLES = FETCH_CYCLES + 1
"""From the index of a word of weights to the shift of its sums."""


@dataclass(frozen=True)
class AttentionUnitInputs:
    """Wires into the unit.

    Attributes:
        clear: 1 bit.
        walk: of the beat that is read.
        sum_valid: 1 bit, a sum of the MAC array is there.
        sum: 48 bits, signed.
        word_valid: 1 bit, a word of results is there.
        logits: L times 24 bits, signed, of SCORES.
        element: of PICK.
        is_written: 1 bit, the last word of results is there.
    """

    clear: pyrtl.WireVector
    walk: BlockWalkOutputs
    sum_valid: pyrtl.WireVector
    sum: pyrtl.WireVector
    word_valid: pyrtl.WireVector
    logits: pyrtl.WireVector
    element: PickElement
    is_written: pyrtl.WireVector


@dataclass(frozen=True)
class AttentionUnitOutputs:
    """Wires out of the unit.

    Attributes:
        weighting: elements of CONTEXT for the result path.
        is_scored: 1 bit, last cycle of SCORES.
        is_weighted: 1 bit, last cycle of a CONTEXT that gives nothing to G.
        is_picked: 1 bit, last cycle of PICK.
        is_token_given: 1 bit, last cycle of a PICK that gives its slot a token.
        is_decided: 1 bit, last cycle of a SCORES that decides its slot.
        score: 48 bits, signed, what is tapped.
        token: 16 bits, of PICK; valid with `is_picked`.
        embed_ready: 1 bit, EMBED may ask for its beats in the next cycle.
        embed_address: 32 bits, from then on.
    """

    weighting: WeightingOutputs
    is_scored: pyrtl.WireVector
    is_weighted: pyrtl.WireVector
    is_picked: pyrtl.WireVector
    is_token_given: pyrtl.WireVector
    is_decided: pyrtl.WireVector
    score: pyrtl.WireVector
    token: pyrtl.WireVector
    embed_ready: pyrtl.WireVector
    embed_address: pyrtl.WireVector


def make_attention(
    config: AcceleratorConfig,
    name: str,
    sequencer: SequencerOutputs,
    inputs: AttentionUnitInputs,
    sum_cycles: int,
) -> tuple[AttentionUnitOutputs, pyrtl.WireVector]:
    """Build the units and the wires between them.

    Args:
        config: sizes.
        name: of the unit.
        sequencer: of the core.
        inputs: see there.
        sum_cycles: from the index of a beat to its sum.

    Returns:
        Its outputs; the word of weights, FETCH_CYCLES after its index.
    """
    fields, is_first = sequencer.fields, sequencer.is_first_cycle
    options = split_options(fields["reserved"])

    # Datapath.
    is_decided = sequencer.is_finished & _is(fields, Opcode.SCORES) & options["decides"]
    tap = _make_tap(config, f"{name}_tap", sequencer, inputs, is_decided)
    reciprocal_head_q, softmax, word = _make_scores(config, name, sequencer, inputs)
    weighting = make_weighting(
        config,
        f"{name}_weighting",
        WeightingInputs(
            clear=inputs.clear,
            start=is_first & _is(fields, Opcode.CONTEXT),
            fields=fields,
            sum_valid=inputs.sum_valid & _is(fields, Opcode.CONTEXT),
            sum=inputs.sum,
            drop=_make_drop(name, softmax, word.exponent, sum_cycles),
        ),
        reciprocal_head_q,
        softmax,
    )
    is_pick, element = _is(fields, Opcode.PICK), inputs.element
    is_fresh_pick = is_first & is_pick & options["is_fresh"]
    own_element = PickElement(element.valid & is_pick, element.logit, element.noise)
    token = make_pick(f"{name}_pick", PickInputs(inputs.clear, is_fresh_pick, own_element))

    # Control.
    is_picked = delay(inputs.is_written & is_pick, PICK_CYCLES, f"{name}_is_picked", inputs.clear)
    is_token_given = is_picked & options["is_final"]
    embed_ready, embed_address = make_token_address(
        f"{name}_embed",
        TokenAddressInputs(
            clear=inputs.clear,
            start=is_first & _is(fields, Opcode.EMBED),
            fields=fields,
            is_picked=is_token_given,
            token=token,
        ),
    )
    is_tapped_alone = _is(fields, Opcode.SCORES) & options["is_unweighted"]
    outputs = AttentionUnitOutputs(
        weighting=weighting,
        is_scored=tap.is_done & is_tapped_alone | softmax.is_done,
        is_weighted=weighting.is_done,
        is_picked=is_picked,
        is_token_given=is_token_given,
        is_decided=is_decided,
        score=tap.score,
        token=token,
        embed_ready=embed_ready,
        embed_address=embed_address,
    )
    return outputs, word.weights


def _is(fields: dict[str, pyrtl.WireVector], opcode: Opcode) -> pyrtl.WireVector:
    """1 bit: the instruction has this opcode."""
    return is_one_of(fields, (opcode,))


def _make_tap(
    config: AcceleratorConfig,
    name: str,
    sequencer: SequencerOutputs,
    inputs: AttentionUnitInputs,
    is_taken: pyrtl.WireVector,
) -> ScoreTapOutputs:
    """The score of the sums of SCORES."""
    fields, options = sequencer.fields, split_options(sequencer.fields["reserved"])
    is_scores = _is(fields, Opcode.SCORES)
    return make_score_tap(
        config,
        name,
        ScoreTapInputs(
            clear=inputs.clear,
            start=sequencer.is_first_cycle & is_scores,
            sum_valid=inputs.sum_valid & is_scores,
            sum=inputs.sum,
            num_blocks=fields["rows"],
            is_tapped=options["is_tapped"],
            distance=_join_tap_distance(fields),
            lane=options["lane"],
            is_taken=is_taken,
        ),
    )


def _make_scores(
    config: AcceleratorConfig, name: str, sequencer: SequencerOutputs, inputs: AttentionUnitInputs
) -> tuple[pyrtl.Register, SoftmaxOutputs, ScoreWord]:
    """Softmax and score buffer; gives the register of whose reciprocal is read, too."""
    attention = config.attention
    assert attention is not None
    is_scores = _is(sequencer.fields, Opcode.SCORES)
    head_bits = count_head_bits(attention.num_key_value_heads)
    reciprocal_head_q = make_register(head_bits, f"{name}_reciprocal_head")
    softmax = make_scoring(
        config,
        f"{name}_scoring",
        ScoringInputs(
            clear=inputs.clear,
            start=sequencer.is_first_cycle & is_scores,
            fields=sequencer.fields,
            word_valid=inputs.word_valid & is_scores,
            logits=inputs.logits,
            exponent_head=inputs.walk.head,
            reciprocal_head=reciprocal_head_q,
        ),
    )
    word = make_score_buffer(
        f"{name}_score_buffer",
        softmax.weights_valid,
        softmax.weights_index,
        ScoreWord(softmax.weights, softmax.exponent),
        inputs.walk.score_index,
    )
    return reciprocal_head_q, softmax, word


def _join_tap_distance(fields: dict[str, pyrtl.WireVector]) -> pyrtl.WireVector:
    """As wide as a number of blocks."""
    distance = pyrtl.concat(fields["gate_shift"], fields["hidden_shift"])
    return distance.zero_extended(len(fields["rows"]))


def _make_drop(
    name: str, softmax: SoftmaxOutputs, exponent: pyrtl.WireVector, sum_cycles: int
) -> pyrtl.WireVector:
    """M of its head - M of its word for the sum of a beat, 17 bits."""
    drop = signed_difference(softmax.read_exponent, exponent)[: len(exponent)]
    return delay(latch(drop, f"{name}_new_drop"), sum_cycles - DROP_CYCLES, f"{name}_drop")
