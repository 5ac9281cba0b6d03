"""From one token of all slots to the accelerator's instructions: one program, one run.

Source: docs/accelerator.md, section 8. In every layer first the attention of all slots, which
decides them one after the other, then their MLP phases, as `fastcar.cosim.program.compiler` has
them; behind the last layer the head of all slots. Each of the three is a section of its slot.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.cosim.program.compiler import LayerCompiler, LayerStep, begin_layer, place
from fastcar.cosim.program.whole.attention_section import AttentionCompiler
from fastcar.cosim.program.whole.pick_section import compile_pick
from fastcar.cosim.program.whole.segments import check_context
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Instruction, Opcode


class WholeCompiler:
    """Instructions of one whole model on one memory map.

    Args:
        memory_map: addresses and sizes.
        model: constants.
        sparse: sinks and window; None = full attention.
        flows: a layer begins while the slots of the one before are under way (D-48); False: when
            all cores are idle.

    Raises:
        ArgumentError: a model of other sizes, or a context that does not fit.
    """

    def __init__(
        self,
        memory_map: WholeMemoryMap,
        model: WholeModel,
        sparse: SparseAttention | None = None,
        *,
        flows: bool = False,
    ) -> None:
        memory_map.check_sizes(model.config)
        check_context(memory_map.config, memory_map.num_positions, sparse)
        self._map = memory_map
        self._model = model
        self._flows = flows
        self._mlp = LayerCompiler(memory_map.mlp, model.mlp.layers)
        self._attention = AttentionCompiler(memory_map, model.attention, self._mlp, sparse)

    def compile(self, step: TokenStep) -> list[Instruction]:
        """The program of one token, BEGIN of the first layer to END.

        Raises:
            ArgumentError: a step of other sizes, or a position or token that does not exist.
        """
        for name, found, limit in (
            ("slots of the step", len(step.slots), self._map.mlp.num_slots),
            ("layers of the step", len(step.layers), self._map.mlp.num_layers),
        ):
            if found != limit:
                raise ArgumentError(name, found, f"{limit}")
        program: list[Instruction] = []
        for layer in step.layers:
            program += self._compile_layer(layer, step.slots)
        if step.picks:
            for slot, token in enumerate(step.slots):
                if token is not None:
                    program += place(compile_pick(self._map, self._model.head, slot), slot)
        return [*program, Instruction(Opcode.END)]

    def _compile_layer(
        self, layer: LayerStep, slots: tuple[SlotStep | None, ...]
    ) -> Iterator[Instruction]:
        yield from begin_layer(layer, self._flows and layer.layer_index > 0)
        for slot, token in enumerate(slots):
            if not layer.is_decided[slot]:
                yield from place(self._mlp.decide(layer, slot), slot)
            if token is not None:
                yield from place(self._attention.compile(layer, slot, token), slot)
        for slot, token in enumerate(slots):
            if token is not None:
                yield from self._mlp.compile_mlp(layer, slot)
