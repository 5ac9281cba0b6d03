"""Tables and claims of docs/signoff.md on simulators, from docs/signoff_simulators.json."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tools.markdown import fill_paragraphs, format_rows, format_table
from tools.page import Claim

Json = dict[str, Any]
PIN_COLUMNS = {
    "simulator": "{simulator}",
    "cycles": "{cycles:,}",
    "cycles per CPU second": "{cycles_per_second:,}",
    "undefined": "{undefined:,}",
    "mismatches": "{mismatches:,}",
}
NANOSECONDS_PER_CYCLE = 10
"""Of the clock of the cocotb tests."""


def make_tables(data: Json) -> dict[str, str]:
    """Blocks of the section.

    Args:
        data: what `tools.simulators` wrote.
    """
    pins = {
        f"pins of {preset}": format_rows(PIN_COLUMNS, found["simulators"])
        for preset, found in data["presets"].items()
    }
    planted = fill_paragraphs("\n".join(_list_planted(data["planted"]))).strip()
    return pins | {"cocotb": _format_cocotb(data["cocotb"]), "bug in the Verilog": planted}


def make_claims(data: Json) -> Iterator[Claim]:
    """What the prose says about the numbers."""
    presets, planted = data["presets"], data["planted"]
    numbers = {len(found["simulators"]) for found in presets.values()}
    yield Claim("puts the same stimulus on five simulators", numbers == {5})
    yield from (_describe_preset(preset, found) for preset, found in presets.items())
    found = all(one["mismatches"] for one in planted["simulators"]) and planted["cocotb"]["failed"]
    yield Claim(
        f"A bug in the Verilog of `{planted['preset']}`, `{planted['before']}` made "
        f"`{planted['after']}`, is found by every simulator that reads it, and by the "
        "native one in the hardware with the same bug:",
        bool(found),
    )


def _describe_preset(preset: str, measured: Json) -> Claim:
    programs = measured["programs"]
    return Claim(
        f"Preset `{preset}`: {measured['cycles']:,} cycles, {measured['outputs']} outputs, "
        f"{measured['compared_values']:,} values compared; {sum(programs.values()):,} programs "
        f"({programs['done']:,} ran to their end, {programs['error']:,} to an error, "
        f"{programs['reset']:,} into a reset), {measured['decisions']:,} decisions, "
        f"{measured['retirements']:,} retirements."
    )


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


def _list_planted(planted: Json) -> Iterator[str]:
    for one in planted["simulators"]:
        yield (
            f"- {one['simulator']}: {one['mismatches']:,} mismatches, the first in "
            f"{one['first_difference']}"
        )
    cocotb = planted["cocotb"]
    num_failed = len(cocotb["failed"])
    yield f"- {cocotb['simulator']}: {num_failed} of {num_failed + cocotb['passed']} tests fail"
