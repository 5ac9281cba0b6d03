"""The report on independent simulators: measured on one, refused when wrong, written as text."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyrtl
import pytest

from fastcar.cosim.crosscheck.playback import IcarusPlayer
from fastcar.reference.errors import ArgumentError
from tests.simulators import needs_icarus
from tools import simulators
from tools.signoff.simulators import make_claims, make_tables

GOOD: dict[str, Any] = {
    "seed": 1,
    "presets": {
        "tiny": {
            "cycles": 12345,
            "outputs": 52,
            "compared_values": 640000,
            "programs": {"done": 7, "error": 2, "reset": 1},
            "decisions": 31,
            "retirements": 29,
            "simulators": [
                {
                    "simulator": name,
                    "cycles": 12345,
                    "cycles_per_second": speed,
                    "undefined": 5,
                    "mismatches": 0,
                    "first_difference": None,
                }
                for name, speed in (("PyRTL 1", 2000), ("Icarus 2", 3000))
            ],
        }
    },
    "cocotb": [
        {
            "preset": "tiny",
            "simulator": "Icarus 2, cocotb 3",
            "exit_code": 0,
            "passed": 9,
            "failed": [],
            "nanoseconds": 38210,
            "seconds": 2.5,
        }
    ],
    "planted": {
        "cocotb": {"simulator": "Icarus 2, cocotb 3", "exit_code": 2, "passed": 1, "failed": ["a"]},
        "preset": "tiny",
        "before": "= (a * b);",
        "after": "= (a * b + 1'b1);",
        "simulators": [
            {
                "simulator": "Icarus 2",
                "cycles": 500,
                "cycles_per_second": 3000,
                "mismatches": 17,
                "first_difference": "cycle 40: core0_write_data = 01: expected 00",
            }
        ],
    },
}


def test_the_section_has_a_row_for_every_simulator() -> None:
    claims = " ".join(claim.text for claim in make_claims(GOOD))
    lines = "\n".join(make_tables(GOOD).values()).splitlines()
    assert "| PyRTL 1   | 12,345 |                 2,000 |         5 |          0 |" in lines
    assert "| Icarus 2  | 12,345 |                 3,000 |         5 |          0 |" in lines
    text = " ".join(lines)
    assert "10 programs (7 ran to their end, 2 to an error, 1 into a reset)" in claims
    assert "- Icarus 2: 17 mismatches, the first in cycle 40: core0_write_data = 01" in text
    assert "| `tiny`, Icarus 2, cocotb 3 |     9 |      0 |  3,821 |" in lines
    assert "- Icarus 2, cocotb 3: 1 of 2 tests fail" in text
    assert max(map(len, lines)) <= 100


def test_a_report_is_good_only_without_mismatch_and_with_the_bug_found() -> None:
    assert simulators.is_good(GOOD)
    wrong = deepcopy(GOOD)
    wrong["presets"]["tiny"]["simulators"][1]["mismatches"] = 1
    assert not simulators.is_good(wrong)
    for name, value in (("exit_code", 1), ("passed", 0)):
        failing = deepcopy(GOOD)
        failing["cocotb"][0][name] = value
        assert not simulators.is_good(failing)
    blind = deepcopy(GOOD)
    blind["planted"]["simulators"][0]["mismatches"] = 0
    assert not simulators.is_good(blind)
    deaf = deepcopy(GOOD)
    deaf["planted"]["cocotb"]["exit_code"] = 0
    assert not simulators.is_good(deaf)


def test_a_product_of_registers_is_planted_upon() -> None:
    text = "assign a = (b * c);\nassign d = ({{2 {e}}, f_q} * {{2 {g}}, h_q});\n"
    planted, before, after = simulators.plant_bug(text)
    assert before == "= ({{2 {e}}, f_q} * {{2 {g}}, h_q});"
    assert after == "= ({{2 {e}}, f_q} * {{2 {g}}, h_q} + 1'b1);"
    assert planted == text.replace(before, after)
    with pytest.raises(ArgumentError, match="a module with products"):
        simulators.plant_bug("assign a = (b * c);")


def test_the_same_bug_is_planted_in_the_block() -> None:
    """In the product of the registers that stand in the Verilog, and in no other."""
    block = pyrtl.Block()
    with pyrtl.set_working_block(block, no_sanity_check=True):
        for name in "ab":
            left = pyrtl.Register(4, f"{name}_left_q", reset_value=3)
            right = pyrtl.Register(4, f"{name}_right_q", reset_value=11)
            left.next <<= left
            right.next <<= right
            product = pyrtl.Output(12, f"{name}_product")
            product <<= left.sign_extended(6) * right.sign_extended(6)
    simulators.plant_block_bug(block, "= ({{2 {e}}, b_left_q} * {{2 {g}}, b_right_q});")
    simulation = pyrtl.Simulation(tracer=None, block=block)
    simulation.step({})
    assert simulation.inspect("a_product") == 3 * (64 - 5)
    assert simulation.inspect("b_product") == 3 * (64 - 5) + 1
    with pytest.raises(ArgumentError, match="a module with this product"):
        simulators.plant_block_bug(block, "= (c_left_q * c_right_q);")


def pretend_cocotb(preset: str, simulator: str, verilog: str | None = None) -> dict[str, Any]:
    """All pass on the exported Verilog, one fails on another."""
    passed = {**GOOD["cocotb"][0], "preset": preset, "simulator": simulator}
    return passed if verilog is None else {**passed, "exit_code": 2, "failed": ["a"]}


@pytest.mark.slow
@needs_icarus
def test_a_measured_report_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulators, "PLAYERS", (lambda design: IcarusPlayer(design.text),))
    monkeypatch.setattr(simulators, "QUICK_PROGRAMS", {"tiny": 3})
    monkeypatch.setattr(simulators, "run_cocotb", pretend_cocotb)
    out = tmp_path / "report.json"
    assert simulators.main(["--quick", "--out", str(out)]) == 0
    report = json.loads(out.read_text(encoding="utf-8"))
    measured = report["presets"]["tiny"]
    assert [one["simulator"].split()[0] for one in measured["simulators"]] == [
        "PyRTL",
        "native,",
        "Icarus",
    ]
    assert measured["compared_values"] > 10_000
    assert "mismatches" in capsys.readouterr().out
    assert set(make_tables(report)) == {"pins of tiny", "cocotb", "bug in the Verilog"}
    assert list(make_claims(report))


def test_a_missing_simulator_is_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> IcarusPlayer:
        raise ArgumentError("iverilog", "not found", "installed: apt-get install iverilog")

    monkeypatch.setattr(simulators, "PLAYERS", (refuse,))
    monkeypatch.setattr(simulators, "QUICK_PROGRAMS", {"tiny": 1})
    assert simulators.main(["--quick", "--out", str(tmp_path / "report.json")]) == 2
    assert capsys.readouterr().err.startswith("iverilog = 'not found': ")
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_made_is_refused_before_anything_is_simulated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulators, "measure", lambda *_: pytest.fail("simulated"))
    (tmp_path / "file").write_text("in the way")
    assert simulators.main(["--quick", "--out", str(tmp_path / "file" / "report.json")]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("file is a file")
