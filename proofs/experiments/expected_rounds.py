"""Expected rounds of both mappings where replays come in bursts, exactly; and a table of them.

Neighbouring slots are seldom independent: the rows of guidance show the same video. So the flags
are a two-state Markov chain along the slots, stationary with a given probability of a replay and a
given persistence, the correlation of neighbours; persistence 0 is the independence of P-18. All
weights are integers over a power of a common denominator, so nothing is rounded.

Dynamic Resource Scheduling needs the number of computing slots only. The static mapping needs the
loads of all cores at once, and there are two ways to them, each feasible where the other is not:

- along the slots with the vector of loads, (B / C + 1)^C states: few cores;
- core by core: the slots of a core lie in ceil(B / C) rows of C slots, all rows advance together,
  and a row begins in the state in which the one before it ends, 4^ceil(B / C) states: many cores.

With 32 slots the first takes up to 5 cores (21,952 states), the second the rest (4,096 states).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.errors import ArgumentError
from fastcar.reference.scheduler import check_num_cores, check_num_slots

Weights = NDArray[Any]
"""Python integers: probabilities times a power of the common denominator."""

MAX_CORES_BY_LOADS = 5


@dataclass(frozen=True)
class ReplayChain:
    """How replays follow one another along the slots.

    Attributes:
        replay: probability p that a slot replays, in [0, 1].
        persistence: correlation of neighbouring slots, in [0, 1]; a run of replays has
            1 / ((1 - persistence) (1 - p)) slots on average.
    """

    replay: Fraction
    persistence: Fraction = Fraction(0)

    def __post_init__(self) -> None:
        for name in ("replay", "persistence"):
            if not 0 <= getattr(self, name) <= 1:
                raise ArgumentError(name, getattr(self, name), "in [0, 1]")

    @property
    def denominator(self) -> int:
        """Common denominator of all probabilities."""
        return self.replay.denominator * self.persistence.denominator

    def get_stationary(self) -> list[int]:
        """Weights of replay and compute."""
        return [int(share * self.denominator) for share in (self.replay, 1 - self.replay)]

    def get_transitions(self) -> list[list[int]]:
        """Weights of the next slot's states (replay, compute), for each state."""
        kept = int(self.persistence * self.denominator)
        fresh = [int((1 - self.persistence) * share) for share in self.get_stationary()]
        return [[kept + fresh[0], fresh[1]], [fresh[0], kept + fresh[1]]]


@dataclass(frozen=True)
class ExpectedRounds:
    """A row of the table.

    Attributes:
        num_slots: B.
        num_cores: C.
        chain: how slots replay.
        dynamic: expected rounds with Dynamic Resource Scheduling.
        static: expected rounds with slot b on core b mod C.
    """

    num_slots: int
    num_cores: int
    chain: ReplayChain
    dynamic: Fraction
    static: Fraction

    @property
    def dense(self) -> int:
        """Rounds when nothing replays, with either mapping."""
        return -(-self.num_slots // self.num_cores)

    @property
    def speed_up(self) -> Fraction:
        """Static over dynamic; 1 where nothing is left to compute."""
        return self.static / self.dynamic if self.dynamic else Fraction(1)


def compute_table(
    sizes: Iterable[tuple[int, int]], chains: Iterable[ReplayChain]
) -> list[ExpectedRounds]:
    """Expected rounds of both mappings for every size and chain.

    Args:
        sizes: pairs (slots, cores), each 1 to 32.
        chains: how slots replay.

    >>> [row] = compute_table([(32, 8)], [ReplayChain(Fraction(1, 2))])
    >>> row.dense, float(round(row.dynamic, 3)), float(round(row.static, 3))
    (4, 2.428, 3.353)
    """
    patterns = list(chains)
    return [
        ExpectedRounds(
            num_slots,
            num_cores,
            chain,
            compute_dynamic_rounds(num_slots, num_cores, chain),
            compute_static_rounds(num_slots, num_cores, chain),
        )
        for num_slots, num_cores in sizes
        for chain in patterns
    ]


def compute_dynamic_rounds(num_slots: int, num_cores: int, chain: ReplayChain) -> Fraction:
    """E[ceil(n / C)] over the distribution of the number of computing slots."""
    check_num_slots(num_slots)
    check_num_cores(num_cores)
    weights = _compute_load_weights(num_slots, 1, chain)
    rounds = sum(weight * -(-number // num_cores) for number, weight in enumerate(weights))
    return Fraction(rounds, chain.denominator ** (num_slots + 1))


def compute_static_rounds(num_slots: int, num_cores: int, chain: ReplayChain) -> Fraction:
    """E[max_c n_c] with slot b on core b mod C."""
    check_num_slots(num_slots)
    check_num_cores(num_cores)
    if num_cores <= MAX_CORES_BY_LOADS:
        return compute_static_rounds_by_loads(num_slots, num_cores, chain)
    return compute_static_rounds_by_cores(num_slots, num_cores, chain)


def compute_static_rounds_by_loads(num_slots: int, num_cores: int, chain: ReplayChain) -> Fraction:
    """The first way: for few cores."""
    weights = _compute_load_weights(num_slots, num_cores, chain)
    largest = np.indices(weights.shape).max(axis=0)
    return Fraction((weights * largest).sum(), chain.denominator ** (num_slots + 1))


def _compute_load_weights(num_slots: int, num_cores: int, chain: ReplayChain) -> Weights:
    """Weight of every vector of loads."""
    sizes = [len(range(core, num_slots, num_cores)) for core in range(num_cores)]
    weights = np.full((2, *(size + 1 for size in sizes)), 0, dtype=object)
    weights.reshape(2, -1)[:, 0] = chain.get_stationary()  # no load yet
    for slot in range(num_slots):
        weights = _advance(weights, 0, chain)
        # No load is at its limit yet, so nothing wraps around.
        weights[1] = np.roll(weights[1], 1, axis=slot % num_cores)
    total: Weights = weights.sum(axis=0)
    return total


def compute_static_rounds_by_cores(num_slots: int, num_cores: int, chain: ReplayChain) -> Fraction:
    """The second way: E[max] = sum over r of P(max > r), each by rows that advance together."""
    whole = chain.denominator ** (num_slots + 1)
    num_rows = -(-num_slots // num_cores)
    at_most = [_weigh_at_most(rounds, num_slots, num_cores, chain) for rounds in range(num_rows)]
    return Fraction(sum(whole - weight for weight in at_most), whole)


def _weigh_at_most(limit: int, num_slots: int, num_cores: int, chain: ReplayChain) -> int:
    """Weight of all words in which no core has more than `limit` computing slots."""
    num_rows = -(-num_slots // num_cores)
    # Axes: the state in which each row begins, then the state at which each row is.
    weights = np.full((2,) * (2 * num_rows), 0, dtype=object)
    for begin in np.ndindex((2,) * num_rows):
        weights[begin + begin] = chain.get_stationary()[begin[0]]
    for core in range(num_cores):
        rows = range(len(range(core, num_slots, num_cores)))
        for row in rows:
            weights = _advance(weights, num_rows + row, chain)
        num_computing = np.indices(weights.shape)[[num_rows + row for row in rows]].sum(axis=0)
        weights[num_computing > limit] = 0
    states = np.indices(weights.shape)
    begins, ends = states[1:num_rows], states[num_rows : 2 * num_rows - 1]
    return int(weights[(begins == ends).all(axis=0)].sum())


def _advance(weights: Weights, axis: int, chain: ReplayChain) -> Weights:
    """One more slot of the chain whose state is on an axis."""
    replaying, computing = np.moveaxis(weights, axis, 0)
    from_replay, from_compute = chain.get_transitions()
    moved = [replaying * from_replay[to] + computing * from_compute[to] for to in range(2)]
    return np.stack(moved, axis=axis)
