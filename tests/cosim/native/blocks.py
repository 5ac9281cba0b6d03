"""Small blocks with names that the tests know."""

from __future__ import annotations

import pyrtl


def make_accumulator(reset_value: int = 0, is_asserted: bool = False) -> pyrtl.Block:
    """Register `sum` takes the sum of itself and input `add`, or 0 if input `clear` is 1."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        add, clear = pyrtl.Input(8, "add"), pyrtl.Input(1, "clear")
        total = pyrtl.Register(16, "sum", reset_value=reset_value)
        total.next <<= pyrtl.select(clear, 0, total + add)
        if is_asserted:
            pyrtl.rtl_assert(total < 100, OverflowError("sum above 99"), block)
    return block


def make_two_port_memory() -> tuple[pyrtl.Block, pyrtl.MemBlock]:
    """Memory `words` of 4 words with two write ports; output `read` is at `address0`."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        memory = pyrtl.MemBlock(8, 2, "words", max_write_ports=2)
        for port in range(2):
            address, word = pyrtl.Input(2, f"address{port}"), pyrtl.Input(8, f"word{port}")
            enable = pyrtl.Input(1, f"enable{port}")
            memory[address] <<= pyrtl.MemBlock.EnabledWrite(word, enable)
            if port == 0:
                read = pyrtl.Output(8, "read")
                read <<= memory[address]
    return block, memory


def make_rom(data: object) -> tuple[pyrtl.Block, pyrtl.RomBlock]:
    """Read-only memory `table` of 4 words; output `word` is at input `address`."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block):
        rom = pyrtl.RomBlock(8, 2, data, "table")
        word = pyrtl.Output(8, "word")
        word <<= rom[pyrtl.Input(2, "address")]
    return block, rom
