"""Planted bugs of the native simulation of PyRTL blocks."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

TEST_EQUAL = (
    "tests/cosim/native/test_simulation.py"
    "::test_every_wire_and_word_is_that_of_pyrtl_in_every_cycle",
)
TEST_ARITHMETIC = ("tests/cosim/native/test_arithmetic.py",)
TEST_SIMULATION = ("tests/cosim/native/test_simulation.py",)
TEST_SKIPPING = ("tests/cosim/native/test_skipping.py",)
TEST_LOOP = ("tests/cosim/backends/test_compiled_backends.py",)
TEST_CODE = ("tests/cosim/native/test_machine_code.py",)


def _bug(
    stem: str, name: str, old: str, new: str, tests: tuple[str, ...] = TEST_SIMULATION
) -> Mutant:
    """A mutant of a file of `cosim/native/`."""
    return Mutant(f"native: {name}", f"cosim/native/{stem}.py", old, new, tests)


def _loop_bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of a file of `cosim/backends/native_loop/`; one test must notice, or the file."""
    path = f"cosim/backends/native_loop/{stem}.py"
    tests = (f"{TEST_LOOP[0]}::{test}",) if test else TEST_LOOP
    return Mutant(f"native loop: {name}", path, old, new, tests)


_LOOP = (
    Mutant(
        "native loop: noise of whole words only",
        "cosim/backends/native_loop/twister.py",
        "word >>= _WORD_BITS - 8 * count",
        "pass",
        ("tests/cosim/backends/native_loop/test_twister.py",),
    ),
    _loop_bug(
        "channel",
        "an answer is due a cycle late",
        "channel.response_cycle = channel.cycle + state.run[0].latency_cycles",
        "channel.response_cycle = channel.cycle + state.run[0].latency_cycles + 1",
    ),
    _loop_bug(
        "channel",
        "all channels stall alike",
        "generator, stall = state.generators[1 + core]",
        "generator, stall = state.generators[1]",
    ),
    _loop_bug(
        "channel",
        "data that is held may change",
        "is_same = is_same and state.wires.kept_bytes[start + byte] == held[byte]",
        "is_same = is_same",
    ),
    _loop_bug(
        "channel",
        "errors of writes are those of reads",
        "_is_refused(address, state.write_errors, state.beats)",
        "_is_refused(address, state.read_errors, state.beats)",
    ),
    _loop_bug(
        "driver",
        "a gap is drawn while an instruction is offered",
        "if not run.is_offering and run.num_accepted < num_instructions:",
        "if run.num_accepted < num_instructions:",
    ),
    _loop_bug(
        "loop",
        "done tells of the run before",
        "if has_begun and state.wires.kept[places.done] != 0:",
        "if state.wires.kept[places.done] != 0:",
    ),
    _loop_bug(
        "loop",
        "a channel that is left open is not seen",
        "return _find_open(state)",
        "return _DONE",
    ),
    _loop_bug(
        "loop",
        "registers are recorded as they become",
        "place = 1 - wires.progress[1] if is_latched else wires.progress[1]",
        "place = wires.progress[1]",
        "test_every_back_end_records_the_same",
    ),
    _loop_bug(
        "loop",
        "the cycle of an event is not recorded",
        "        _record_cycle(state)\n        if event != 0:\n            return _EVENT\n",
        "        if event != 0:\n            return _EVENT\n        _record_cycle(state)\n",
        "test_the_cycle_of_a_false_assertion_is_recorded",
    ),
    _loop_bug(
        "refusals",
        "what is offered is what was held",
        "offered = tuple(payload) if valid else None",
        "offered = held if valid else None",
        "test_what_is_offered_is_kept_until_its_transfer",
    ),
)

_SKIPPING = (
    _bug(
        "sources",
        "what is read does not depend on what was written",
        'members = of_memory.get(net.op_param[1].id, 0) if net.op == "m" else 0',
        "members = 0",
        TEST_SKIPPING,
    ),
    _bug(
        "sources",
        "a net depends on its first operand alone",
        "for wire in net.args:",
        "for wire in net.args[:1]:",
        TEST_SKIPPING,
    ),
    _bug(
        "skipping",
        "one word of a source is looked at",
        "return range(start, start + count_words(source.bitwidth))",
        "return range(start, start + 1)",
        TEST_SKIPPING,
    ),
    _bug(
        "skipping",
        "a register that rests becomes what it was before",
        "  store <{LANES} x i64> %now{lane}, ptr %other_at{lane}, align {STARTS_BYTES}\n",
        "",
        TEST_SKIPPING,
    ),
    _bug(
        "cycle",
        "a refused cycle leaves nothing to compute anew",
        "%stale_after = sext i1 %is_refused to i64",
        "%stale_after = sext i1 false to i64",
        TEST_SKIPPING,
    ),
    _bug(
        "machine",
        "the first cycle leaves out what does not change",
        "Progress(is_stale=1)",
        "Progress()",
        TEST_SKIPPING,
    ),
    _bug(
        "machine",
        "a word that is assigned changes nothing",
        "self._progress.is_stale = 1",
        "self._progress.is_stale = 0",
        TEST_SKIPPING,
    ),
)

NATIVE_MUTANTS = (
    _bug(
        "arithmetic",
        "the lowest limbs are compared as signed",
        'result = code.compare("ult", left.limbs[0], right.limbs[0])',
        'result = code.compare("slt", left.limbs[0], right.limbs[0])',
        TEST_ARITHMETIC,
    ),
    _bug(
        "arithmetic",
        "a carry that comes from a carry is lost",
        'carry = code.binary("or", is_over, _is_over(code, verb, limbs[-1], first, whole))',
        "carry = is_over",
        TEST_ARITHMETIC,
    ),
    _bug(
        "arithmetic",
        "nothing is borrowed from the next limb",
        'return code.compare("ult", one, other)',
        'return code.compare("ult", one, one)',
        TEST_ARITHMETIC,
    ),
    _bug(
        "bits",
        "what reaches into the next limb is left out",
        "if limb.bits > spill and",
        "if limb.bits > LIMB_BITS and",
        TEST_ARITHMETIC,
    ),
    _bug(
        "nets",
        "copies of a bit extend whatever lies below",
        "elif parts and parts[-1][0] == arg.source:",
        "elif parts:",
        TEST_EQUAL,
    ),
    _bug(
        "values",
        "repeated bits are zeros above the first",
        'f"sext {limb.typed} to i{bits}"',
        'f"zext {limb.typed} to i{bits}"',
        TEST_EQUAL,
    ),
    _bug(
        "cycle",
        "a register latches from one that latched before",
        'self.store("latched", self.layout.registers, register, fitting)',
        'self.store("registers", self.layout.registers, register, fitting)',
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
        "is_equal(self.code, address, address_b),",
        "is_equal(self.code, address, address),",
    ),
    _bug(
        "cycle",
        "a refused cycle counts",
        "%latched_cycles = add i64 %before, %last",
        "%latched_cycles = add i64 %before, 1",
    ),
    _bug(
        "cycle",
        "a refused cycle latches",
        "%is_refused = icmp ugt i32 %found, {Event.ASSERTION.value}",
        "%is_refused = icmp ugt i32 %found, {Event.NO_DATA.value}",
    ),
    _bug(
        "machine",
        "a register shows what it latched",
        "int(self._progress.place) ^ is_latched",
        "int(self._progress.place)",
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
    *_SKIPPING,
    *_LOOP,
)
