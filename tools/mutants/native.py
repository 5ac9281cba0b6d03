"""Planted bugs of the native simulation of PyRTL blocks."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

TEST_EQUAL = (
    "tests/cosim/native/test_simulation.py"
    "::test_every_wire_and_word_is_that_of_pyrtl_in_every_cycle",
)
TEST_SIMULATION = ("tests/cosim/native/test_simulation.py",)
TEST_CODE = ("tests/cosim/native/test_machine_code.py",)


def _bug(
    stem: str, name: str, old: str, new: str, tests: tuple[str, ...] = TEST_SIMULATION
) -> Mutant:
    """A mutant of a file of `cosim/native/`."""
    return Mutant(f"native: {name}", f"cosim/native/{stem}.py", old, new, tests)


NATIVE_MUTANTS = (
    _bug(
        "nets",
        "comparison is signed",
        '_emit_comparison("ult")',
        '_emit_comparison("slt")',
        TEST_EQUAL,
    ),
    _bug(
        "nets",
        "repeated bits are zeros above the first",
        'f"sext {code.fit(moved, 1).typed}',
        'f"zext {code.fit(moved, 1).typed}',
        TEST_EQUAL,
    ),
    _bug(
        "cycle",
        "a register latches from one that latched before",
        "value = self.get(source) if is_constant else",
        "value = self.get(source) if is_constant else self._load(source) or",
    ),
    _bug(
        "groups",
        "a wire does not reach the next group",
        "if origins.get(wire, index) != index",
        "if origins.get(wire, index) > index",
    ),
    _bug(
        "cycle",
        "two ports conflict at any address",
        'is_same_place = self.code.compare("eq", address, address_b)',
        'is_same_place = self.code.compare("eq", address, address)',
    ),
    _bug(
        "simulation",
        "a refused cycle counts",
        "self.num_cycles += num_begun - is_refused",
        "self.num_cycles += num_begun",
    ),
    _bug(
        "machine_code",
        "code of something else is used",
        "if content[: len(key)] != key:",
        "if len(content) < len(key):",
        TEST_CODE,
    ),
    _bug(
        "netlist",
        "the order of nets is that of a set",
        "wires = sort_wires(drivers)",
        "wires = list({str(wire.name): wire for wire in set(drivers)}.values())",
        TEST_CODE,
    ),
)
