"""The exported package: Verilog and its specification, testbenches, waivers, FuseSoC core."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from fastcar.cosim.export.cocotb_export import (
    make_cocotb_files,
)
from fastcar.cosim.export.readme import (
    CORE_FILE,
    DATA_SUFFIX,
    README_FILE,
    SPECIFICATION_FILE,
    make_core_file,
    make_readme,
)
from fastcar.cosim.export.recording import Recording, Share, record_shares
from fastcar.cosim.export.request import ExportRequest, choose_slots, get_sizes
from fastcar.cosim.export.scene import make_random_scene, make_row_scene
from fastcar.cosim.export.testbench import (
    make_testbench,
)
from fastcar.cosim.request import (
    get_query_size,
)
from fastcar.cosim.verilog.verilog import (
    VERILOG_FILE,
    WAIVER_FILE,
    VerilogDesign,
    export_verilog,
    make_waivers,
)
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import load_video_model


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


def _read_specification() -> str:
    page = resources.files("fastcar.docs") / SPECIFICATION_FILE
    return page.read_text(encoding="utf-8")
