"""docs/integer_quality.md is what its numbers say, and they reach their targets."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fastcar.analysis.report import describe_model
from fastcar.reference.video.model import load_video_model
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tools.integer.__main__ import REPORT_NAME, make_report, write_report
from tools.integer.measures import (
    GATE_NAMES,
    IntegerSettings,
    Json,
    SamplingEngine,
    measure_errors,
    run_forced,
)
from tools.integer.page import (
    PAGE,
    TOP_1_TARGET,
    WHOLE_TARGETS,
    find_cache_misses,
    find_misses,
)
from tools.page import fill
from tools.paths import DOCS

TINY_VECTOR_BYTES = 8 * 4, 8 * 2, 8 + 4
"""Of a key of the tiny model: exact, bfloat16, int8."""
TINY = IntegerSettings(2, 2, 2, frames=4, ratio=0.3, sampled_every_tokens=2)


def load_report() -> Json:
    report: Json = json.loads((DOCS / REPORT_NAME).read_text(encoding="utf-8"))
    return report


def test_shipped_model_was_measured() -> None:
    hint = "run `python -m tools.integer`"
    assert load_report()["model"] == describe_model(load_video_model()), hint


def test_targets_are_met() -> None:
    report = load_report()
    for name in GATE_NAMES:
        assert report["gates"][name]["forced"]["top_1_agreement"] >= TOP_1_TARGET
    for entry in report["errors"]:
        for step in entry["steps"].values():
            assert step["largest_ratio"] <= 1
    assert find_misses(report["whole"]) == []
    assert find_cache_misses(report["caches"]) == []


def test_each_missed_target_of_the_whole_decoder_is_named() -> None:
    whole = load_report()["whole"]
    for name, targets in WHOLE_TARGETS.items():
        for key, limit in targets.items():
            forced = dict(whole[name]["forced"])
            if key == "nats":
                forced["nats_integer"] = forced["nats_float"] - 1.01 * limit
            else:
                forced[key] = limit - 1e-6
            assert find_misses(whole | {name: {"forced": forced}}) == [f"{name}: {key}"]


@pytest.mark.parametrize(
    ("key", "number"), [("top_1_agreement", 0.99899), ("nats_integer", 9.0), ("nats_float", 9.0)]
)
@pytest.mark.parametrize("storage", ["bfloat16", "int8"])
def test_a_cache_that_misses_a_target_is_named(storage: str, key: str, number: float) -> None:
    caches = load_report()["caches"]
    caches[storage]["gates"]["dense"]["forced"][key] = number
    assert find_cache_misses(caches) == [storage]


def test_measures_of_a_tiny_model(tmp_path: Path) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    report = make_report(model, TINY)
    assert set(report["gates"]) == set(GATE_NAMES)
    forced = report["gates"]["dense"]["forced"]
    assert forced["ratio_float"] == forced["ratio_integer"] == 0
    assert 0.1 < report["gates"]["input"]["forced"]["ratio_integer"] < 0.6
    assert all(entry["rows"] == 2 * 8 for entry in report["errors"])
    whole = report["whole"]
    assert set(whole) == set(GATE_NAMES)
    assert whole["dense"]["forced"]["top_1_agreement"] > 0.8
    assert 0.1 < whole["input"]["forced"]["ratio_integer"] < 0.6
    assert whole["tas"]["free"]["same_tokens"] > 0.2
    caches = report["caches"]
    sizes = [caches[name]["bytes_per_token"] for name in ("exact", "bfloat16", "int8")]
    num_vectors = 2 * model.config.num_hidden_layers * model.config.num_key_value_heads
    assert sizes == [num_vectors * bytes_ for bytes_ in TINY_VECTOR_BYTES]
    for name in ("bfloat16", "int8"):
        forced = caches[name]["gates"]["dense"]["forced"]
        assert forced["nats_float"] == report["gates"]["dense"]["forced"]["nats_float"]
        assert 0 < abs(forced["nats_integer"] - forced["nats_float"]) < 0.01
    write_report(report, tmp_path)
    assert json.loads((tmp_path / REPORT_NAME).read_text()) == report
    page = (tmp_path / PAGE.name).read_text()
    assert page == fill(page, PAGE.make_tables(report))
    assert page != (DOCS / PAGE.name).read_text()


def test_forced_run_is_what_the_decoder_says(tmp_path: Path) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    clips = model.load_clips("held_out").take(2)
    run = run_forced(model, clips, 4, None)
    assert run.best_ids.shape == run.nats.shape == (16, 2)
    assert run.best_ids.max() < model.codec.num_codes
    assert (run.nats > 0).all()


def test_bounds_follow_the_constants_of_their_layer(tmp_path: Path) -> None:
    model = load_video_model(save_tiny_video_model(tmp_path / "model"))
    integer_model = TINY.quantize(model)
    engine = SamplingEngine(integer_model, every_tokens=3)
    rows = np.random.default_rng(1).integers(-20000, 20001, (4, 16)).astype(np.int16)
    for kept in engine.kept:
        kept.append(rows)
    sound = measure_errors(model, engine)
    assert all(step["largest_ratio"] <= 1 for entry in sound for step in entry["steps"].values())
    integer_model.layers[1].gains[:] //= 2  # a bound that reads the gains moves with them
    changed = measure_errors(model, engine)
    assert changed[0] == sound[0]
    assert (
        changed[1]["steps"]["normed"]["largest_bound"]
        > sound[1]["steps"]["normed"]["largest_bound"]
    )
