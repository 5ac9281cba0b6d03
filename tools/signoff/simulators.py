"""The section on independent simulators of docs/signoff.md, from docs/signoff_simulators.json."""

from __future__ import annotations

from typing import Any

from tools.markdown import fill_paragraphs, format_table

Json = dict[str, Any]
HEADER = ("simulator", "cycles", "cycles per CPU second", "undefined", "mismatches")
METHOD = """\
`make simulators` puts the same stimulus on four simulators: it is recorded in PyRTL's simulator
with the memory model of the co-simulation, and replayed on the exported Verilog. A line of the
stimulus holds all inputs of one cycle; all outputs of every cycle are compared, as they are just
before the rising edge. A payload counts in the cycles in which its `valid` is 1; in the others it
may show a word of a buffer that nothing has written yet, and a difference is only counted, as
undefined. An unknown bit (x in Icarus) in a value that counts is a mismatch. Registers and memories
begin as x in Icarus, random in Verilator, 0 in CXXRTL and PyRTL. The stimulus: a layer under both
decision sources and random programs, with gaps on the instruction port, latency and stalls on every
channel, memory errors, illegal instructions, and resets in mid-run.
"""


COCOTB_METHOD = """\
A third party's testbench: the folder that `fastcar export` writes holds cocotb tests (`make` there,
or `make cocotb` here). Streams and memory are models of cocotbext-axi; the tests run a layer in
which some slots replay, a dense one and one in which every slot with a decision replays, with and
without stalls on every port, two runs without reset, an illegal opcode, and resets in mid-run, and
compare records, counters and memory with the integer reference.
"""
NANOSECONDS_PER_CYCLE = 10
"""Of the clock of the cocotb tests."""


def format_section(data: Json) -> list[str]:
    """Lines of the section.

    Args:
        data: what `tools.simulators` wrote.
    """
    blocks = ["## Independent simulators", METHOD.strip()]
    for preset, measured in data["presets"].items():
        cells = [_list_cells(one) for one in measured["simulators"]]
        blocks += [_describe_preset(preset, measured), format_table(HEADER, cells)]
    blocks += [COCOTB_METHOD.strip(), _format_cocotb(data["cocotb"])]
    blocks += _list_planted(data["planted"])
    return fill_paragraphs("\n\n".join(blocks)).splitlines()


def _describe_preset(preset: str, measured: Json) -> str:
    programs = measured["programs"]
    return (
        f"Preset `{preset}`: {measured['cycles']:,} cycles, {measured['outputs']} outputs, "
        f"{measured['compared_values']:,} values compared; {sum(programs.values()):,} programs "
        f"({programs['done']:,} ran to their end, {programs['error']:,} to an error, "
        f"{programs['reset']:,} into a reset), {measured['decisions']:,} decisions, "
        f"{measured['retirements']:,} retirements."
    )


def _list_cells(measured: Json) -> list[str]:
    return [
        measured["simulator"],
        f"{measured['cycles']:,}",
        f"{measured['cycles_per_second']:,}",
        f"{measured['undefined']:,}",
        f"{measured['mismatches']:,}",
    ]


def _format_cocotb(runs: list[Json]) -> str:
    cells = [
        [
            f"`{one['preset']}`, {one['simulator']}",
            f"{one['passed'] + len(one['failed'])}",
            f"{len(one['failed'])}",
            f"{one['nanoseconds'] // NANOSECONDS_PER_CYCLE:,}",
        ]
        for one in runs
    ]
    return format_table(("folder and simulator", "tests", "failed", "cycles"), cells)


def _list_planted(planted: Json) -> list[str]:
    found = [
        f"- {one['simulator']}: {one['mismatches']:,} mismatches, the first in "
        f"{one['first_difference']}"
        for one in planted["simulators"]
    ]
    cocotb = planted["cocotb"]
    found.append(
        f"- {cocotb['simulator']}: {len(cocotb['failed'])} of "
        f"{len(cocotb['failed']) + cocotb['passed']} tests fail"
    )
    return [
        f"A bug in the Verilog of `{planted['preset']}`, `{planted['before']}` made "
        f"`{planted['after']}`, is found by every simulator that reads it:",
        "\n".join(found),
    ]
