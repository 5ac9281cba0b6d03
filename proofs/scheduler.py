"""P-10: Dynamic Resource Scheduling (DRS) deals the computing slots evenly, and no deal is faster.

Claim. For 1 to 32 cores, 1 to 32 slots and every index word, n slots of which compute: every
computing slot goes to exactly one core and a replayed slot to none; the loads of two cores differ
by at most one; a core computes its slots in slot order; the number of rounds, the largest load, is
at most ceil(n / C), which no assignment of n slots to C cores undercuts.

Proof. By induction over the slots. After m computing slots the pointer is m mod C, and core c has
got the i-th of them for every i < m with i mod C = c, which are floor((m - c + C - 1) / C). Before
the first slot both hold. A replayed slot moves nothing. A computing slot goes to core m mod C, the
only core whose number grows when m becomes m + 1, and the pointer moves on, from C - 1 to 0. At the
end m = n: a load is ceil(n / C) or one less, and core 0 has ceil(n / C). Loads only grow, and a
slot's place in the queue is the load it finds, so order is kept. If all C loads were below
ceil(n / C), together they would be at most C (ceil(n / C) - 1) < n. Fewer than 32 slots are a word
whose upper bits replay, which move nothing.

`prove_all_words` has z3 discharge every sentence of this for each number of cores and any number of
slots, and for some sizes all index words at once (`fastcar.proofs.scheduler_model`).

Source: paper (the scheduler); the claim and its proof are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fastcar.proofs.aligned_token import draw_token
from fastcar.proofs.decoded_run import DecodedPair
from fastcar.proofs.statement import Hypothesis, Sides, Statement
from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.scheduler import MAX_CORES, MAX_SLOTS, compute_schedule

if TYPE_CHECKING:
    from fastcar.proofs.scheduler_model import Obligation


@dataclass(frozen=True)
class Flags:
    """The decisions of one layer for one token of every batch slot.

    Attributes:
        computes: [B] bool, True = compute, False = replay.
        num_cores: C.
    """

    computes: BoolArray
    num_cores: int


def bound(num_computing: int, num_cores: int) -> int:
    """Rounds that DRS needs: ceil(n / C).

    >>> bound(9, num_cores=4), bound(0, num_cores=4)
    (3, 0)
    """
    return -(-num_computing // num_cores)


def compute_sides(flags: Flags) -> Sides:
    """Rounds of the schedule, and ceil(n / C); one core alone would need n."""
    num_computing = int(flags.computes.sum())
    num_rounds = compute_schedule(flags.computes, flags.num_cores).num_rounds
    right = float(bound(num_computing, flags.num_cores))
    return Sides(float(num_rounds), right, trivial=float(num_computing))


def compute_rounding(flags: Flags) -> float:
    """0: both sides are whole numbers below 2^53."""
    return 0.0


def prove_all_words() -> list[Obligation]:
    """What z3 says about every index word; needs z3-solver and some seconds.

    `fastcar.proofs.scheduler_model.is_complete` tells whether nothing is missing or open.

    Raises:
        ArgumentError: z3-solver is not installed.
    """
    try:
        from fastcar.proofs.scheduler_model import prove_obligations
    except ImportError as error:
        limit = "proved with z3-solver: pip install 'fastcar[proofs]'"
        raise ArgumentError("statement", "P-10", limit) from error
    return prove_obligations()


def count_obligations() -> dict[str, int]:
    """Obligations that are `expected`, that were `found`, and of these those `discharged`."""
    found = prove_all_words()
    from fastcar.proofs.scheduler_model import NUM_OBLIGATIONS  # needs z3, which was found just now

    discharged = sum(obligation.is_discharged for obligation in found)
    return {"expected": NUM_OBLIGATIONS, "found": len(found), "discharged": discharged}


def draw(rng: np.random.Generator) -> Flags:
    """Any sizes, any share of replays."""
    num_slots = int(rng.integers(1, MAX_SLOTS + 1))
    return Flags(rng.random(num_slots) < rng.random(), int(rng.integers(1, MAX_CORES + 1)))


def draw_decoded(pair: DecodedPair, rng: np.random.Generator) -> Flags:
    """Decisions of one layer for any number of cores: all rows of a token, then of the next."""
    token = draw_token(pair, rng)
    in_order = pair.replay.replayed[token.layer_index].T[token.token_index :].ravel()
    flags: BoolArray = in_order[: rng.integers(1, MAX_SLOTS + 1)]
    return Flags(~flags, int(rng.integers(1, MAX_CORES + 1)))


STATEMENT = Statement(
    number="P-10",
    title="rounds of Dynamic Resource Scheduling, for every index word",
    source="paper",
    hypotheses=(
        Hypothesis("1 to 32 cores", lambda flags: 1 <= flags.num_cores <= MAX_CORES),
        Hypothesis("1 to 32 slots", lambda flags: 1 <= len(flags.computes) <= MAX_SLOTS),
    ),
    compute_sides=compute_sides,
    compute_rounding=compute_rounding,
    draw=draw,
    draw_decoded=draw_decoded,
    has_counterexamples=False,
    count_obligations=count_obligations,
)
