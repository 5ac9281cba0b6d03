"""Rows say what the commands of the same names say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fastcar
from fastcar.sweeps.evaluate import digest_code, digest_weights, get_evaluation
from fastcar.sweeps.keys import COSIM, CYCLES, DECODER, SCOPES, list_columns
from tests.fastcar.sweeps.runs import make_small
from tests.fastcar.tiny_video_model import save_tiny_video_model


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("video")
    save_tiny_video_model(folder)
    return str(folder)


def test_columns_are_named_once_and_no_result_is_unknown() -> None:
    for scope in SCOPES.values():
        names = [key.name for key in list_columns(scope)]
        assert len(names) == len(set(names))


@pytest.mark.slow
@pytest.mark.parametrize("source", ["score", "distance"])
def test_cycles_are_those_of_predict(source: str) -> None:
    values: dict[str, Any] = {"preset": "vila_u_7b_u280", "source": source, "clock_mhz": 100.0}
    values |= {"cores": 3, "lanes": 16, "batch": 5, "latency": 9, "draws": 4, "seed": 2}
    found = get_evaluation(CYCLES)(values | {"ratio": 0.2})
    report = fastcar.predict(**values, ratios=0.2)
    row = report["rows"][0]
    for name in ("drs_cycles", "static_cycles", "read_bytes", "drs_time", "published_time"):
        assert found[name] == row[name]
    assert found["dense_cycles"] == report["dense"]["cycles"]
    assert found["dense_mlp_seconds"] == report["dense_mlp_seconds"]
    assert (found["slots"], found["mac_multipliers"]) == (5, 48)
    assert set(found) == {key.name for key in CYCLES.results}


@pytest.mark.slow
def test_decisions_of_a_model_are_measured(video: str) -> None:
    values: dict[str, Any] = {"checkpoint": video, "batch": 2, "lanes": 8, "draws": 3}
    found = get_evaluation(CYCLES)(values | {"ratio": 0.5})
    report = fastcar.predict(**values, ratios=0.5)
    assert report["decisions"] == "measured"
    assert found["drs_cycles"] == report["rows"][0]["drs_cycles"]


def test_decoder_says_ratio_multiplications_and_quality(video: str) -> None:
    values = {"checkpoint": video, "clips": "held_out:0-1", "given_frames": 1, "gate": "input"}
    found = get_evaluation(DECODER)({**values, "tau": 0.0, "seed": 3})
    assert found["replay_ratio"] == 0
    assert found["psnr_decibels"] == 99 or found["identical_share"] == 1
    assert found["mlp_share"] > 1  # nothing is saved and the gate is paid
    assert found["dense_truth_psnr_decibels"] == found["replay_truth_psnr_decibels"]
    always = get_evaluation(DECODER)({**values, "tau": 1e9, "seed": 3})
    assert always["replay_ratio"] > 0.4
    assert always["mlp_share"] < always["layer_share"] < 1
    assert set(always) == {key.name for key in DECODER.results}


@pytest.mark.slow
def test_cosim_says_whether_hardware_is_equal(video: str) -> None:
    values: dict[str, Any] = {"checkpoint": video, "batch": 2, "lanes": 8, "num_tokens": 1}
    values |= {"calibration_clips": 2}
    found = get_evaluation(COSIM)(values)
    assert found["equal"]
    assert found["failure"] is None
    assert found["measured_cycles"] == fastcar.cosimulate(**values)["cycles"]["measured"]
    assert set(found) == {key.name for key in COSIM.results}


def test_weights_are_digested_where_they_are_read(video: str) -> None:
    other = digest_weights(CYCLES, {"checkpoint": video})
    assert digest_weights(CYCLES, {}) is None
    assert digest_weights(DECODER, {"checkpoint": video}) == other
    assert digest_weights(DECODER, {}) not in (None, other)


def test_code_is_every_source_once() -> None:
    assert len(digest_code()) == 64
    assert digest_code() == digest_code.__wrapped__()
    assert make_small().digest == make_small().digest


def test_every_source_changes_the_digest_of_the_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest_code.__wrapped__()
    (tmp_path / "new.py").write_text("x = 1\n")
    import fastcar.rtl

    monkeypatch.setattr(fastcar.rtl, "__path__", [*fastcar.rtl.__path__, str(tmp_path)])
    assert digest_code.__wrapped__() != before
