"""What a wire of a netlist depends on within one cycle."""

from __future__ import annotations

import pyrtl


def find_combinational_inputs(block: pyrtl.Block, output: str) -> set[str]:
    """Names of the inputs that reach an output without a register in between."""
    sources, _ = block.net_connections()
    waiting = [block.get_wirevector_by_name(output)]
    seen = set(waiting)
    while waiting:
        net = sources.get(waiting.pop())
        if net is None or net.op == "r":
            continue
        fresh = [wire for wire in net.args if wire not in seen]
        seen.update(fresh)
        waiting += fresh
    return {wire.name for wire in seen if isinstance(wire, pyrtl.Input)}
