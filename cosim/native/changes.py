"""Whether a block is still the one that was compiled."""

from __future__ import annotations

import pyrtl

from fastcar.cosim.native.netlist import sort_wires


class BlockGuard:
    """Remembers the nets and wires of a block.

    Args:
        block: as it was compiled.
    """

    def __init__(self, block: pyrtl.Block) -> None:
        self._block = block
        self._nets = frozenset(block.logic)
        self._wires = frozenset(block.wirevector_set)

    def check(self) -> None:
        """By number, which is quick: once in every call of the simulation.

        Raises:
            pyrtl.PyrtlError: nets or wires came or went; with the names of the wires.
        """
        block = self._block
        if len(block.logic) != len(self._nets) or len(block.wirevector_set) != len(self._wires):
            raise pyrtl.PyrtlError(
                f"the block was changed after it was compiled ({', '.join(self._list_changes())}): "
                "a new NativeSimulation sees the change"
            )

    def _list_changes(self) -> list[str]:
        nets = self._nets.symmetric_difference(self._block.logic)
        wires = set(self._wires.symmetric_difference(self._block.wirevector_set))
        wires.update(wire for net in nets for wire in (net.dests or net.args))
        return [wire.name for wire in sort_wires(wires)]
