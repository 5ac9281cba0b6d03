"""What P-08 needs: every step of the chain, with its own constant."""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import to_float
from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.replay import compute_sides
from fastcar.proofs.replay_chain import ReplayChain, Step, bound, compute_steps


def get_counterexamples() -> list[Counterexample]:
    """Only the last step counted, at once and in slow drift; the first step's constant for all."""
    return [
        _make_last_step([0.0, 1.0, 1.1]),
        _make_last_step([0.5 + 0.05 * index for index in range(9)]),
        _make_first_constant(),
    ]


def _make_chain(inputs: list[float]) -> ReplayChain:
    """One neuron with weights 1 behind a norm that is nearly linear up to 1."""
    one = np.ones((1, 1))
    return ReplayChain(one, one, one, np.array([10.0]), 100.0, np.array(inputs)[:, None])


def _make_last_step(inputs: list[float]) -> Counterexample:
    chain = _make_chain(inputs)
    last = len(inputs) - 1
    left = to_float(compute_sides(chain).left)
    right = to_float(bound(compute_steps(chain, [last - 1, last])))
    shown = ", ".join(f"{x:g}" for x in inputs)
    instance = f"one neuron, weights 1, g = 10, eps = 100, x = {shown}"
    return Counterexample("P-08", "earlier steps of the chain", instance, left, right)


def _make_first_constant() -> Counterexample:
    chain = _make_chain([0.0, 0.1, 2.0])
    first, second = compute_steps(chain, [0, 1, 2])
    left = to_float(compute_sides(chain).left)
    right = to_float(bound([first, Step(second.distance, first.extent)]))
    instance = "one neuron, weights 1, g = 10, eps = 100, x = 0, 0.1, 2"
    return Counterexample(
        "P-08", "constant of each step (the first's taken)", instance, left, right
    )
