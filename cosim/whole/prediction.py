"""What the cycle model says of the run of one token, on memory that never stalls."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from fastcar.cosim.cycles.cycle_model import Prediction, predict_sets
from fastcar.cosim.whole.machine import DecoderMachine, TokenRun
from fastcar.reference.arrays import BoolArray
from fastcar.rtl.instruction import Instruction


@dataclass(frozen=True)
class TokenPrediction:
    """One token of all slots.

    Attributes:
        run: the program that ran, with the decisions that were taken.
        dense_cycles: of the program with which every slot that is fed computes.
    """

    run: Prediction
    dense_cycles: int


def predict_token(machine: DecoderMachine, run: TokenRun) -> TokenPrediction:
    """Cycles, records and counters of a run, and the cycles of the same token without replay."""
    num_slots, latency = len(run.step.slots), run.settings.channels.latency_cycles
    decisions = [record.computes for record in run.result.decisions]
    sets = [decisions[first : first + num_slots] for first in range(0, len(decisions), num_slots)]
    prediction = predict_sets(machine.config, run.program, sets, latency)
    fed = run.step.is_fed
    if all(np.array_equal(computes, fed) for computes in sets) and not _is_decided(run):
        return TokenPrediction(prediction, prediction.cycles)
    dense = predict_sets(
        machine.config, _compile_dense(machine, run, fed), [fed.tolist()] * len(sets), latency
    )
    return TokenPrediction(prediction, dense.cycles)


def _is_decided(run: TokenRun) -> bool:
    return any(layer.is_decided.any() for layer in run.step.layers)


def _compile_dense(machine: DecoderMachine, run: TokenRun, fed: BoolArray) -> list[Instruction]:
    layers = tuple(
        replace(layer, is_decided=np.zeros_like(fed), is_computing=fed) for layer in run.step.layers
    )
    return machine.compile(replace(run.step, layers=layers))
