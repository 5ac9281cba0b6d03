"""Any PyRTL block as machine code: a simulator that pip alone installs, without a C compiler.

    from fastcar.cosim.native import NativeSimulation
    simulation = NativeSimulation(tracer=None)      # of the working block, as pyrtl.Simulation
    simulation.step({"a": 1, "b": 2})
    simulation.run(1_000_000)                       # inputs held, in machine code

How a block becomes machine code, one file a step:

1. `netlist.py`: PyRTL checks the block; the nets are put in an order in which every wire is
   computed before it is used, the same in every process, and a combinational loop is refused.
2. `layout.py`: every value gets a place. Inputs, registers and the wires that are kept for
   `inspect` and for the tracer lie in 64-bit words; a word of a memory takes 1, 2, 4 or 8 bytes, or
   a multiple of 8.
3. `nets.py`: each net becomes a few instructions of LLVM IR. A wire is a row of limbs of 64 bits
   (`values.py`), whose bits are cut and joined by `bits.py`; `arithmetic.py` has carries, products
   and comparisons.
4. `groups.py`, `cycle.py`: the functions of one cycle and the loop around it, as text. Groups of
   nets read registers, inputs and memories as they were and store the kept wires, those among
   them that later groups need. Registers have two places: what they become goes to the other one,
   and the two change their parts at the end of the cycle, which also writes memories; so the order
   of the stores does not matter.
   Large designs are parted by what nets depend on (`sources.py`, `partition.py`), and a group is
   left out in a cycle in which none of it changed (`skipping.py`).
5. `machine_code.py`: llvmlite optimises and compiles the text for this processor; the code is kept
   in the user's cache under a digest of the text, and no wire has its name in the text, so the same
   design is found again whatever the counters of PyRTL's temporary names say.
6. `contents.py`: what registers, memories and read-only memories hold before the first cycle;
   `machine.py` puts it where the code works on it, `state.py` reads and writes it; `binding.py`
   tells loops that are compiled themselves where everything is.
7. `simulation.py`: what the user calls. It checks inputs, calls the machine code and reads wires.

The code returns early for three events, each with its kind: an assertion (`pyrtl.rtl_assert`) is
false, two ports write different words to one address (D-43), or a read-only memory is read where it
has no data. Python then finds out which, from wires that are kept for it, and raises.

The result is equal to `pyrtl.Simulation`, bit for bit, in every wire and cycle: the tests draw
blocks of all nets with widths up to 300 and compare. docs/native_simulation.md says how fast, and
what it does not do.
"""

from fastcar.cosim.native.simulation import NativeSimulation

__all__ = ["NativeSimulation"]
