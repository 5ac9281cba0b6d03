"""P-18: expected rounds of both mappings, by formula, by enumeration and by simulation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.proofs.attack import attack
from fastcar.proofs.experiments.expected_rounds import (
    ReplayChain,
    compute_static_rounds_by_cores,
    compute_static_rounds_by_loads,
    compute_table,
)
from fastcar.proofs.experiments.expected_rounds import (
    compute_dynamic_rounds as compute_bursty_dynamic_rounds,
)
from fastcar.proofs.experiments.expected_rounds import (
    compute_static_rounds as compute_bursty_static_rounds,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.proofs.static_mapping import (
    STATEMENT,
    ReplayLoad,
    compute_dynamic_rounds,
    compute_static_rounds,
)
from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.scheduler import (
    MAX_CORES,
    MAX_SLOTS,
    Dispatch,
    compute_schedule,
    unpack_index_word,
)
from tests.proofs.attacks import attack_once, attack_settings, check_rounding

fractions = st.tuples(st.integers(0, 12), st.integers(1, 12)).map(
    lambda pair: Fraction(min(pair), max(pair))
)
chains = st.builds(ReplayChain, fractions, fractions)


@st.composite
def replay_loads(draw: st.DrawFn) -> ReplayLoad:
    """Any sizes and any probability, certain replay and certain computing included."""
    replay = draw(fractions)
    sizes = draw(st.integers(1, MAX_SLOTS)), draw(st.integers(1, MAX_CORES))
    return ReplayLoad(*sizes, replay.numerator, replay.denominator)


@attack_settings()
@given(replay_loads())
def test_no_attack_violates_the_claim(load: ReplayLoad) -> None:
    attack_once(STATEMENT, load)


@given(replay_loads())
def test_rounding_is_as_derived_and_every_instance_is_certified(load: ReplayLoad) -> None:
    check_rounding(STATEMENT, load)
    assert STATEMENT.certify(load) is Verdict.HOLDS


@attack_settings()
@given(
    st.integers(1, MAX_SLOTS).flatmap(lambda slots: arrays(np.bool_, slots)),
    st.integers(1, MAX_CORES),
)
def test_no_single_word_is_faster_with_the_static_mapping(
    computes: BoolArray, num_cores: int
) -> None:
    dynamic = compute_schedule(computes, num_cores)
    assert dynamic.num_rounds <= compute_schedule(computes, num_cores, Dispatch.STATIC).num_rounds


def test_one_core_gains_nothing() -> None:
    found = STATEMENT.check(ReplayLoad(32, 1, 1, 3))
    assert found.holds
    assert found.ratio == pytest.approx(1, abs=1e-12)


def test_search_meets_the_bound() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 300)
    assert found.num_violations == 0
    assert found.worst.ratio == pytest.approx(1, abs=1e-12)


def get_words(num_slots: int) -> Iterator[list[bool]]:
    """All words of a width."""
    for word in range(1 << num_slots):
        yield unpack_index_word(word, num_slots).tolist()


def get_probability(word: list[bool], chain: ReplayChain) -> Fraction:
    """Of one word, straight from the definition of the chain."""
    shares = {False: chain.replay, True: 1 - chain.replay}
    probability = shares[word[0]]
    for before, state in pairwise(word):
        fresh = (1 - chain.persistence) * shares[state]
        probability *= fresh + chain.persistence * (before == state)
    return probability


def enumerate_rounds(
    num_slots: int, num_cores: int, chain: ReplayChain, dispatch: Dispatch
) -> Fraction:
    """Expected rounds by running the reference on every word."""
    return sum(
        (
            get_probability(word, chain)
            * compute_schedule(np.array(word), num_cores, dispatch).num_rounds
            for word in get_words(num_slots)
        ),
        Fraction(0),
    )


@given(st.integers(1, 6), st.integers(1, 7), fractions)
def test_independent_slots_are_enumerated(num_slots: int, num_cores: int, replay: Fraction) -> None:
    size = num_slots, num_cores
    chain = ReplayChain(replay)
    dynamic, static = (enumerate_rounds(*size, chain, dispatch) for dispatch in Dispatch)
    assert compute_dynamic_rounds(*size, replay) == dynamic
    assert compute_static_rounds(*size, replay) == static


@given(st.integers(1, 6), st.integers(1, 7), chains)
def test_bursts_are_enumerated(num_slots: int, num_cores: int, chain: ReplayChain) -> None:
    size = num_slots, num_cores
    dynamic, static = (enumerate_rounds(*size, chain, dispatch) for dispatch in Dispatch)
    assert compute_bursty_dynamic_rounds(*size, chain) == dynamic
    assert compute_static_rounds_by_loads(*size, chain) == static
    assert compute_static_rounds_by_cores(*size, chain) == static


@given(st.integers(1, MAX_SLOTS), st.integers(1, MAX_CORES), fractions)
def test_without_persistence_slots_are_independent(
    num_slots: int, num_cores: int, replay: Fraction
) -> None:
    size, chain = (num_slots, num_cores), ReplayChain(replay)
    assert compute_bursty_dynamic_rounds(*size, chain) == compute_dynamic_rounds(*size, replay)
    assert compute_bursty_static_rounds(*size, chain) == compute_static_rounds(*size, replay)


@pytest.mark.parametrize("size", [(17, 4), (32, 5), (24, 6), (20, 5), (9, 8)])
def test_both_ways_agree(size: tuple[int, int]) -> None:
    chain = ReplayChain(Fraction(2, 3), Fraction(3, 5))
    assert compute_static_rounds_by_loads(*size, chain) == compute_static_rounds_by_cores(
        *size, chain
    )


def test_full_persistence_is_all_or_nothing() -> None:
    chain = ReplayChain(Fraction(1, 4), Fraction(1))
    for num_cores in (3, 8):
        expected = Fraction(3, 4) * math.ceil(20 / num_cores)
        assert compute_bursty_dynamic_rounds(20, num_cores, chain) == expected
        assert compute_bursty_static_rounds(20, num_cores, chain) == expected


def simulate(num_slots: int, chain: ReplayChain, num_words: int, seed: int) -> BoolArray:
    """[num_words, B] flags drawn from the chain."""
    rng = np.random.default_rng(seed)
    flags = rng.random((num_words, num_slots)) >= float(chain.replay)
    is_kept = rng.random((num_words, num_slots)) < float(chain.persistence)
    for slot in range(1, num_slots):
        flags[:, slot] = np.where(is_kept[:, slot], flags[:, slot - 1], flags[:, slot])
    return flags


@pytest.mark.parametrize("persistence", [Fraction(0), Fraction(3, 4)])
@pytest.mark.parametrize(("num_slots", "num_cores"), [(32, 8), (32, 6), (30, 7)])
def test_simulation_is_within_its_confidence_limit(
    num_slots: int, num_cores: int, persistence: Fraction
) -> None:
    chain = ReplayChain(Fraction(4, 5), persistence)
    num_words = 100_000
    flags = simulate(num_slots, chain, num_words, seed=5)
    static = np.max([flags[:, core::num_cores].sum(axis=1) for core in range(num_cores)], axis=0)
    dynamic = np.ceil(flags.sum(axis=1) / num_cores)
    [row] = compute_table([(num_slots, num_cores)], [chain])
    # Hoeffding: rounds lie in [0, dense], so the mean of as many words is off by more than this
    # with a probability below 1e-9.
    limit = row.dense * math.sqrt(math.log(2e9) / (2 * num_words))
    assert 2 * limit < row.static - row.dynamic  # enough to tell the mappings apart
    assert abs(static.mean() - float(row.static)) <= limit
    assert abs(dynamic.mean() - float(row.dynamic)) <= limit


def test_table_has_a_row_for_every_size_and_chain() -> None:
    patterns = [ReplayChain(Fraction(number, 5)) for number in range(6)]
    rows = compute_table([(32, 8), (18, 4)], patterns)
    assert [(row.num_slots, row.num_cores, row.chain) for row in rows] == [
        (*size, chain) for size in ((32, 8), (18, 4)) for chain in patterns
    ]
    assert {row.dense for row in rows} == {4, 5}
    assert rows[0].speed_up == rows[5].speed_up == 1
    assert rows[5].dynamic == rows[5].static == 0
    assert rows[0].dynamic == rows[0].static == 4
    assert 1.70 < rows[4].speed_up == rows[4].static / rows[4].dynamic < 1.72


@pytest.mark.parametrize(
    ("load", "name"),
    [
        (ReplayLoad(32, 0, 1, 2), "1 to 32 cores"),
        (ReplayLoad(33, 1, 1, 2), "1 to 32 slots"),
        (ReplayLoad(32, 1, 3, 2), "a probability"),
        (ReplayLoad(32, 1, -1, 2), "a probability"),
        (ReplayLoad(32, 1, 0, 0), "a probability"),
    ],
)
def test_hypotheses_are_checked(load: ReplayLoad, name: str) -> None:
    with pytest.raises(HypothesisError, match=rf"^P-18: hypothesis violated: {name}$"):
        STATEMENT.check(load)


def test_sizes_and_chains_are_checked() -> None:
    chain = ReplayChain(Fraction(1, 2))
    for compute in (compute_bursty_dynamic_rounds, compute_bursty_static_rounds):
        with pytest.raises(ArgumentError, match=r"^num_slots = 33: must be from 1 to 32$"):
            compute(33, 1, chain)
        with pytest.raises(ArgumentError, match=r"^num_cores = 0: must be from 1 to 32$"):
            compute(32, 0, chain)
    with pytest.raises(ArgumentError, match=r"^replay = Fraction\(3, 2\): must be in \[0, 1\]$"):
        ReplayChain(Fraction(3, 2))
    with pytest.raises(ArgumentError, match=r"^persistence = Fraction\(-1, 2\): must be in"):
        ReplayChain(Fraction(1, 2), Fraction(-1, 2))
