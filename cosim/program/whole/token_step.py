"""What the instructions of one token of every slot depend on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.cosim.program.compiler import LayerStep
from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch


@dataclass(frozen=True)
class SlotStep:
    """A token that a slot is fed.

    Attributes:
        position: of the token in its row, padding left out.
        token_id: None = the token that PICK left.
    """

    position: int
    token_id: int | None = None


@dataclass(frozen=True)
class TokenStep:
    """One token of every slot that is fed.

    Attributes:
        slots: one per slot; None = nothing is fed to it, and it has no section.
        layers: decisions of every layer; a slot that is not fed is neither decided nor computing.
        picks: whether the next token is picked behind the last layer.
    """

    slots: tuple[SlotStep | None, ...]
    layers: tuple[LayerStep, ...]
    picks: bool = True

    def __post_init__(self) -> None:
        is_fed = self.is_fed
        for index, layer in enumerate(self.layers):
            if layer.layer_index != index:
                raise ArgumentError("layer_index", layer.layer_index, f"{index}")
            if layer.is_decided.shape != is_fed.shape:
                raise ArgumentError("is_decided shape", layer.is_decided.shape, f"{is_fed.shape}")
            wanted = (layer.is_decided | layer.is_computing) & ~is_fed
            if wanted.any():
                slot = int(np.flatnonzero(wanted)[0])
                raise ArgumentError("deciding slot", slot, "one that is fed")

    @property
    def is_fed(self) -> BoolArray:
        """[B]."""
        return np.array([slot is not None for slot in self.slots])


def make_prompt_step(
    slots: tuple[SlotStep | None, ...],
    num_layers: int,
    *,
    picks: bool,
    dispatch: Dispatch = Dispatch.DYNAMIC,
) -> TokenStep:
    """A token of the prompt: everything is computed, and nothing kept for a replay."""
    is_fed = np.array([slot is not None for slot in slots])
    layers = tuple(
        LayerStep(
            layer_index,
            location=0,
            source=DecisionSource.SCORE,
            threshold=0,
            is_decided=np.zeros_like(is_fed),
            is_computing=is_fed,
            dispatch=dispatch,
            is_cached=False,
        )
        for layer_index in range(num_layers)
    )
    return TokenStep(slots, layers, picks)
