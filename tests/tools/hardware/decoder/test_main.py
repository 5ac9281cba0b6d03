"""docs/decoder_hardware.md is what its numbers say, and the numbers fit together."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from fastcar.analysis.report import describe_model
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.reference.video.model import VideoModel, load_video_model
from fastcar.rtl.config import DEMO
from tests.tools.hardware.decoder.tiny import TINY
from tools.hardware.decoder.__main__ import QUICK, REPORT_NAME, make_report, write_report
from tools.hardware.decoder.claims import PAGE, judge, make_claims
from tools.hardware.decoder.settings import MODES, RESET, Json
from tools.hardware.decoder.tables import (
    bound_speed_ups,
    find_row,
    get_best_count,
    get_busy,
    get_speed_up,
    list_places,
)
from tools.page import fill, find_faults
from tools.paths import DOCS


@cache
def read_documented() -> str:
    return (DOCS / REPORT_NAME).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def tiny_report(tiny_model: VideoModel) -> Json:
    return make_report(tiny_model, TINY, NativeBackend)


def get_documented_or_tiny(request: pytest.FixtureRequest) -> Json:
    is_tiny = request.param == "tiny"
    found: Json = (
        request.getfixturevalue("tiny_report") if is_tiny else json.loads(read_documented())
    )
    return found


KINDS = ["docs", pytest.param("tiny", marks=pytest.mark.slow)]
report = pytest.fixture(get_documented_or_tiny, params=KINDS, name="report")


def test_shipped_model_was_measured() -> None:
    found = json.loads(read_documented())
    assert found["model"] == describe_model(load_video_model())
    assert {name: found["config"][name] for name in DEMO.sizes} == DEMO.sizes
    assert found["lockstep"]["decided"] > 0 < found["lockstep"]["replayed"]


def test_sections_are_all_that_cores_do(report: Json) -> None:
    for modes in report["dense"].values():
        assert set(modes) == {mode.name for mode in MODES}
        for dense in modes.values():
            assert dense["tokens"] == report["prompt_tokens"] + report["fed_tokens"]
            assert get_busy(dense) == sum(one["cycles"] for one in dense["opcodes"])
            beats = sum(one["cycles"] - one["without_mac"] for one in dense["opcodes"])
            assert sum(dense["mac_beats"].values()) == beats
            assert get_busy(dense) <= report["config"]["num_cores"] * dense["cycles"]


def test_every_mode_of_every_run_is_counted_on_the_same_tokens(report: Json) -> None:
    settings = report["settings"]
    assert len(list_places(report)) == 2 * 2 * len(settings["ratios"])
    for attention, source, ratio in list_places(report):
        rows = [find_row(report, attention, source, ratio, mode.name) for mode in MODES]
        assert len({(row["sampled"]["tokens"], row["sampled"]["computing"]) for row in rows}) == 1
        assert len({row["sampled"]["busy"] for row in rows}) == 1
        for row in rows:
            assert row["complete"] is None or row["complete"]["tokens"] > row["sampled"]["tokens"]
    for attention in report["dense"]:
        assert find_row(report, attention, "tas", settings["main_ratio"], RESET.name)


def test_all_tokens_of_a_run_have_the_dense_cycles_of_all(report: Json) -> None:
    complete = [row for row in report["replay"] if row["complete"]]
    assert len(complete) == 2 * len(report["dense"])
    for row in complete:
        dense = report["dense"][row["attention"]][row["mode"]]
        assert row["complete"]["dense_cycles"] == dense["cycles"]
        assert row["complete"]["tokens"] == dense["tokens"]
        computing = 1 - row["complete"]["computing"] / row["complete"]["slots"]
        share = report["fed_tokens"] / dense["tokens"]
        assert computing == pytest.approx(row["replayed"] * share)


def test_no_run_is_faster_than_cores_that_never_idle(report: Json) -> None:
    for row in report["replay"]:
        idle_free, _ = bound_speed_ups(report, row)
        assert 0 < get_speed_up(row["sampled"]) < idle_free


def test_replays_that_take_time_are_within_the_law_of_amdahl() -> None:
    found = json.loads(read_documented())
    for row in found["replay"]:
        idle_free, amdahl = bound_speed_ups(found, row)
        assert 1 < get_speed_up(get_best_count(row)) < idle_free < 1.01 * amdahl


@pytest.mark.slow
def test_write_report_writes_page_and_numbers(tiny_report: Json, tmp_path: Path) -> None:
    write_report(tiny_report, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {PAGE.name, REPORT_NAME}
    read = json.loads((tmp_path / REPORT_NAME).read_text(encoding="utf-8"))
    page = (tmp_path / PAGE.name).read_text(encoding="utf-8")
    assert page == fill(page, PAGE.make_tables(read))
    assert page != (DOCS / PAGE.name).read_text(encoding="utf-8")


def test_verdicts_are_words() -> None:
    assert (judge(True), judge(False)) == ("met", "missed")


MISSES: list[tuple[tuple[str | int, ...], object, str]] = [
    (("dense", "full", "barrier dynamic", "cycles"), 375_000_001, "attention full: 375.0 million"),
    (("dense", "window", "barrier dynamic", "mac_beats", "mlp"), 0, "128 + 4"),
    (("lockstep", "cycles_per_second"), 1000.0, "(target: at most 30: missed)"),
    (("scores", 0, "core_cycles"), [0.0, 1.0], "1 core cycles more (target: 0: missed)"),
]


@pytest.mark.parametrize(("place", "value", "words"), MISSES)
def test_a_target_that_is_missed_is_said_to_be_missed(
    place: tuple[str | int, ...], value: object, words: str
) -> None:
    found: Any = json.loads(read_documented())
    text = (DOCS / PAGE.name).read_text(encoding="utf-8")
    assert find_faults(text, make_claims(found)) == []
    part = found
    for key in place[:-1]:
        part = part[key]
    part[place[-1]] = value
    faults = [one for one in find_faults(text, make_claims(found)) if ": missed)" in one]
    assert any(words in one for one in faults)


def test_quick_run_decides_something() -> None:
    tokens_per_frame = load_video_model().geometry.tokens_per_frame
    assert tokens_per_frame < QUICK.middle_token < QUICK.frames * tokens_per_frame - 1
