"""Memories in which a read that meets a write finds the complement, for this read only.

Block RAM does not say what such a read finds: whatever passes its tests with poisoned memories uses
none of them.
"""

from __future__ import annotations

import pyrtl


def poison_collisions(block: pyrtl.Block, endings: tuple[str, ...] = ("",)) -> int:
    """Invert what a memory reads where it is written in the same cycle; gives the number of reads.

    Args:
        block: is changed.
        endings: of the names of the memories; read-only ones are left as they are.
    """
    writes = {net.op_param[0]: net for net in block.logic_subset("@")}
    reads = [
        net
        for net in block.logic_subset("m")
        if net.op_param[0] in writes and net.op_param[1].name.endswith(endings)
    ]
    with pyrtl.set_working_block(block, no_sanity_check=True):
        for net in reads:
            address, (found,) = net.args[0], net.dests
            written, _, enable = writes[net.op_param[0]].args
            raw = pyrtl.WireVector(len(found))
            block.logic.remove(net)
            block.add_net(pyrtl.LogicNet("m", net.op_param, (address,), (raw,)))
            found <<= pyrtl.select(enable & (address == written), ~raw, raw)
    return len(reads)
