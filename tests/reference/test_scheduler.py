"""Dynamic Resource Scheduling: the mapping as a pure function of the flags."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.scheduler import (
    MAX_SLOTS,
    CoreIndex,
    Dispatch,
    compute_schedule,
    get_next_pointer,
    pack_index_word,
    unpack_index_word,
)
from fastcar.strategies import core_counts, decisions

flags, cores = decisions(), core_counts()


@given(flags, cores, st.sampled_from(Dispatch))
def test_every_computing_slot_stands_in_one_queue_in_order(
    computes: BoolArray, num_cores: int, dispatch: Dispatch
) -> None:
    schedule = compute_schedule(computes, num_cores, dispatch)
    queued = sorted(itertools.chain(*schedule.queues))
    assert queued == np.flatnonzero(computes).tolist()
    assert len(schedule.queues) == num_cores
    assert all(list(queue) == sorted(queue) for queue in schedule.queues)
    assert schedule.num_rounds == max(schedule.loads)


@given(flags, cores)
def test_the_i_th_computing_slot_goes_to_core_i_mod_c(computes: BoolArray, num_cores: int) -> None:
    schedule = compute_schedule(computes, num_cores)
    cores = [schedule.mapping[slot] for slot in np.flatnonzero(computes)]
    assert cores == [place % num_cores for place in range(len(cores))]
    assert all(schedule.mapping[slot] is None for slot in np.flatnonzero(~computes))


@given(flags, cores)
def test_static_mapping_ignores_the_neighbours(computes: BoolArray, num_cores: int) -> None:
    schedule = compute_schedule(computes, num_cores, Dispatch.STATIC)
    expected = [slot % num_cores if computes[slot] else None for slot in range(len(computes))]
    assert list(schedule.mapping) == expected


@given(flags, cores)
def test_all_computing_is_the_static_mapping(computes: BoolArray, num_cores: int) -> None:
    dense = np.ones_like(computes)
    assert compute_schedule(dense, num_cores) == compute_schedule(dense, num_cores, Dispatch.STATIC)


@given(flags, cores, st.integers(0, MAX_SLOTS - 1))
def test_fewer_slots_are_slots_that_replay(
    computes: BoolArray, num_cores: int, num_more: int
) -> None:
    padded = np.concatenate([computes, np.zeros(num_more, bool)])[:MAX_SLOTS]
    schedule, longer = compute_schedule(computes, num_cores), compute_schedule(padded, num_cores)
    assert longer.mapping[: len(computes)] == schedule.mapping
    assert longer.queues == schedule.queues
    assert longer.index_word == schedule.index_word


@given(flags)
def test_index_word_has_slot_0_in_its_lowest_bit(computes: BoolArray) -> None:
    word = pack_index_word(computes)
    assert f"{word:0{len(computes)}b}"[::-1] == "".join(str(int(flag)) for flag in computes)
    assert np.array_equal(unpack_index_word(word, len(computes)), computes)


def test_all_replayed_takes_no_round() -> None:
    schedule = compute_schedule(np.zeros(5, bool), 3)
    assert (schedule.index_word, schedule.loads, schedule.num_rounds) == (0, (0, 0, 0), 0)


def test_pointer_stays_on_a_replay_and_wraps_after_the_last_core() -> None:
    assert get_next_pointer(CoreIndex(2), False, 3) == 2
    assert get_next_pointer(CoreIndex(2), True, 3) == 0
    assert get_next_pointer(CoreIndex(0), True, 1) == 0


@pytest.mark.parametrize("num_cores", [0, 33, -1])
def test_number_of_cores_is_checked(num_cores: int) -> None:
    with pytest.raises(ArgumentError, match=rf"^num_cores = {num_cores}: must be from 1 to 32$"):
        compute_schedule(np.ones(4, bool), num_cores)


@pytest.mark.parametrize("num_slots", [0, 33])
def test_number_of_slots_is_checked(num_slots: int) -> None:
    text = rf"^num_slots = {num_slots}: must be from 1 to 32$"
    with pytest.raises(ArgumentError, match=text):
        compute_schedule(np.ones(num_slots, bool), 4)
    with pytest.raises(ArgumentError, match=text):
        unpack_index_word(0, num_slots)


def test_flags_are_one_bool_per_slot() -> None:
    with pytest.raises(ArgumentError, match=r"^computes = 'int64': must be bool$"):
        compute_schedule(np.ones(4, np.int64), 2)
    with pytest.raises(ArgumentError, match=r"^computes = \(2, 2\): must be one flag per slot$"):
        compute_schedule(np.ones((2, 2), bool), 2)


@pytest.mark.parametrize("word", [-1, 16])
def test_index_word_fits_its_slots(word: int) -> None:
    with pytest.raises(ArgumentError, match=rf"^index_word = {word}: must be from 0 to 15$"):
        unpack_index_word(word, 4)
