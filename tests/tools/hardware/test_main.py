"""docs/hardware.md is what its numbers say, and the numbers fit together."""

from __future__ import annotations

import copy
import dataclasses
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastcar.analysis.report import describe_model
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.cycles.planner import Planner
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch, compute_schedule
from fastcar.reference.video.model import load_video_model
from fastcar.rtl.config import DEMO, AcceleratorConfig
from fastcar.rtl.datapath import OPERAND_CYCLES
from tests.cosim.tiny_model import make_model
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tools.hardware.__main__ import (
    REPORT_NAME,
    fit_config,
    make_report,
    measure_runs,
    write_report,
)
from tools.hardware.claims import MAX_OVERHEAD_CYCLES, PAGE, UTILISATION_TARGET, make_claims
from tools.hardware.figures import RATIO_NAME, TIMELINE_NAME
from tools.hardware.mapping import SOURCES, compare_mappings, compute_persistence
from tools.hardware.model import trace_timeline
from tools.hardware.paper import NEAR, claim_paper, format_paper
from tools.hardware.run import HardwareSettings, Json
from tools.hardware.tables import get_utilisation
from tools.page import fill
from tools.paths import DOCS

pytestmark = pytest.mark.slow

TINY = HardwareSettings(
    frames=2,
    videos=2,
    calibration_clips=2,
    calibration_frames=4,
    table_cores=(1, 2),
    table_slots=(2,),
    table_frames=4,
    sampled_steps=6,
    latencies_cycles=(1, 3),
    paper_draws=2,
)


def load_report() -> Json:
    report: Json = json.loads((DOCS / REPORT_NAME).read_text(encoding="utf-8"))
    return report


@pytest.fixture(scope="module")
def tiny_report(tmp_path_factory: pytest.TempPathFactory) -> Json:
    checkpoint = save_tiny_video_model(tmp_path_factory.mktemp("model") / "tiny")
    config = dataclasses.replace(
        fit_config(load_video_model(checkpoint)), num_cores=2, num_lanes=4, num_slots=2
    )
    runs = measure_runs(checkpoint, TINY, config, cache(NativeBackend), processes=1)
    return make_report(checkpoint, TINY, config, runs)


def get_documented_or_tiny(request: pytest.FixtureRequest) -> Json:
    return load_report() if request.param == "docs" else request.getfixturevalue("tiny_report")


report = pytest.fixture(get_documented_or_tiny, params=["docs", "tiny"], name="report")


def test_shipped_model_was_measured() -> None:
    report = load_report()
    model = load_video_model()
    assert report["model"] == describe_model(model), "run `python -m tools.hardware`"
    assert AcceleratorConfig(**report["config"]) == fit_config(model) == DEMO


def test_targets_are_met() -> None:
    for run in load_report()["runs"].values():
        assert run["rounds_equal"] == run["steps"]
        assert get_utilisation(run, ("compute",)) >= UTILISATION_TARGET
        assert run["histograms"]["commit to dispatch"][0][0] == 1
        assert run["histograms"]["exposed overhead"][-1][0] <= MAX_OVERHEAD_CYCLES


def test_published_times_are_confirmed() -> None:
    reports = load_report()["paper"]
    assert all(claim.holds for claim in claim_paper(reports, load_report()["paper_fits"]))
    assert [18, 8] in load_report()["paper_fits"]
    table = format_paper(reports)
    for row in reports[0]["rows"]:
        assert abs(row["drs_time"] - row["published_time"]) <= NEAR
        assert f"{row['published_time']:.3f}" in table


def test_a_time_that_differs_refutes() -> None:
    reports = copy.deepcopy(load_report()["paper"])
    reports[0]["rows"][1]["drs_time"] += 2 * NEAR
    refuted = [claim.text for claim in claim_paper(reports, [[18, 8], [25, 11]]) if not claim.holds]
    assert [text.startswith("The cycle model confirms") for text in refuted] == [True]


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        (("runs", "tas", "processor_seconds"), 601.0, "(target: under 10 minutes: met"),
        (("runs", "tas", "rounds_equal"), 4091, "SCORE: rounds are ceil(n / C) in 4,091 of 4,092"),
        (("runs", "tas", "histograms", "exposed overhead"), [[3, 1]], "no time: 3 cycles"),
        (("runs", "tas", "instructions", 0, "cycles"), 10**8, "SCORE: "),
        (("settings", "frames"), 8, "The longer run, whole videos of every slot"),
        (("mappings", 38, "slowdown"), 1.5, "For independent decisions this is confirmed"),
        (("mappings", 0, "slowdown"), 1.7, "For decisions of real tokens it is refuted"),
    ],
)
def test_a_target_that_is_missed_makes_the_prose_false(
    place: tuple[str | int, ...], value: object, words: str
) -> None:
    report: Any = load_report()
    assert all(claim.holds for claim in make_claims(report))
    part = report
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    [false] = [claim.text for claim in make_claims(report) if not claim.holds]
    assert words in false


def test_cycles_add_up(report: Json) -> None:
    assert set(report["runs"]) == set(SOURCES)
    for run in report["runs"].values():
        phases = ("before_mlp_cycles", "mlp_cycles", "after_mlp_cycles")
        assert sum(run[phase] for phase in phases) == run["cycles"]
        parts = ("decide", "compute", "replay", "before", "between", "after")
        for core in run["cores"]:
            assert sum(core.get(part, 0) for part in parts) == run["cycles"]
        beats = sum(one["mac_beats"] for one in run["instructions"])
        assert beats == sum(core["mac_busy"] for core in run["cores"])
        worked = sum(core.get(part, 0) for core in run["cores"] for part in parts[:3])
        assert worked == sum(one["cycles"] for one in run["instructions"])


def test_every_slot_is_told(report: Json) -> None:
    for run in report["runs"].values():
        assert run["records"] == 2 * run["slots"] * run["steps"]
        computed = sum(core.get("slots", 0) for core in run["cores"])
        assert computed + run["replayed"] == run["slots"] * run["steps"]
        assert run["replayed"] / (run["slots"] * run["steps"]) == pytest.approx(run["replay_ratio"])
        for kind, count in (("compute slot", computed), ("replay slot", run["replayed"])):
            assert sum(number for _, number in run["histograms"][kind]) == count > 0


def test_bytes_are_those_of_the_instructions(report: Json) -> None:
    lanes = report["config"]["num_lanes"]
    for run in report["runs"].values():
        # With an answer in the next cycle: what a LOAD and a STORE take besides their beats.
        others = {"LOAD": 1, "STORE": OPERAND_CYCLES + 1}
        moved = dict.fromkeys(others, 0)
        products = 0
        for one in run["instructions"]:
            if one["opcode"] in moved:
                moved[one["opcode"]] += one["cycles"] - one["count"] * others[one["opcode"]]
            if one["opcode"].startswith("GEMV"):
                products += one["mac_beats"]
        read, written = (
            sum(core[key] for core in run["cores"]) for key in ("read_bytes", "written_bytes")
        )
        assert read == lanes * (moved["LOAD"] + products)
        assert written == lanes * moved["STORE"]


def test_write_report_writes_page_numbers_and_figures(tiny_report: Json, tmp_path: Path) -> None:
    write_report(tiny_report, tmp_path)
    names = {PAGE.name, REPORT_NAME, TIMELINE_NAME, RATIO_NAME}
    assert {path.name for path in tmp_path.iterdir()} == names
    read = json.loads((tmp_path / REPORT_NAME).read_text(encoding="utf-8"))
    page = (tmp_path / PAGE.name).read_text(encoding="utf-8")
    assert page == fill(page, PAGE.make_tables(read))
    assert page != (DOCS / PAGE.name).read_text(encoding="utf-8")


def test_mappings_follow_the_schedule() -> None:
    config = AcceleratorConfig(2, 4, 4, 8, 12, 8)
    planner = Planner(config, make_model(config).layers)
    flags = np.array([[True, False, True, False], [True, True, True, True]])
    one, two = compare_mappings(planner, "tas", 0.5, flags, (1, 2))
    assert one["slowdown"] == one["round_slowdown"] == 1
    assert two["round_slowdown"] == (2 + 2) / (1 + 2)
    assert two["best_slowdown"] <= 1.0 < 1.4 < two["worst_slowdown"]
    cycles = [
        planner.count_mlp_cycles(flags[0], 2, dispatch, DecisionSource.SCORE)
        for dispatch in Dispatch
    ]
    assert cycles[1] > 1.4 * cycles[0]
    assert compute_schedule(flags[0], 2, Dispatch.STATIC).num_rounds == 2


def test_persistence_is_the_correlation_of_neighbours() -> None:
    rng = np.random.default_rng(0)
    assert compute_persistence(np.ones((3, 4), bool)) == 0
    assert compute_persistence(rng.random((2000, 8)) < 0.5) < 0.05
    assert compute_persistence(np.repeat(rng.random((2000, 1)) < 0.5, 8, axis=1)) == pytest.approx(
        1
    )


def test_timeline_shows_every_slot_on_its_core() -> None:
    config = AcceleratorConfig(2, 4, 4, 8, 12, 8)
    flags = np.array([[True, False, True, False], [True, True, True, True]])
    timeline = trace_timeline(Planner(config, make_model(config).layers), flags)
    assert timeline["computes"] == flags[0].tolist()
    spans = timeline["dynamic"]["spans"]
    cores = {(span["phase"], span["slot"]): span["core"] for span in spans}
    assert {slot: core for (phase, slot), core in cores.items() if phase == "compute"} == {
        0: 0,
        2: 1,
    }
    assert {slot: core for (phase, slot), core in cores.items() if phase == "replay"} == {
        1: 1,
        3: 1,
    }
    assert max(span["last_cycle"] for span in spans) < timeline["dynamic"]["cycles"]
