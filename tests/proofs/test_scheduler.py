"""P-10: Dynamic Resource Scheduling, on drawn words and, by z3, on all of them."""

from __future__ import annotations

import sys
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.proofs.attack import attack
from fastcar.proofs.scheduler import STATEMENT, Flags, bound, prove_all_words
from fastcar.proofs.scheduler_model import (
    NUM_OBLIGATIONS,
    WHOLE_WORDS,
    Obligation,
    Prefix,
    Rule,
    Step,
    Term,
    compute_step,
    is_complete,
    prove_by_induction,
    prove_whole_words,
    run_model,
)
from fastcar.proofs.statement import HypothesisError, Verdict
from fastcar.reference.errors import ArgumentError
from fastcar.reference.scheduler import MAX_CORES, MAX_SLOTS, compute_schedule, unpack_index_word
from tests.proofs.attacks import attack_once, attack_settings, check_rounding

BY_DAY = {1, 4, MAX_CORES}
"""Numbers of cores that are proven in every run; the others at night."""


@st.composite
def flag_sets(draw: st.DrawFn) -> Flags:
    """Any word of any width on any number of cores."""
    computes = draw(arrays(np.bool_, draw(st.integers(1, MAX_SLOTS))))
    return Flags(computes, draw(st.integers(1, MAX_CORES)))


@attack_settings()
@given(flag_sets())
def test_no_attack_violates_the_claim(flags: Flags) -> None:
    found = attack_once(STATEMENT, flags)
    assert found.left == found.right  # No deal is faster.
    loads = compute_schedule(flags.computes, flags.num_cores).loads
    assert max(loads) - min(loads) <= 1


@given(flag_sets())
def test_rounding_is_as_derived(flags: Flags) -> None:
    check_rounding(STATEMENT, flags)
    assert STATEMENT.certify(flags) is Verdict.HOLDS


def test_search_meets_the_bound_exactly() -> None:
    found = attack(STATEMENT, np.random.default_rng(0), 500)
    assert (found.num_violations, found.worst.ratio) == (0, 1.0)


@pytest.mark.slow
def test_z3_proves_every_obligation() -> None:
    found = prove_all_words()
    assert [obligation for obligation in found if not obligation.is_discharged] == []
    assert is_complete(found)
    by_cores = Counter(obligation.num_cores for obligation in found if not obligation.num_slots)
    assert by_cores == dict.fromkeys(range(1, MAX_CORES + 1), 10)
    assert sum(obligation.num_slots is not None for obligation in found) == 3 * len(WHOLE_WORDS)
    assert len({(o.name, o.num_cores, o.num_slots) for o in found}) == NUM_OBLIGATIONS


@pytest.mark.parametrize(
    "num_cores",
    [
        pytest.param(cores, marks=pytest.mark.slow if cores in BY_DAY else pytest.mark.nightly)
        for cores in range(1, MAX_CORES + 1)
    ],
)
def test_z3_proves_all_words_of_32_bits_without_induction(num_cores: int) -> None:
    found = prove_whole_words(num_cores, MAX_SLOTS)
    assert len(found) == 3
    assert all(obligation.is_discharged for obligation in found)


def test_missing_or_open_obligation_is_no_proof() -> None:
    done = [Obligation("claim", 1, None, True, "")] * NUM_OBLIGATIONS
    assert is_complete(done)
    assert not is_complete(done[1:])
    assert not is_complete([*done[1:], replace(done[0], is_discharged=False)])


def get_mapping(word: int, num_slots: int, num_cores: int) -> list[int | None]:
    """What the reference says."""
    return list(compute_schedule(unpack_index_word(word, num_slots), num_cores).mapping)


@pytest.mark.parametrize("num_cores", [1, 2, 3, 4, 5, 32])
def test_model_is_the_reference_on_all_words_of_few_slots(num_cores: int) -> None:
    for num_slots in range(1, 6):
        for word in range(1 << num_slots):
            expected = get_mapping(word, num_slots, num_cores)
            assert run_model(word, num_slots, num_cores) == expected


@given(st.integers(0, 2**MAX_SLOTS - 1), st.integers(1, MAX_CORES))
def test_model_is_the_reference_on_32_slots(word: int, num_cores: int) -> None:
    assert run_model(word, MAX_SLOTS, num_cores) == get_mapping(word, MAX_SLOTS, num_cores)


def never_wrap(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    return Step(is_computing, pointer, z3.If(is_computing, pointer + 1, pointer))


def advance_on_replay(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    always = compute_step(pointer, z3.BoolVal(True), num_cores)
    return Step(is_computing, pointer, always.next_pointer)


def wrap_one_late(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    following = z3.If(pointer == num_cores, 0, pointer + 1)
    return Step(is_computing, pointer, z3.If(is_computing, following, pointer))


def wrap_one_early(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    return replace(compute_step(pointer, is_computing, num_cores - 1), core=pointer)


def send_replays(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    return replace(compute_step(pointer, is_computing, num_cores), is_sent=z3.BoolVal(True))


def start_at_core_1(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    step = compute_step(pointer, is_computing, num_cores)
    return replace(step, core=step.next_pointer)


PLANTED = [
    never_wrap,
    advance_on_replay,
    wrap_one_late,
    wrap_one_early,
    send_replays,
    start_at_core_1,
]


@pytest.mark.parametrize("rule", PLANTED)
def test_planted_bug_breaks_the_induction(rule: Rule) -> None:
    found = [o for o in prove_by_induction(3, rule) if not o.is_discharged]
    assert "step: the invariant is kept" in {obligation.name for obligation in found}
    assert all("num_computing = " in obligation.counterexample for obligation in found)


@pytest.mark.parametrize("rule", PLANTED)
def test_planted_bug_has_an_index_word_that_shows_it(rule: Rule) -> None:
    found = [o for o in prove_whole_words(3, 8, rule) if not o.is_discharged]
    assert found
    for obligation in found:
        text = obligation.counterexample
        assert text.startswith("index word 0b")
        assert ", C = 3: slot " in text
        word = int(text.split()[2].rstrip(","), 2)
        assert run_model(word, 8, 3, rule) != get_mapping(word, 8, 3)


def test_counterexample_shows_the_slots() -> None:
    (found,) = [o for o in prove_whole_words(1, 2, never_wrap) if "exactly one" in o.name]
    assert found.counterexample == "index word 0b11, C = 1: slot 0 to core 0, slot 1 to core 1"


def test_cover_without_a_model_is_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Prefix, "is_reached", lambda prefix, num_cores: z3.BoolVal(False))
    found = {o.name: o.counterexample for o in prove_by_induction(2) if not o.is_discharged}
    covers = [text for name, text in found.items() if name.startswith("cover: ")]
    assert covers == ["no such situation"] * 2


@pytest.mark.parametrize(
    ("flags", "name"),
    [
        (Flags(np.ones(4, bool), 0), "1 to 32 cores"),
        (Flags(np.ones(4, bool), 33), "1 to 32 cores"),
        (Flags(np.ones(0, bool), 2), "1 to 32 slots"),
        (Flags(np.ones(33, bool), 2), "1 to 32 slots"),
    ],
)
def test_hypotheses_are_checked(flags: Flags, name: str) -> None:
    with pytest.raises(HypothesisError, match=rf"^P-10: hypothesis violated: {name}$"):
        STATEMENT.check(flags)


def test_bound_is_the_smallest_number_of_full_rounds() -> None:
    for num_computing in range(40):
        for num_cores in range(1, 40):
            rounds = bound(num_computing, num_cores)
            assert rounds * num_cores >= num_computing > (rounds - 1) * num_cores


def test_missing_solver_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "fastcar.proofs.scheduler_model", raising=False)
    monkeypatch.setitem(sys.modules, "z3", None)
    with pytest.raises(ArgumentError, match=r"^statement = 'P-10': must be proved with z3-solver"):
        prove_all_words()
