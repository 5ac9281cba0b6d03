"""The obligations of P-10, discharged by z3 on a functional model of Dynamic Resource Scheduling.

The model is one function, `compute_step`: what happens to one slot. It is the step of an induction
over any number of slots, in unbounded integers; and it is unrolled over the bits of an index word,
in the widths of the hardware. Tests hold the unrolled model to `fastcar.reference.scheduler`.

An obligation is a claim whose negation has no model. A cover is a situation that must have one: if
it had none, the assumptions of the other obligations would be empty. The induction carries, for m
computing slots so far, the pointer p and the load l of any core c of C:
p = m mod C and l = floor((m - c + C - 1) / C), the number of i < m with i mod C = c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import z3

from fastcar.reference.scheduler import MAX_CORES

Term = Any
"""An expression of z3."""

POINTER_BITS = 5
COUNT_BITS = 6

WHOLE_WORDS = ((1, 32), (2, 32), (3, 32), (4, 32), (8, 32), (13, 16), (32, 16))
"""(cores, slots) that are proved directly too: all index words at once, without the induction."""

NUM_OBLIGATIONS = 32 * (4 + 4 + 2) + 7 * 3
"""For 32 numbers of cores: steps, results, covers; three for each pair of `WHOLE_WORDS`."""


@dataclass(frozen=True)
class Step:
    """What the scheduler does with one slot.

    Attributes:
        is_sent: whether a core gets the slot.
        core: which one; means nothing where no core gets it.
        next_pointer: round-robin pointer for the next slot.
    """

    is_sent: Term
    core: Term
    next_pointer: Term


Rule = Callable[[Term, Term, int], Step]
"""(pointer, whether the slot computes, number of cores) to the step."""


def compute_step(pointer: Term, is_computing: Term, num_cores: int) -> Step:
    """A computing slot goes to the pointer's core, and the pointer moves to the next one."""
    following = z3.If(pointer == num_cores - 1, 0, pointer + 1)
    return Step(is_computing, pointer, z3.If(is_computing, following, pointer))


@dataclass(frozen=True)
class Prefix:
    """What some slots have led to; integer terms.

    Attributes:
        num_computing: m.
        pointer: p.
        core: any core c.
        load: of that core.
    """

    num_computing: Term
    pointer: Term
    core: Term
    load: Term

    def is_reached(self, num_cores: int) -> Term:
        """The invariant."""
        share = (self.num_computing - self.core + num_cores - 1) / num_cores
        return z3.And(
            self.num_computing >= 0,
            self.core >= 0,
            self.core < num_cores,
            self.pointer == self.num_computing % num_cores,
            self.load == share,
        )


@dataclass(frozen=True)
class Obligation:
    """One claim and what z3 said.

    Attributes:
        name: the claim.
        num_cores: C.
        num_slots: B of a direct proof; None where the claim holds for any number of slots.
        is_discharged: proved; of a cover: met.
        counterexample: one line; empty where discharged.
    """

    name: str
    num_cores: int
    num_slots: int | None
    is_discharged: bool
    counterexample: str


def prove_obligations(rule: Rule = compute_step) -> list[Obligation]:
    """All obligations, for 1 to 32 cores; a few seconds."""
    found: list[Obligation] = []
    for num_cores in range(1, MAX_CORES + 1):
        found += prove_by_induction(num_cores, rule)
    for num_cores, num_slots in WHOLE_WORDS:
        found += prove_whole_words(num_cores, num_slots, rule)
    return found


def is_complete(obligations: Iterable[Obligation]) -> bool:
    """Whether every obligation is there and discharged; a missing one is no proof."""
    outcomes = [obligation.is_discharged for obligation in obligations]
    return len(outcomes) == NUM_OBLIGATIONS and all(outcomes)


def prove_by_induction(num_cores: int, rule: Rule = compute_step) -> list[Obligation]:
    """Obligations for any number of slots."""
    before = Prefix(*z3.Ints("num_computing pointer core load"))
    claims = _make_step_claims(before, num_cores, rule) | _make_result_claims(before, num_cores)
    found = [_discharge(name, claim, num_cores) for name, claim in claims.items()]
    reached, is_computing = before.is_reached(num_cores), z3.Bool("is_computing")
    covers = {
        "cover: a computing slot on the last core": z3.And(
            reached, is_computing, before.pointer == num_cores - 1
        ),
        "cover: a replay after a computing slot": z3.And(
            reached, z3.Not(is_computing), before.num_computing > 0
        ),
    }
    return found + [_cover(name, situation, num_cores) for name, situation in covers.items()]


def _make_step_claims(before: Prefix, num_cores: int, rule: Rule) -> dict[str, Term]:
    """One more slot, whether it computes or not."""
    is_computing = z3.Bool("is_computing")
    step = rule(before.pointer, is_computing, num_cores)
    gets = [z3.And(step.is_sent, step.core == core) for core in range(num_cores)]
    is_mine = z3.And(step.is_sent, step.core == before.core)
    after = Prefix(
        before.num_computing + z3.If(is_computing, 1, 0),
        step.next_pointer,
        before.core,
        before.load + z3.If(is_mine, 1, 0),
    )
    reached = before.is_reached(num_cores)
    unmoved = z3.And(after.load == before.load, after.pointer == before.pointer)
    # A slot's place in its core's queue is the load that it finds there.
    in_order = z3.And(after.load >= before.load, z3.Implies(is_mine, after.load > before.load))
    return {
        "step: the invariant is kept": z3.Implies(reached, after.is_reached(num_cores)),
        "a computing slot goes to exactly one core": z3.Implies(
            z3.And(reached, is_computing), z3.PbEq([(get, 1) for get in gets], 1)
        ),
        "a replayed slot goes to no core and moves nothing": z3.Implies(
            z3.And(reached, z3.Not(is_computing)), z3.And(unmoved, z3.Not(z3.Or(gets)))
        ),
        "a slot stands behind all earlier ones of its core": z3.Implies(reached, in_order),
    }


def _make_result_claims(prefix: Prefix, num_cores: int) -> dict[str, Term]:
    """What the invariant says before the first slot and after the last."""
    reached, start = prefix.is_reached(num_cores), Prefix(0, 0, prefix.core, 0)
    other = Prefix(prefix.num_computing, prefix.pointer, *z3.Ints("other_core other_load"))
    rounds = (prefix.num_computing + num_cores - 1) / num_cores
    loads = [z3.Int(f"load_{core}") for core in range(num_cores)]
    is_deal = z3.And(z3.Sum(loads) == prefix.num_computing, *(load >= 0 for load in loads))
    is_largest = z3.And(prefix.load <= rounds, z3.Implies(prefix.core == 0, prefix.load == rounds))
    return {
        "base: the invariant holds before the first slot": z3.Implies(
            z3.And(prefix.core >= 0, prefix.core < num_cores), start.is_reached(num_cores)
        ),
        "loads differ by at most one": z3.Implies(
            z3.And(reached, other.is_reached(num_cores)), prefix.load - other.load <= 1
        ),
        "the largest load is ceil(n / C)": z3.Implies(reached, is_largest),
        "no deal has a smaller largest load": z3.Implies(
            is_deal, z3.Or([load >= rounds for load in loads])
        ),
    }


def prove_whole_words(
    num_cores: int, num_slots: int, rule: Rule = compute_step
) -> list[Obligation]:
    """Obligations for all index words of a width, with the model unrolled."""
    word = z3.BitVec("index_word", num_slots)
    flags = [z3.Extract(slot, slot, word) == 1 for slot in range(num_slots)]
    gets = [
        [z3.And(step.is_sent, step.core == core) for core in range(num_cores)]
        for step in unroll(word, num_cores, rule)
    ]
    loads = [_count([get[core] for get in gets]) for core in range(num_cores)]
    rounds = z3.UDiv(_count(flags) + (num_cores - 1), num_cores)
    claims = {
        "each computing slot goes to exactly one core, a replayed one to none": z3.And(
            [
                z3.If(flag, z3.PbEq([(core, 1) for core in get], 1), z3.Not(z3.Or(get)))
                for flag, get in zip(flags, gets, strict=True)
            ]
        ),
        "each load is ceil(n / C) or one less": z3.And(
            [z3.Or(load == rounds, load + 1 == rounds) for load in loads]
        ),
        "core 0 has ceil(n / C)": loads[0] == rounds,
    }
    return [
        _discharge(
            name,
            claim,
            num_cores,
            num_slots,
            lambda model: describe(model.eval(word, True).as_long(), num_slots, num_cores, rule),
        )
        for name, claim in claims.items()
    ]


def unroll(word: Term, num_cores: int, rule: Rule = compute_step) -> list[Step]:
    """The steps of all slots of an index word, slot 0 in its lowest bit."""
    pointer: Term = z3.BitVecVal(0, POINTER_BITS)
    steps = []
    for slot in range(word.size()):
        step = rule(pointer, z3.Extract(slot, slot, word) == 1, num_cores)
        pointer = step.next_pointer
        steps.append(step)
    return steps


def run_model(
    index_word: int, num_slots: int, num_cores: int, rule: Rule = compute_step
) -> list[int | None]:
    """The unrolled model on one word: the core of every slot, None where no core gets it."""
    steps = unroll(z3.BitVecVal(index_word, num_slots), num_cores, rule)
    return [
        z3.simplify(step.core).as_long() if z3.is_true(z3.simplify(step.is_sent)) else None
        for step in steps
    ]


def describe(index_word: int, num_slots: int, num_cores: int, rule: Rule = compute_step) -> str:
    """One line that shows where the model sends the slots of a word.

    >>> describe(0b101, num_slots=3, num_cores=2)
    'index word 0b101, C = 2: slot 0 to core 0, slot 2 to core 1'
    """
    mapping = run_model(index_word, num_slots, num_cores, rule)
    sent = [f"slot {slot} to core {core}" for slot, core in enumerate(mapping) if core is not None]
    return f"index word {index_word:#b}, C = {num_cores}: {', '.join(sent) or 'nothing sent'}"


def _count(flags: list[Term]) -> Term:
    """How many are true, as bits."""
    one, zero = z3.BitVecVal(1, COUNT_BITS), z3.BitVecVal(0, COUNT_BITS)
    return sum((z3.If(flag, one, zero) for flag in flags), zero)


def _show_values(model: Term) -> str:
    """The values of a model, by name."""
    values = sorted((declaration.name(), str(model[declaration])) for declaration in model)
    return ", ".join(f"{name} = {value}" for name, value in values)


def _discharge(
    name: str,
    claim: Term,
    num_cores: int,
    num_slots: int | None = None,
    show: Callable[[Term], str] = _show_values,
) -> Obligation:
    """Prove a claim: its negation must have no model."""
    # Bits alone are decided fastest as one Boolean formula.
    is_bits = num_slots is not None
    solver = z3.Then("simplify", "bit-blast", "sat").solver() if is_bits else z3.Solver()
    solver.add(z3.Not(claim))
    verdict = solver.check()
    shown = ""
    if verdict != z3.unsat:
        shown = show(solver.model()) if verdict == z3.sat else solver.reason_unknown()
    return Obligation(name, num_cores, num_slots, verdict == z3.unsat, shown)


def _cover(name: str, situation: Term, num_cores: int) -> Obligation:
    """Find a model of a situation."""
    solver = z3.Solver()
    solver.add(situation)
    is_met = solver.check() == z3.sat
    return Obligation(name, num_cores, None, is_met, "" if is_met else "no such situation")
