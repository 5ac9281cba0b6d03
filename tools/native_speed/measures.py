"""Processor time of simulators that take turns, as quotients of one round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import Any

from tools.native_speed.clock import empty_cache, time_call
from tools.native_speed.designs import Design, Inputs, draw_inputs
from tools.native_speed.simulators import CONTENDERS, Contender, RunCycles

Json = dict[str, Any]
TURN_SECONDS = 0.15
ROUNDS = 7
MOST_CYCLES = 20_000


@dataclass(frozen=True)
class Racer:
    """A simulator of a design, and how many cycles its turn has.

    Attributes:
        name: of the contender.
        run: cycles.
        inputs: of a turn.
        build_seconds: processor time until the first cycle was done, compilers included.
    """

    name: str
    run: RunCycles
    inputs: Sequence[Inputs]
    build_seconds: float


def measure_designs(designs: Sequence[Design], rounds: int = ROUNDS) -> list[Json]:
    """A row for each design and contender; nothing is taken from a cache."""
    rows = []
    for design in designs:
        racers = [build(design, one) for one in CONTENDERS if one.is_here]
        rates = [[measure_rate(racer) for racer in racers] for _ in range(rounds)]
        for index, racer in enumerate(racers):
            rows.append(
                {
                    "design": design.name,
                    "simulator": racer.name,
                    "build_seconds": racer.build_seconds,
                    "cycles_per_second": median(turn[index] for turn in rates),
                    "times_simulation": median(turn[index] / turn[0] for turn in rates),
                }
            )
    return rows


def build(design: Design, contender: Contender) -> Racer:
    """Build a simulator in an empty cache and find how many cycles fill a turn."""
    block = design.make()
    inputs = draw_inputs(design, block, MOST_CYCLES)
    first = dict(inputs[0]) | ({"reset": 1} if "reset" in inputs[0] else {})
    with empty_cache():
        seconds, run = time_call(partial(contender.build, block, design, first))
    return Racer(contender.name, run, inputs[: count_cycles(run, inputs)], seconds)


def count_cycles(run: RunCycles, inputs: Sequence[Inputs]) -> int:
    """How many fill a turn, a power of two, as far as there are inputs."""
    num_cycles = 1
    while num_cycles < len(inputs):
        if time_call(partial(run, inputs[:num_cycles]))[0] >= TURN_SECONDS:
            break
        num_cycles *= 2
    return min(num_cycles, len(inputs))


def measure_rate(racer: Racer) -> float:
    """Cycles per second of processor time; short turns are repeated."""
    num_turns, seconds = 0, 0.0
    while seconds < TURN_SECONDS:
        seconds += time_call(partial(racer.run, racer.inputs))[0]
        num_turns += 1
    return num_turns * len(racer.inputs) / seconds
