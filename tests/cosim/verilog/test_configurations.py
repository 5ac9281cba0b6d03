"""Every accelerator that can be made is legal: slang, Verilator and Icarus have nothing to say.

The control proofs are about the text of `export_verilog`, and only Yosys reads what the others
refuse: a configuration that one of them refuses would be proven and never simulated.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.backends.verilator_build import find_verilator, run_build_tool
from fastcar.cosim.verilog.verilog import (
    MODULE_NAME,
    VERILOG_FILE,
    WAIVER_FILE,
    export_verilog,
    make_waivers,
)
from fastcar.cosim.verilog.verilog_lines import MAX_LINE_CHARACTERS
from fastcar.proofs.formal.control import export_once
from fastcar.proofs.formal.registry import get_task, list_tasks
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.channel import NUM_BEATS_BITS
from fastcar.rtl.config import (
    MAX_CORES,
    MAX_LANES,
    MAX_QUEUE_DEPTH,
    MAX_SLOTS,
    MIN_LANES,
    TINY,
    TINY_DECODER,
    AcceleratorConfig,
)
from fastcar.strategies import accelerator_configs
from tests.examples import examples
from tests.simulators import HAS_ICARUS, HAS_VERILATOR, needs_icarus, needs_slang, needs_verilator

MINIMA = AcceleratorConfig(1, MIN_LANES, 1, 1, 1, 1, 2)
LARGEST_SIZE = 127 * MIN_LANES
"""Of a vector: 127 words of 4 lanes; one word more and a product has too many beats (O-17)."""
MAXIMA = AcceleratorConfig(
    MAX_CORES, MIN_LANES, MAX_SLOTS, LARGEST_SIZE, LARGEST_SIZE, LARGEST_SIZE, MAX_QUEUE_DEPTH
)
"""All but the lanes: beats of a product are the square of the words times the lanes."""
SMALL = {
    "all minima": MINIMA,
    "two queued instructions": replace(TINY, num_cores=1, queue_depth=2),
    "vectors of one word": AcceleratorConfig(1, 16, 4, 16, 16, 16),
    "one long vector": AcceleratorConfig(1, MIN_LANES, 3, 1, LARGEST_SIZE, 1, MAX_QUEUE_DEPTH),
    "more cores than slots": AcceleratorConfig(3, MIN_LANES, 1, 5, 1, 9, 4),
    "least attention": AcceleratorConfig(1, MIN_LANES, 1, 1, 1, 8, 2, AttentionConfig(1, 1, 8, 1)),
}
LARGE = {
    "all maxima": MAXIMA,
    "most lanes": replace(MINIMA, num_lanes=MAX_LANES),
    "attention of most lanes": AcceleratorConfig(
        1, 32, 3, 40, 33, 64, 4, AttentionConfig(2, 1, 32, 3)
    ),
    "most query heads": AcceleratorConfig(
        1, MIN_LANES, 2, 8, 12, 480, 2, AttentionConfig(60, 1, 8, 2)
    ),
}
EXTREMES = [
    *(pytest.param(config, id=name) for name, config in SMALL.items()),
    *(pytest.param(one, id=name, marks=pytest.mark.nightly) for name, one in LARGE.items()),
]


@st.composite
def draw_config(draw: st.DrawFn) -> AcceleratorConfig:
    """Any that can be made, mostly with few cores and lanes: time is linear in both."""
    log2_lanes = draw(st.integers(2, 5))
    most_words = int(((1 << NUM_BEATS_BITS) - 1 >> log2_lanes) ** 0.5)
    words = st.one_of(st.integers(1, 4), st.integers(1, most_words))
    hidden, inner, query = (
        (draw(words) << log2_lanes) - draw(st.integers(0, (1 << log2_lanes) - 1)) for _ in range(3)
    )
    return AcceleratorConfig(
        draw(st.integers(1, 4)),
        1 << log2_lanes,
        draw(st.one_of(st.integers(1, 4), st.integers(1, MAX_SLOTS))),
        hidden,
        inner,
        query,
        1 << draw(st.integers(1, MAX_QUEUE_DEPTH.bit_length() - 1)),
    )


def complain(text: str) -> list[str]:
    """What slang says about a text."""
    from pyslang import ast, syntax

    compilation = ast.Compilation()
    compilation.addSyntaxTree(syntax.SyntaxTree.fromText(text))
    return [str(one.code) for one in compilation.getAllDiagnostics()]


def check_lines(text: str) -> None:
    assert max(map(len, text.split("\n"))) <= MAX_LINE_CHARACTERS


def check_with_programs(text: str, folder: Path) -> None:
    """Verilator and Icarus, where they are installed, say nothing."""
    (folder / VERILOG_FILE).write_text(text, encoding="utf-8")
    (folder / WAIVER_FILE).write_text(make_waivers(), encoding="utf-8")
    if HAS_VERILATOR:
        options = ["--lint-only", "-Wall", "--top-module", MODULE_NAME]
        run_build_tool([*find_verilator(), *options, WAIVER_FILE, VERILOG_FILE], folder)
    if HAS_ICARUS:
        command = ["iverilog", "-g2012", "-Wall", "-t", "null", VERILOG_FILE]
        assert run_build_tool(command, folder) == ""


@needs_slang
@examples(day=4, night=200)
@given(draw_config())
def test_slang_takes_every_configuration(config: AcceleratorConfig) -> None:
    text = export_verilog(config).text
    assert complain(text) == []
    check_lines(text)


@needs_slang
@examples(day=2, night=100)
@given(accelerator_configs(has_attention=True, max_cores=2))
def test_slang_takes_attention_of_every_size(config: AcceleratorConfig) -> None:
    text = export_verilog(config).text
    assert complain(text) == []
    check_lines(text)


@pytest.mark.nightly
@needs_icarus
@needs_verilator
@examples(day=4, night=200)
@given(config=draw_config() | accelerator_configs(has_attention=True, max_cores=2, max_lanes=32))
def test_simulators_take_every_configuration(
    config: AcceleratorConfig, tmp_path_factory: pytest.TempPathFactory
) -> None:
    check_with_programs(export_verilog(config).text, tmp_path_factory.mktemp("lint"))


@needs_slang
@pytest.mark.parametrize("config", EXTREMES)
def test_slang_takes_the_extremes(config: AcceleratorConfig) -> None:
    text = export_verilog(config).text
    assert complain(text) == []
    check_lines(text)


@pytest.mark.parametrize("config", EXTREMES)
def test_simulators_take_the_extremes(config: AcceleratorConfig, tmp_path: Path) -> None:
    check_with_programs(export_verilog(config).text, tmp_path)


CONTROLS = [*SMALL.values(), TINY, pytest.param(TINY_DECODER, marks=pytest.mark.slow)]


@pytest.mark.parametrize("config", CONTROLS)
def test_control_is_proven_of_the_exported_text(config: AcceleratorConfig) -> None:
    assert export_once(config) == export_verilog(config).text


@pytest.mark.slow
@needs_slang
@pytest.mark.parametrize("name", [task.name for task in list_tasks() if task.is_quick])
def test_slang_takes_what_is_proven(name: str) -> None:
    assert complain(get_task(name).make_design()) == []


@needs_slang
def test_slang_finds_a_bit_of_a_scalar() -> None:
    text = "module scalar(input wire a, output wire b);\n    assign b = a[0];\nendmodule\n"
    assert complain(text) == ["DiagCode(CannotIndexScalar)"]
