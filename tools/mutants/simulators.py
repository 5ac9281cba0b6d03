"""Planted bugs of the comparison of simulators and of the exported cocotb tests."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

PIN_TRACE, STIMULUS = "cosim/crosscheck/pin_trace.py", "cosim/crosscheck/stimulus.py"
PROGRAM, PLAYBACK = "cosim/program/random_program.py", "cosim/crosscheck/playback.py"
COMPILED, BENCH = (
    "cosim/crosscheck/playback_compiled.py",
    "cosim/export/cocotb_bench/fastcar_cocotb.py",
)
EXPORT, SHARE = "cosim/export/cocotb_export.py", "cosim/export/share.py"

TEST_VERILOG = "tests/cosim/verilog/test_verilog"
TEST_TRACE = ("tests/cosim/crosscheck/test_pin_trace.py",)
TEST_STIMULUS = ("tests/cosim/crosscheck/test_stimulus.py",)
TEST_PROGRAM = ("tests/cosim/program/test_random_program.py",)
TEST_SIMULATORS = ("tests/cosim/crosscheck/test_playback.py",)
TEST_COCOTB = ("tests/cocotb/test_cocotb_bench.py",)

SIMULATOR_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "simulators: Verilog: an operand of a wider sum is written inside of it",
        "cosim/verilog/operands.py",
        "and len(wire) < widths.get(result.name, len(result))",
        "and len(wire) > widths.get(result.name, len(result))",
        (f"{TEST_VERILOG}.py::test_an_operand_of_a_wider_sum_is_declared_and_keeps_its_name",),
    ),
    Mutant(
        "simulators: Verilog: an operand that is passed on is written inside of a sum",
        "cosim/verilog/operands.py",
        'net.op == "w"\n',
        "False\n",
        ("tests/cosim/verilog/test_operands.py::test_the_export_means_what_the_block_means",),
    ),
    Mutant(
        "simulators: Verilog: no operand is refused",
        "cosim/verilog/operands.py",
        "if len(wire) < num_bits and",
        "if len(wire) > num_bits and",
        ("tests/cosim/verilog/test_operands.py",),
    ),
    Mutant(
        "simulators: Verilog: a scratchpad asks for no block RAM",
        "cosim/verilog/memories.py",
        """MemoryKind.SCRATCHPAD: '(* ram_style""",
        """MemoryKind.QUEUE: '(* ram_style""",
        ("tests/cosim/verilog/test_memories.py",),
    ),
    Mutant(
        "simulators: Verilog: a long index has no place to break",
        "cosim/verilog/verilog_lines.py",
        "while len(part) > MAX_LINE_CHARACTERS and",
        "while len(part) > 2 * MAX_LINE_CHARACTERS and",
        (f"{TEST_VERILOG}_lines.py::test_an_index_with_a_name_has_a_place_to_break",),
    ),
    Mutant(
        "simulators: pin trace: a payload counts where its valid is 0",
        PIN_TRACE,
        'counts = place is None or expected[place] == "1"',
        'counts = place is None or expected[place] == "0"',
        TEST_TRACE,
    ),
    Mutant(
        "simulators: pin trace: the first cycle is left out",
        PIN_TRACE,
        "for cycle in range(stimulus.first_compared, num_cycles):",
        "for cycle in range(stimulus.first_compared + 1, num_cycles):",
        TEST_TRACE,
    ),
    Mutant(
        "simulators: pin trace: a digit too many",
        PIN_TRACE,
        "return -(-port.num_bits // 4)",
        "return port.num_bits // 4 + 1",
        TEST_TRACE,
    ),
    Mutant(
        "simulators: pin trace: no payload is compared",
        PIN_TRACE,
        'return None if match is None else f"{match[1]}_valid"',
        'return None if match is None else f"{match[1]}_ready"',
        TEST_TRACE,
    ),
    Mutant(
        "simulators: stimulus: no reset in mid-run",
        STIMULUS,
        "random.randint(1, 300) if is_cut else None",
        "None",
        TEST_STIMULUS,
    ),
    Mutant(
        "simulators: stimulus: errors are not counted and no reset follows",
        STIMULUS,
        'if self._get("error"):',
        'if self._get("error") > 1:',
        TEST_STIMULUS,
    ),
    Mutant(
        "simulators: random program: a matrix is read beyond the memory",
        PROGRAM,
        "rows * columns * self.config.num_lanes if",
        "rows * columns if",
        TEST_PROGRAM,
    ),
    Mutant(
        "simulators: random program: no faults",
        PROGRAM,
        "program[place] ^= 1 <<",
        "program[place] ^= 0 <<",
        TEST_PROGRAM,
    ),
    Mutant(
        "simulators: random program: STORE longer than its buffer",
        PROGRAM,
        "Opcode.STORE: (source,),",
        "Opcode.STORE: (Buffer.H,),",
        TEST_PROGRAM,
    ),
    Mutant(
        "simulators: playback: blocks get the inputs of the first cycle for ever",
        "cosim/crosscheck/playback_block.py",
        "parse_line(stimulus.inputs, line)",
        "parse_line(stimulus.inputs, stimulus.lines[0])",
        ("tests/cosim/crosscheck/test_playback.py::test_tiny_is_equal_in_simulators_of_the_block",),
    ),
    Mutant(
        "simulators: playback: the clock of Icarus stands still",
        PLAYBACK,
        "#1 clk = 1'b1;\n            #5",
        "#5",
        TEST_SIMULATORS,
    ),
    Mutant(
        "simulators: playback: the clock of Verilator stands still",
        COMPILED,
        "model.top.clk = clk;",
        "model.top.clk = true;",
        TEST_SIMULATORS,
    ),
    Mutant(
        "simulators: playback: the clock of CXXRTL stands still",
        COMPILED,
        "p_clk.set<bool>(clk);",
        "p_clk.set<bool>(true);",
        TEST_SIMULATORS,
    ),
    Mutant(
        "simulators: cocotb: the names of the dense and the replayed layer swapped",
        EXPORT,
        'Share.NONE: "dense_", Share.ALL: "replay_"',
        'Share.NONE: "replay_", Share.ALL: "dense_"',
        TEST_COCOTB,
    ),
    Mutant(
        "simulators: recording: thresholds of the dense and the replayed layer swapped",
        SHARE,
        "if source is DecisionSource.SCORE else (below, above)",
        "if source is DecisionSource.DISTANCE else (below, above)",
        TEST_COCOTB,
    ),
    Mutant(
        "simulators: cocotb: digests are not compared",
        BENCH,
        '("core", "digest", TOKEN) if name in record',
        '("core", TOKEN) if name in record',
        TEST_COCOTB,
    ),
    Mutant(
        "simulators: cocotb: the error of an illegal opcode is not looked at",
        BENCH,
        "assert dut.error.value == 1",
        "assert dut.done.value == 1",
        TEST_COCOTB,
    ),
)
"""Every planted bug."""
