"""Nets in parts that depend on little, so that most parts are idle in most cycles.

Nets that depend on the same sources are one class. A net depends on all that those before it
depend on, so classes never wait for one another in a circle. They are put in an order, depth first,
and neighbours are joined where a part of its own would be of no use.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyrtl

from fastcar.cosim.native.layout import count_words

NET_COSTS = {"x": 2.0, "c": 2.0, "*": 2.0, "m": 3.0, "s": 1.0, "w": 0.5}
"""Instructions for each word, about; 1 for all others."""

CALL_COST = 8.0
"""Of a part: to call its function."""

CHECK_COST = 6.0
"""Of a part that may be left out: to look whether something changed."""

SOURCE_COST = 0.4
"""Of each source that is looked at."""

HALF_SOURCES = 20
"""A part of so many sources is taken to be idle in half of the cycles."""

JOIN_COST = 3.0
"""Classes are one from the start if it costs no more: less is left to choose from."""

LIMIT_COST = 600.0
LOOK_BACK = 40

Wires = Mapping[pyrtl.WireVector, pyrtl.LogicNet]


@dataclass
class Part:
    """Nets with all that they depend on.

    Attributes:
        nets: each behind those it depends on.
        sources: a set, see `fastcar.cosim.native.sources`.
        cost: of all nets.
    """

    nets: list[pyrtl.LogicNet]
    sources: int
    cost: float

    @property
    def is_always_computed(self) -> bool:
        """Whether to look at its sources would be of no use."""
        return estimate_cost(self.sources, self.cost) >= CALL_COST + self.cost


def partition_nets(
    nets: Sequence[pyrtl.LogicNet], moved: Wires, sets: Mapping[pyrtl.WireVector, int]
) -> list[Part]:
    """Parts, each behind those it depends on.

    Args:
        nets: each behind those it depends on.
        moved: other nets, which are computed wherever they are used.
        sets: sources of each wire.
    """
    classes = _sort_classes(_make_classes(nets, sets), moved)
    return _segment(_join(classes, JOIN_COST))


def estimate_activity(sources: int) -> float:
    """The share of cycles in which one of the sources changed."""
    count = sources.bit_count()
    return count / (count + HALF_SOURCES)


def estimate_cost(sources: int, cost: float) -> float:
    """Of a part in a cycle, on average, if it is left out where it can be."""
    looking = CHECK_COST + SOURCE_COST * sources.bit_count()
    return looking + (CALL_COST + cost) * estimate_activity(sources)


def _make_classes(
    nets: Sequence[pyrtl.LogicNet], sets: Mapping[pyrtl.WireVector, int]
) -> list[Part]:
    classes: dict[int, Part] = {}
    for net in nets:
        sources = sets[net.dests[0]]
        one = classes.setdefault(sources, Part([], sources, 0.0))
        one.nets.append(net)
        one.cost += NET_COSTS.get(net.op, 1.0) * count_words(net.dests[0].bitwidth)
    return list(classes.values())


def _sort_classes(classes: Sequence[Part], moved: Wires) -> list[Part]:
    """Depth first, as the nets are, so that values live shortly."""
    origins = {net.dests[0]: index for index, one in enumerate(classes) for net in one.nets}
    needs: list[dict[int, None]] = [{} for _ in classes]
    for index, one in enumerate(classes):
        for net in one.nets:
            for wire in net.args:
                while wire in moved:
                    wire = moved[wire].args[0]
                origin = origins.get(wire, index)
                if origin != index:
                    needs[index][origin] = None
    used = {origin for one in needs for origin in one}
    order: list[Part] = []
    done: set[int] = set()
    for end in (index for index in range(len(classes)) if index not in used):
        pending = [end]
        while pending:
            index = pending[-1]
            left = [origin for origin in needs[index] if origin not in done]
            if left:
                pending.append(left[0])
                continue
            pending.pop()
            if index not in done:
                done.add(index)
                order.append(classes[index])
    return order


def _merge(parts: Sequence[Part]) -> Part:
    sources = 0
    for part in parts:
        sources |= part.sources
    nets = [net for part in parts for net in part.nets]
    return Part(nets, sources, sum(part.cost for part in parts))


def _join(classes: Sequence[Part], limit: float) -> list[Part]:
    """Neighbours that cost hardly more together, so that few are left to choose from."""
    joined = [classes[0]]
    for one in classes[1:]:
        last = joined[-1]
        cost, sources = last.cost + one.cost, last.sources | one.sources
        more = cost * estimate_activity(sources)
        more -= sum(part.cost * estimate_activity(part.sources) for part in (last, one))
        if more < limit and cost < LIMIT_COST:
            joined[-1] = Part(last.nets + one.nets, sources, cost)
        else:
            joined.append(one)
    return joined


def _segment(parts: Sequence[Part]) -> list[Part]:
    """Join neighbours so that the expected cost of all is the least."""
    best, starts = [0.0], [0]
    for end in range(1, len(parts) + 1):
        sources, cost, least, start = 0, 0.0, float("inf"), end - 1
        for first in range(end - 1, max(-1, end - 1 - LOOK_BACK), -1):
            sources |= parts[first].sources
            cost += parts[first].cost
            if cost > LIMIT_COST and first < end - 1:
                break
            total = best[first] + min(estimate_cost(sources, cost), CALL_COST + cost)
            if total < least:
                least, start = total, first
        best.append(least)
        starts.append(start)
    found, end = [], len(parts)
    while end:
        found.append(_merge(parts[starts[end] : end]))
        end = starts[end]
    return found[::-1]
