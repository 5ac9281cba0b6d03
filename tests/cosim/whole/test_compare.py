"""Every kind of difference between accelerator and reference is found and told with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from fastcar.cosim.backends.backend import RunResult, RunSettings
from fastcar.cosim.backends.memory_model import ChannelSettings, SharedMemory
from fastcar.cosim.engine import HardwareError
from fastcar.cosim.lockstep import LockstepError
from fastcar.cosim.program.memory_map import CachePart, SlotPart
from fastcar.cosim.program.whole.whole_map import StorePart, WholeMemoryMap
from fastcar.cosim.records import AcceleratorError
from fastcar.cosim.whole.compare import DecoderDifference, compare_cycles
from fastcar.cosim.whole.machine import TokenRun
from fastcar.rtl.instruction import Instruction, Opcode, encode
from fastcar.rtl.instruction_check import ErrorCode
from tests.cosim.interpreted_backend import change_decision, change_retire
from tests.cosim.interpreted_decoder import InterpretedDecoder
from tests.cosim.whole.decodes import Decode, make_decode, make_tiny_run

NUM_SLOTS, NUM_LAYERS, LANES = 3, 2, 4
TOKEN = 5
"""The run that is spoilt; slots 0, 1 and 2 are then at positions 9, 7 and 8."""
Change = Callable[[RunResult, SharedMemory, WholeMemoryMap], RunResult]


def spoil(change: Change, token_index: int = TOKEN) -> Decode:
    """A decode whose accelerator is wrong in its second run: it begins with the token before."""
    decode: Decode | None = None
    num_runs = 0

    def sabotage(result: RunResult, memory: SharedMemory) -> RunResult:
        nonlocal num_runs
        num_runs += 1
        if num_runs != 2:
            return result
        assert decode is not None
        return change(result, memory, decode.lockstep.hardware.memory_map)

    make = partial(InterpretedDecoder, sabotage=sabotage)
    decode = make_decode(make, RUN, first_token=max(0, token_index - 1))
    return decode


RUN = make_tiny_run("grouped-query")


def find(change: Change, token_index: int = TOKEN) -> tuple[str, DecoderDifference]:
    """Message and difference; nothing before the spoilt run differs."""
    decode = spoil(change, token_index)
    with pytest.raises(LockstepError) as caught:
        decode.feed(8)
    assert isinstance(caught.value.run, TokenRun)
    assert caught.value.run.token_index == token_index
    assert isinstance(caught.value.difference, DecoderDifference)
    return str(caught.value), caught.value.difference


def spoil_byte(memory: SharedMemory, beat: int, lane: int) -> None:
    memory.beats[beat, lane] ^= 0x55


def find_retire(result: RunResult, slot: int, section: int) -> int:
    """Place of the record of a section of a slot."""
    places = [place for place, one in enumerate(result.retires) if one.slot == slot]
    return places[section]


def spoil_key(
    position: int, result: RunResult, memory: SharedMemory, places: WholeMemoryMap
) -> RunResult:
    """Second key head, elements 0 and 2 of the pair order: lane 1 holds element 2."""
    beats = places.attention.head_dim // LANES
    address = places.locate_key(1, 2, position) + LANES * beats
    spoil_byte(memory, address, 1)
    return result


def spoil_value(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    """Element 3 of the first head of slot 1 at position 7: block 1, lane 3."""
    spoil_byte(memory, places.locate_block(0, 1, StorePart.VALUES, 1) + 3, 3)
    return result


def spoil_future(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    """A value that no token has yet."""
    spoil_byte(memory, places.locate_block(0, 1, StorePart.VALUES, 2) + 3, 3)
    return result


def spoil_number(memory: SharedMemory, address: int) -> None:
    memory.beats[address].view("<i2")[1] += 1


def spoil_residual(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    spoil_number(memory, places.mlp.locate_activation(2, SlotPart.RESIDUAL) + 2)
    return result


def spoil_output(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    spoil_number(memory, places.mlp.locate_cache(1, TOKEN % 4, 0, CachePart.OUTPUT))
    return result


def spoil_digest(
    slot: int, section: int, result: RunResult, memory: SharedMemory, places: WholeMemoryMap
) -> RunResult:
    place = find_retire(result, slot, section)
    return change_retire(result, place, digest=result.retires[place].digest ^ 1)


def spoil_token(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    place = find_retire(result, 1, 2 * NUM_LAYERS)
    return change_retire(result, place, token=result.retires[place].token ^ 1)


def spoil_core(
    section: int, result: RunResult, memory: SharedMemory, places: WholeMemoryMap
) -> RunResult:
    place = find_retire(result, 2, section)
    return change_retire(result, place, core=1 - result.retires[place].core)


def spoil_score(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    place = NUM_SLOTS + 2
    return change_decision(result, place, score=result.decisions[place].score - 7)


def spoil_decision(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
    return change_decision(result, 1, computes=not result.decisions[1].computes)


IN = rf"^token {TOKEN}, layer"
OF_SLOT = "section attention, slot"
NUMBERS = r"is -?\d+ in hardware, -?\d+ in the reference$"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            partial(spoil_key, 8),
            rf"{IN} 1, {OF_SLOT} 2, head 1, position 8, cycle \d+: key\[2\] {NUMBERS}",
        ),
        (
            partial(spoil_key, 1),
            rf"{IN} 1, {OF_SLOT} 2, head 1, position 1, cycle \d+: key\[2\] {NUMBERS}",
        ),
        (
            spoil_value,
            rf"{IN} 0, {OF_SLOT} 1, head 0, position 7, cycle \d+: value\[3\] {NUMBERS}",
        ),
        (
            spoil_future,
            rf"{IN} 0, {OF_SLOT} 1, head 0, position 11, cycle \d+: value\[3\] is 85 ",
        ),
        (
            partial(spoil_digest, 1, 2),
            rf"{IN} 1, {OF_SLOT} 1, cycle \d+: retire digest {NUMBERS}",
        ),
        (
            partial(spoil_core, 2),
            rf"{IN} 1, {OF_SLOT} 2, cycle \d+: retire core {NUMBERS}",
        ),
        (
            spoil_score,
            rf"{IN} 1, {OF_SLOT} 2, cycle \d+: decision score {NUMBERS}",
        ),
        (
            spoil_decision,
            rf"{IN} 0, {OF_SLOT} 1, cycle \d+: decision computes is (True|False) in",
        ),
        (
            partial(spoil_digest, 0, 1),
            rf"{IN} 0, section mlp, slot 0, cycle \d+: retire digest {NUMBERS}",
        ),
        (partial(spoil_core, 3), rf"{IN} 1, section mlp, slot 2, cycle \d+: retire core {NUMBERS}"),
        (
            spoil_output,
            rf"{IN} 1, section mlp, slot 0, cycle \d+: cached output\[1\] {NUMBERS}",
        ),
        (spoil_residual, rf"{IN} 1, section mlp, slot 2, cycle \d+: residual\[5\] {NUMBERS}"),
        (
            partial(spoil_digest, 2, 2 * NUM_LAYERS),
            rf"^token {TOKEN}, section pick, slot 2, cycle \d+: retire digest {NUMBERS}",
        ),
        (
            spoil_token,
            rf"^token {TOKEN}, section pick, slot 1, cycle \d+: retire token {NUMBERS}",
        ),
    ],
)
def test_every_difference_is_found_and_told(change: Change, text: str) -> None:
    message, difference = find(change)
    assert re.match(text, message), message
    assert "\n" not in message
    assert difference.hardware != difference.reference


def test_what_is_expected_and_what_was_found_are_not_mixed_up() -> None:
    seen: list[int] = []

    def change(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
        done = spoil_token(result, memory, places)
        place = find_retire(result, 1, 2 * NUM_LAYERS)
        seen.extend([done.retires[place].token, result.retires[place].token])
        return done

    _, difference = find(change)
    assert [difference.hardware, difference.reference] == seen
    assert (difference.layer, difference.section, difference.slot) == (None, "pick", 1)


@pytest.mark.parametrize("slot", [0, 1])
def test_a_prompt_is_compared_too(slot: int) -> None:
    """Slot 1 is not fed yet by the second column of the prompts: nothing of it may change."""

    def change(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
        spoil_byte(memory, places.locate_block(1, slot, StorePart.KEYS, 0), 0)
        return result

    message, difference = find(change, token_index=-3)
    assert message.startswith(f"token -3, layer 1, section attention, slot {slot}, head 0, pos")
    assert (difference.cycle is None) == (slot == 1)


def test_a_difference_of_an_earlier_layer_comes_first() -> None:
    """Of two, that with which it began: data flow from layer to layer, and attention to MLP."""

    def change(result: RunResult, memory: SharedMemory, places: WholeMemoryMap) -> RunResult:
        result = spoil_residual(spoil_token(result, memory, places), memory, places)
        result = spoil_key(8, result, memory, places)
        return spoil_digest(2, 1, result, memory, places)

    _, difference = find(change)
    assert (difference.layer, difference.section) == (0, "mlp")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            lambda result: replace(result, retires=result.retires[:-1]),
            r"^retire records: 4 of slot 2: must be 5, its sections$",
        ),
        (
            lambda result: replace(result, decisions=result.decisions[:-1]),
            r"^decision records: of slots \[0, 1, 2, 0, 1\]: must be 2 times \[0, 1, 2\]",
        ),
        (
            lambda result: replace(
                result,
                error=AcceleratorError(ErrorCode.ORDER, encode(Instruction(Opcode.EMBED))),
            ),
            r"^accelerator: error ORDER at EMBED",
        ),
    ],
)
def test_a_run_that_is_not_whole_is_refused(
    change: Callable[[RunResult], RunResult], text: str
) -> None:
    decode = spoil(lambda result, memory, places: change(result))
    with pytest.raises(HardwareError, match=text):
        decode.feed(8)


@pytest.fixture(scope="module")
def equal() -> Decode:
    decode = make_decode(run=RUN)
    decode.feed(2)
    return decode


def test_cycles_and_counters_are_those_of_a_prediction(equal: Decode) -> None:
    run, wanted = equal.runs[-1], equal.predictions[-1].run
    assert list(compare_cycles(run, wanted)) == []
    first, *rest = wanted.retirements
    counters = replace(wanted.counters, cycles=wanted.cycles + 1)
    for changes, quantity in (
        ({"decision_cycles": (99, *wanted.decision_cycles[1:])}, "decision cycle"),
        ({"retirements": (replace(first, end_cycle=0), *rest)}, "retire end_cycle"),
        ({"counters": counters}, "counter cycles"),
    ):
        wrong = replace(wanted, **changes)
        [difference] = compare_cycles(run, wrong)
        assert difference.quantity == quantity


def test_where_memory_stalls_cycles_stay_within_their_bounds(equal: Decode) -> None:
    run, wanted = equal.runs[-1], equal.predictions[-1].run
    stalled = replace(run, settings=RunSettings(channels=ChannelSettings(8, 0.5)))
    late = replace(wanted, decision_cycles=(99, *wanted.decision_cycles[1:]))
    assert list(compare_cycles(stalled, late)) == []
    counters = replace(wanted.counters, cycles=wanted.cycles + 1)
    slow = replace(wanted, cycles=wanted.cycles + 1, counters=counters)
    [difference] = compare_cycles(stalled, slow)
    assert difference.quantity == "counter cycles"


def test_tokens_are_not_all_the_same(equal: Decode) -> None:
    """Otherwise the tests above would say little."""
    assert len(np.unique(equal.token_ids)) > 2
