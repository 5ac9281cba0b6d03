"""Wave forms: the window around a cycle, at the right place."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pyrtl
import pytest

import fastcar.cosim.wave
from fastcar.cosim.engine import AcceleratorEngine, LayerRun
from fastcar.cosim.wave import print_vcd, write_wave
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.config import TINY
from tests.cosim.interpreted_backend import InterpretedBackend
from tests.cosim.tiny_model import make_model, make_request

LIMIT_CYCLES = 10_000


def make_run(keeps_memory: bool = True) -> LayerRun:
    engine = AcceleratorEngine(
        make_model(TINY), InterpretedBackend(TINY), keeps_memory=keeps_memory
    )
    engine.reset(2, 1)
    rng = np.random.default_rng(0)
    engine.run_layer(0, make_request(TINY, rng, DecisionSource.SCORE, 2, 0, 1))
    assert engine.last_run is not None
    return engine.last_run


def read_cycles(path: Path) -> list[int]:
    """Values of the wire `cycle` in every step, behind the initial one."""
    return read_values(path, "cycle")[1:]


def read_values(path: Path, wire: str) -> list[int]:
    """Values of a wire, one for each change."""
    text = path.read_text()
    found = re.search(rf"\$var wire \d+ (\S+) {wire} \$end", text)
    assert found is not None
    values = re.findall(rf"^b([01]+) {re.escape(found[1])}$", text, re.M)
    return [int(value, 2) for value in values]


def test_the_window_lies_around_the_cycle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fastcar.cosim.wave, "WINDOW_CYCLES", 3)
    write_wave(tmp_path / "wave.vcd", TINY, make_run(), LIMIT_CYCLES, cycle=20)
    assert read_cycles(tmp_path / "wave.vcd") == list(range(17, 24))


def test_the_whole_run_ends_with_its_number_of_cycles(tmp_path: Path) -> None:
    run = make_run()
    write_wave(tmp_path / "wave.vcd", TINY, run, LIMIT_CYCLES)
    assert read_cycles(tmp_path / "wave.vcd") == [0, 0, *range(run.result.cycles + 1)]


def test_the_run_is_shown_on_the_memory_as_it_was(tmp_path: Path) -> None:
    """Scores come from the memory, and the wave form shows them."""
    run = make_run()
    write_wave(tmp_path / "wave.vcd", TINY, run, LIMIT_CYCLES)
    shown = set(read_values(tmp_path / "wave.vcd", "decision_score"))
    scores = {one.score % (1 << 48) for one in run.result.decisions}
    assert len(scores) > 1
    assert scores <= shown


def test_a_run_that_does_not_end_is_shown_as_well(tmp_path: Path) -> None:
    write_wave(tmp_path / "wave.vcd", TINY, make_run(), 30)
    assert read_cycles(tmp_path / "wave.vcd") == [0, 0, *range(29)]


def test_the_file_is_the_one_that_pyrtl_writes() -> None:
    block = pyrtl.Block()
    with pyrtl.set_working_block(block, no_sanity_check=True):
        widths = {"core10_q": 3, "core2_q": 70, "core2": 1, "b": 4}
        for name, width in widths.items():
            port = pyrtl.Output(width, name)
            port <<= pyrtl.Input(width, f"in_{name}")
    trace = pyrtl.SimulationTrace(sorted(block.wirevector_subset(), key=str), block=block)
    simulation = pyrtl.FastSimulation(tracer=trace, block=block)
    for value in (0, 5, 5, (1 << 70) - 1):
        simulation.step({f"in_{name}": value % (1 << width) for name, width in widths.items()})
    wanted, found = io.StringIO(), io.StringIO()
    trace.print_vcd(wanted)
    print_vcd(trace, found)
    assert found.getvalue() == wanted.getvalue()


def test_without_the_memory_of_before_it_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^memory_before = None: must be kept by the engine$"):
        write_wave(tmp_path / "wave.vcd", TINY, make_run(keeps_memory=False), LIMIT_CYCLES)
