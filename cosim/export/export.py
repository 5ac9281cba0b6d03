"""The exported package: Verilog and its specification, testbenches, waivers, FuseSoC core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fastcar.cosim.export.cocotb_export import make_cocotb_files
from fastcar.cosim.export.component import make_component
from fastcar.cosim.export.constraints import make_lpf, make_xdc
from fastcar.cosim.export.core_file import make_core_file
from fastcar.cosim.export.diagram import draw_units
from fastcar.cosim.export.integration import DIAGRAM_FILE, UNITS_FILE
from fastcar.cosim.export.license import LICENSE_FILE, LICENSE_TEXT, tag
from fastcar.cosim.export.memory_page import MEMORY_PAGE, make_memory_page
from fastcar.cosim.export.names import PackageNames
from fastcar.cosim.export.net_map import format_nets, list_nets
from fastcar.cosim.export.pages import SPECIFICATION_FILE, copy_page
from fastcar.cosim.export.readme import (
    DATA_SUFFIX,
    LISTING_FILE,
    README_FILE,
    make_readme,
)
from fastcar.cosim.export.recording import Recording, record_shares
from fastcar.cosim.export.request import ExportRequest, choose_slots
from fastcar.cosim.export.scene import (
    Scene,
    make_random_decoder_scene,
    make_random_scene,
    make_row_scene,
)
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.sizes import (
    CUSTOM,
    choose_config,
    get_model_sizes,
    get_sizes,
    name_sizes,
)
from fastcar.cosim.export.testbench import make_testbench
from fastcar.cosim.export.token_recording import record_tokens
from fastcar.cosim.export.units_page import make_units_page
from fastcar.cosim.program.assembler import disassemble
from fastcar.cosim.verilog.owners import trace_owners
from fastcar.cosim.verilog.verilog import VerilogDesign, export_verilog, make_waivers
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.model import load_video_model
from fastcar.rtl.config import AcceleratorConfig


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

    Where the accelerator has an attention phase the testbench runs whole tokens of all layers,
    otherwise one layer of one token.

    Args:
        request: what to export.
        model: whose sizes and rows count; None = the shipped one, and random tokens of a random
            model where a preset has other sizes.

    Raises:
        ArgumentError: sizes that there are not, a preset that has not the model's, a slot or layer
            that the model does not have, a context that the score buffer does not hold.
    """
    shown = load_video_model() if model is None else model
    if model is not None and request.given_sizes is not None:
        limit = f"left out: the sizes are those of {model.name}"
        raise ArgumentError("hidden_size", request.hidden_size, limit)
    name, config = choose_config(request, shown)
    scene = _make_scene(request, config, shown, is_given=model is not None)
    recordings = dict(zip(Share, _record(request, config, scene), strict=True))
    names = PackageNames(name_sizes(config) if name == CUSTOM else name, request.module_name)
    block, owners = trace_owners(config)
    design = export_verilog(config, block, names.module)
    bench = make_testbench(recordings[Share.HALF], design.ports, names.module)
    nets = list_nets(block, owners)
    files = {
        **_make_pages(names, recordings[Share.HALF]),
        **_make_design_files(names, design, bench),
        names.nets_file: format_nets(nets),
        UNITS_FILE: make_units_page(nets),
        DIAGRAM_FILE: draw_units(block, owners),
        **bench,
        **make_cocotb_files(recordings, design.ports, names.module),
    }
    return ExportPackage(name, design, recordings[Share.HALF], files)


def _make_pages(names: PackageNames, recording: Recording) -> dict[str, str]:
    """What is there to be read, README.md first."""
    assert recording.memory_map is not None, "who records knows where everything lies"
    return {
        README_FILE: make_readme(names, recording),
        LICENSE_FILE: LICENSE_TEXT,
        SPECIFICATION_FILE: copy_page(SPECIFICATION_FILE),
        MEMORY_PAGE: make_memory_page(recording.memory_map),
        LISTING_FILE: tag(disassemble(recording.program), "#"),
    }


def _make_design_files(
    names: PackageNames, design: VerilogDesign, bench: Mapping[str, str]
) -> dict[str, str]:
    """The module, and what goes with it into a design."""
    return {
        names.core_file: make_core_file(names, (one for one in bench if one.endswith(DATA_SUFFIX))),
        names.verilog_file: design.text,
        names.waiver_file: make_waivers(names.module),
        names.component_file: make_component(names.module, design.ports),
        names.xdc_file: make_xdc(),
        names.lpf_file: make_lpf(),
    }


def _make_scene(
    request: ExportRequest, config: AcceleratorConfig, model: ClipModel, *, is_given: bool
) -> Scene:
    """Rows of a model of these sizes, or random ones if none was given."""
    sizes, wanted = get_model_sizes(model.config, config), get_sizes(config)
    if sizes == wanted and request.given_sizes is None:
        num_rows = len(model.load_rows("held_out"))
        return make_row_scene(model, choose_slots(request, config, num_rows))
    if is_given:
        names = ", ".join(wanted)
        found, right = ((*one.values(),) for one in (sizes, wanted))
        limit = f"left out: {names} of {model.name} are {found}, of the preset {right}"
        raise ArgumentError("preset", request.preset, limit)
    make_scene = make_random_scene if config.attention is None else make_random_decoder_scene
    return make_scene(config, choose_slots(request, config, config.num_slots), request.seed)


def _record(request: ExportRequest, config: AcceleratorConfig, scene: Scene) -> list[Recording]:
    """The same tokens, or layer, for every share."""
    shares, latency = list(Share), request.latency_cycles
    if config.attention is not None:
        return record_tokens(config, scene, request.source, latency, shares)
    layer_index = request.layer_index or 0
    return record_shares(config, scene, request.source, layer_index, latency, shares)
