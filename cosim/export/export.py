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
from fastcar.cosim.export.recording import Recording, record_shares
from fastcar.cosim.export.request import (
    ExportRequest,
    choose_slots,
    get_model_sizes,
    get_sizes,
)
from fastcar.cosim.export.scene import (
    Scene,
    make_random_decoder_scene,
    make_random_scene,
    make_row_scene,
)
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.testbench import (
    make_testbench,
)
from fastcar.cosim.export.token_recording import record_tokens
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
    name, config = request.make_config(shown.config)
    scene = _make_scene(request, config, shown, is_given=model is not None)
    recordings = dict(zip(Share, _record(request, config, scene), strict=True))
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


def _make_scene(
    request: ExportRequest, config: AcceleratorConfig, model: ClipModel, *, is_given: bool
) -> Scene:
    """Rows of a model of these sizes, or random ones if none was given."""
    sizes, wanted = get_model_sizes(model.config, config), get_sizes(config)
    if sizes == wanted:
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


def _read_specification() -> str:
    page = resources.files("fastcar.docs") / SPECIFICATION_FILE
    return page.read_text(encoding="utf-8")
