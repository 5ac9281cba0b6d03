"""What stands around the accelerator, as machine code: driver, memory, records, watchdog.

One call of Python for each cycle costs more than the cycle of a design, so the loop is compiled by
Numba, around the machine code of `fastcar.cosim.native`. Each part is the twin of one in Python,
which is its specification; tests run both on the same seeds and compare every pin in every cycle.

| here | its specification |
| --- | --- |
| `twister.py` | `random.Random` |
| `channel.py` | `fastcar.cosim.backends.memory_model.MemoryChannel` |
| `driver.py` | `fastcar.cosim.backends.backend.InstructionDriver` |
| `loop.py` | `fastcar.cosim.backends.pyrtl_backend`: order of a cycle, records, end |

`state.py` has what they work on, as arrays; `recording.py` says which of its words a wave form is
made of; `refusals.py` says in the words of the specification why a run was ended.
"""
