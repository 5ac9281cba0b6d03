"""Write docs/signoff_simulators.json: five simulators compared at every pin, and cocotb's tests.

python -m tools.simulators               # all presets, about half an hour
python -m tools.simulators --quick       # tiny and few programs

The stimulus is recorded on the native simulator. PyRTL's plays it back, and all others are compared
with that; Verilator, Icarus Verilog and CXXRTL read the exported Verilog. Then the cocotb tests of
the exported folder run. Exit code 1 if a simulator differs anywhere or a test fails, or if one does
not notice the bug that is planted in the Verilog and, for the native one, in the PyRTL block.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyrtl

from fastcar.cosim.backends.pyrtl_backend import Simulator
from fastcar.cosim.crosscheck.pin_trace import (
    PinTrace,
    Stimulus,
    count_compared,
    count_mismatches,
    count_undefined,
    find_difference,
)
from fastcar.cosim.crosscheck.playback import IcarusPlayer, Player
from fastcar.cosim.crosscheck.playback_block import BlockPlayer
from fastcar.cosim.crosscheck.playback_compiled import CxxrtlPlayer, VerilatorPlayer
from fastcar.cosim.crosscheck.stimulus import Recorder, draw_jobs
from fastcar.cosim.verilog.verilog import VerilogDesign
from fastcar.cosim.verilog.verilog_lines import join_lines
from fastcar.output import check_writable, write_atomically
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.rtl.accelerator import make_accelerator
from fastcar.rtl.config import PRESETS
from tools.cocotb_runs import run_cocotb
from tools.paths import DOCS

Json = dict[str, Any]
REPORT = DOCS / "signoff_simulators.json"
NUM_PROGRAMS = {"tiny": 1000, "demo": 60, "tiny-decoder": 300, "demo-decoder": 20}
QUICK_PROGRAMS = {"tiny": 20}
COCOTB_RUNS = (
    ("tiny", "icarus"),
    ("tiny", "verilator"),
    ("demo", "icarus"),
    ("tiny-decoder", "icarus"),
)
QUICK_COCOTB_RUNS = (("tiny", "icarus"),)
"""Presets and simulators of the cocotb tests."""
PLANTED_PRESET = "tiny"
SEED = 1

PLAYERS: tuple[Callable[[VerilogDesign], Player], ...] = (
    lambda design: VerilatorPlayer(design.text, design.ports),
    lambda design: IcarusPlayer(design.text),
    lambda design: CxxrtlPlayer(design.text, design.ports),
)
_PRODUCT = re.compile(r"= \((.+_q\}?) \* (.+_q\}?)\);")
"""Of two registers: what a lane multiplies."""
_REGISTER = re.compile(r"\w+_q\b")


@dataclass(frozen=True)
class Run:
    """What one preset was run on.

    Attributes:
        recorder: with design and counts.
        stimulus: recorded.
        recorded: what the native simulator wrote.
        trace: what PyRTL's wrote: all others are compared with it.
    """

    recorder: Recorder
    stimulus: Stimulus
    recorded: PinTrace
    trace: PinTrace


def record(preset: str, num_programs: int, seed: int = SEED) -> Run:
    """Record a stimulus."""
    config = PRESETS[preset]
    recorder = Recorder(config, seed)
    stimulus, recorded = recorder.record(draw_jobs(config, seed, num_programs))
    trace = BlockPlayer(recorder.block, Simulator.FAST).play(stimulus)
    return Run(recorder, stimulus, recorded, trace)


def measure_preset(run: Run) -> Json:
    """All simulators on one stimulus."""
    recorder, num_cycles = run.recorder, len(run.stimulus.lines)
    simulators = [_describe(run, run.trace), _describe(run, run.recorded)]
    for make in PLAYERS:
        found = make(recorder.design).play(run.stimulus)
        simulators.append(_describe(run, found))
        show(f"  {found.simulator}: {simulators[-1]['mismatches']} mismatches")
    return {
        "cycles": num_cycles,
        "outputs": len(run.stimulus.outputs),
        "compared_values": count_compared(run.stimulus, run.trace),
        "programs": {
            "done": recorder.num_done,
            "error": recorder.num_errors,
            "reset": recorder.num_cut,
        },
        "decisions": recorder.num_decisions,
        "retirements": recorder.num_retires,
        "simulators": simulators,
    }


def _describe(run: Run, found: PinTrace) -> Json:
    difference = find_difference(run.stimulus, run.trace, found)
    return {
        "simulator": found.simulator,
        "cycles": len(found.lines),
        "cycles_per_second": round(len(found.lines) / max(found.seconds, 1e-6)),
        "mismatches": count_mismatches(run.stimulus, run.trace, found),
        "undefined": count_undefined(run.stimulus, run.trace, found),
        "first_difference": None if difference is None else str(difference),
    }


def plant_bug(verilog: str) -> tuple[str, str, str]:
    """The Verilog with one product of a lane too large by 1; also what was there, and what is."""
    verilog = join_lines(verilog)
    match = _PRODUCT.search(verilog)
    if match is None:
        raise ArgumentError("verilog", f"{len(verilog)} characters", "a module with products")
    changed = f"= ({match[1]} * {match[2]} + 1'b1);"
    text = f"{verilog[: match.start()]}{changed}{verilog[match.end() :]}"
    return text, match[0], changed


def plant_block_bug(block: pyrtl.Block, before: str) -> None:
    """The same bug in the hardware itself.

    Args:
        block: the accelerator.
        before: the product in its Verilog.
    """
    wanted = set(_REGISTER.findall(before))
    sources = {wire.name: net for net in block.logic for wire in net.dests}

    def find_register(wire: pyrtl.WireVector) -> str:
        """The lowest bits of what is extended."""
        while not isinstance(wire, pyrtl.Register):
            wire = sources[wire.name].args[-1]
        return str(wire.name)

    for net in block.logic_subset("*"):
        if {find_register(wire) for wire in net.args if wire.name in sources} == wanted:
            break
    else:
        raise ArgumentError("block", sorted(wanted), "a module with this product")
    (result,) = net.dests
    block.logic.remove(net)
    with pyrtl.set_working_block(block, no_sanity_check=True):
        product = pyrtl.WireVector(len(result))
        block.add_net(pyrtl.LogicNet("*", None, net.args, (product,)))
        result <<= (product + 1).truncate(len(result))


def measure_planted(run: Run) -> Json:
    """Where every simulator but PyRTL's own shows a planted bug."""
    design = run.recorder.design
    text, before, after = plant_bug(design.text)
    broken = VerilogDesign(design.config, text, design.ports, design.assertions)
    block = make_accelerator(design.config)
    plant_block_bug(block, before)
    players: list[Player] = [BlockPlayer(block, Simulator.NATIVE)]
    players += [make(broken) for make in PLAYERS]
    found = [_describe(run, player.play(run.stimulus)) for player in players]
    cocotb = run_cocotb(PLANTED_PRESET, "icarus", text)
    return {"before": before, "after": after, "simulators": found, "cocotb": cocotb}


def is_good(report: Json) -> bool:
    """No mismatch and no failure on the exported Verilog, at least one each with the bug."""
    measured = [one for preset in report["presets"].values() for one in preset["simulators"]]
    planted = report["planted"]
    return (
        all(one["mismatches"] == 0 for one in measured)
        and all(one["exit_code"] == 0 and one["passed"] for one in report["cocotb"])
        and all(one["mismatches"] > 0 for one in planted["simulators"])
        and planted["cocotb"]["exit_code"] != 0
    )


def measure(num_programs: dict[str, int], cocotb_runs: Sequence[tuple[str, str]]) -> Json:
    """The whole report."""
    report: Json = {"seed": SEED, "presets": {}}
    for preset, count in num_programs.items():
        run = record(preset, count)
        show(f"{preset}: {len(run.stimulus.lines)} cycles recorded")
        report["presets"][preset] = measure_preset(run)
    report["cocotb"] = []
    for preset, simulator in cocotb_runs:
        run_of_tests = run_cocotb(preset, simulator)
        show(f"cocotb, {preset}, {simulator}: {run_of_tests['passed']} tests passed")
        report["cocotb"].append(run_of_tests)
    planted = record(PLANTED_PRESET, QUICK_PROGRAMS[PLANTED_PRESET])
    report["planted"] = {"preset": PLANTED_PRESET, **measure_planted(planted)}
    return report


def show(line: str) -> None:
    """A line of progress."""
    print(line, flush=True)


def main(arguments: list[str]) -> int:
    """Exit code 0 if everything is equal and the bug is found; 2 if a tool is missing."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="tiny and few programs")
    parser.add_argument("--out", type=Path, default=REPORT, help="the report")
    options = parser.parse_args(arguments)
    try:
        check_writable(options.out)
        report = (
            measure(QUICK_PROGRAMS, QUICK_COCOTB_RUNS)
            if options.quick
            else measure(NUM_PROGRAMS, COCOTB_RUNS)
        )
        with write_atomically(options.out) as partial:
            partial.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    except FastCarError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if is_good(report) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
