"""What a replayed row uses in place of its MLP output, and the memory which that takes (D-53).

- Plain, as in arXiv:2505.14709v1: what was used in that place one frame earlier. The cache holds
  what was used, which in a chain of replays is the last computed output.
- Corrected: the last computed output, moved by a linear answer to how far the normalised input has
  moved since (`fastcar.reference.correction`). The cache holds what was computed, not what was
  used, and its input beside it, so the second replay of a chain is one correction, as the first.
- Constant: one output per layer, whatever was computed; nothing is kept. A chain only counts.

A correction costs 2 D r products per replayed row, the norm of every row, and one more frame of
memory where the gate does not keep inputs for itself.
"""

from __future__ import annotations

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.correction import Correction
from fastcar.reference.engine import Engine
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery

Dtype = np.dtype[np.floating]


class Replacement:
    """Outputs for rows that replay, and what has to be remembered of those that compute.

    Args:
        shape: L, B, N, D; L is 0 where nothing ever replays.
        dtype: of the outputs.
        engine: computes.
        correction: factors of all layers in that type; None = none.
        constant: [layers, D] in that type; None = what was computed is kept.

    Attributes:
        cached_outputs: [L, B, N, D], MLP outputs that were used, or computed under a correction;
            L is 0 with a constant.
        last_inputs: [L, B, N, D], normalised MLP inputs that they were computed of, of a gate that
            keeps them or our own; L is 0 without a correction.
    """

    def __init__(
        self,
        shape: tuple[int, int, int, int],
        dtype: Dtype,
        engine: Engine,
        correction: Correction | None = None,
        constant: FloatArray | None = None,
    ) -> None:
        nothing = (0, *shape[1:])
        self.correction = correction
        self.constant = constant
        self.cached_outputs: FloatArray = np.zeros(shape if constant is None else nothing, dtype)
        self.last_inputs: FloatArray = np.zeros(nothing, dtype)
        self._shape = shape
        self._engine = engine
        self._keeps_inputs = False

    def reset(self, gate: Gate | None) -> None:
        """Start a generation, behind the reset of the gate, whose memory of inputs is shared."""
        self.cached_outputs[:] = 0
        if self.correction is None or gate is None:
            return
        shared = gate.get_last_inputs()
        self._keeps_inputs = shared is None
        if shared is not None:
            self.last_inputs = shared
        elif self.last_inputs.shape != self._shape:
            self.last_inputs = np.zeros(self._shape, self.cached_outputs.dtype)
        else:
            self.last_inputs[:] = 0

    def get_kept(self, layer_index: int, location: int) -> FloatArray:
        """What is kept for a place of every row, [B, D], or the constant."""
        if self.constant is None:
            return self.cached_outputs[layer_index, :, location]
        return np.broadcast_to(self.constant[layer_index], (self._shape[1], self._shape[3]))

    def compute(self, query: GateQuery, rows: BoolArray) -> FloatArray:
        """What the chosen rows [B] use if they replay, [chosen, D]."""
        kept: FloatArray = query.cached_output[rows]
        if self.correction is None or not rows.any():
            return kept
        last = self.last_inputs[query.layer_index, rows, query.location_index]
        change = query.mlp_input[rows] - last
        return kept + self.correction.compute(query.layer_index, change, self._engine)

    def run(self, query: GateQuery, replayed: BoolArray) -> FloatArray:
        """Outputs [B, D] of the rows that replay and of those that compute, which are kept."""
        computing = ~replayed
        kept = self.get_kept(query.layer_index, query.location_index)
        is_plain = self.correction is None and self.constant is None
        replacing = None if is_plain else self.compute(query, replayed)
        output = kept.copy()
        if computing.any():
            output[computing] = query.mlp.compute_outputs(computing)
            if self.constant is None:
                kept[computing] = output[computing]
            if self._keeps_inputs:
                last = self.last_inputs[query.layer_index, :, query.location_index]
                last[computing] = query.mlp_input[computing]
        if replacing is not None:
            output[replayed] = replacing
        return output


def make_replacement(
    config: ModelConfig,
    shape: tuple[int, int, int, int],
    dtype: Dtype,
    engine: Engine,
    correction: Correction | None,
    constant: FloatArray | None,
) -> Replacement:
    """A replacement whose numbers fit the model, in the type of its arithmetic.

    Raises:
        ArgumentError: factors or constants of another model.
    """
    if correction is not None:
        correction.check_model(config)
        correction = correction.convert(dtype)
    if constant is not None:
        wanted = config.num_hidden_layers, config.hidden_size
        if constant.shape != wanted:
            raise ArgumentError("constant shape", constant.shape, f"{wanted}, an output per layer")
        with np.errstate(over="ignore"):
            constant = np.array(constant, dtype, order="C")
        if not np.isfinite(constant).all():
            index = tuple(int(place) for place in np.argwhere(~np.isfinite(constant))[0])
            limit = f"finite in {constant.dtype}, at {list(index)}"
            raise ArgumentError("constant", float(constant[index]), limit)
    return Replacement(shape, dtype, engine, correction, constant)
