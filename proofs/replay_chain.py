"""A chain of replays, and what bounds how far each of its steps moves the MLP output (P-08)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from fastcar.proofs import rms_norm, swiglu
from fastcar.proofs.arithmetic import Array, Scalar, compute_norm, get_maximum
from fastcar.proofs.rms_norm import compute_radius
from fastcar.proofs.silu import compute_silu
from fastcar.proofs.spectral_norm import compute_spectral_norm
from fastcar.proofs.swiglu_pair import Extent
from fastcar.reference.rms_norm import compute_rms_norm


@dataclass(frozen=True)
class ReplayChain:
    """An MLP with its norm and what it was given in one place; D = width, F = inner width.

    Attributes:
        gate_proj: [F, D] float64.
        up_proj: [F, D] float64.
        down_proj: [D, F] float64.
        gain: [D] float64, of the norm.
        eps: > 0, of the norm.
        inputs: [r + 1, D] float64, residual inputs: the one whose output is cached first, the
            present one last.
    """

    gate_proj: Array
    up_proj: Array
    down_proj: Array
    gain: Array
    eps: float
    inputs: Array

    @property
    def matrices(self) -> tuple[Array, Array, Array]:
        """W_g, W_u, W_d."""
        return self.gate_proj, self.up_proj, self.down_proj


@dataclass(frozen=True)
class Step:
    """What bounds the change of the output from one input to another.

    Attributes:
        distance: limit on |n - n'| by P-06.
        extent: norms and maxima of P-07.
    """

    distance: Scalar
    extent: Extent


def bound(steps: list[Step]) -> Scalar:
    """Largest distance of the first output from the last.

    >>> step = Step(1.0, Extent(1.0, 1.0, 1.0, activation_max=2.0, up_max=0.0))
    >>> bound([step, step])
    4.0
    """
    return sum(swiglu.bound(step.distance, step.extent) for step in steps)


def compute_steps(chain: ReplayChain, indices: list[int]) -> list[Step]:
    """One step for each two neighbours in a list of input indices."""
    normed = compute_rms_norm(chain.inputs, chain.gain, chain.eps)
    down, up, gate = (
        compute_spectral_norm(matrix)
        for matrix in (chain.down_proj, chain.up_proj, chain.gate_proj)
    )
    gain_max = get_maximum(abs(chain.gain))
    steps = []
    for first, second in pairwise(indices):
        x, other = chain.inputs[first], chain.inputs[second]
        radius = compute_radius(x, other, chain.eps)
        activation_max = get_maximum(abs(compute_silu(chain.gate_proj @ normed[first])))
        up_max = get_maximum(abs(chain.up_proj @ normed[second]))
        distance = rms_norm.bound(compute_norm(x - other), gain_max, radius)
        steps.append(Step(distance, Extent(down, up, gate, activation_max, up_max)))
    return steps
