"""What is made of the turns of a run, and the players on the tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.vila_u.measure import TURN_TOKENS, add_figures, summarise
from tools.vila_u.player import PixelPlayer, VilaPlayer, make_pixel_config
from tools.vila_u.sizes import LARGE, TINY

DENSE = {
    "seconds": 20.0,
    "cpu_seconds": 30.0,
    "parts": {"mlp": 12.0, "depth": 8.0},
    "row_counts": [0, 0, 4],
}
HALF = {
    "seconds": 16.0,
    "cpu_seconds": 20.0,
    "parts": {"mlp": 8.0, "depth": 8.0},
    "row_counts": [1, 2, 1],
}


def test_a_layer_step_is_saved_where_no_row_computes() -> None:
    found = summarise(0.5, [HALF, HALF], [DENSE, DENSE])
    assert found["replay_ratio"] == 0.5
    assert found["idle_steps"] == 0.25
    assert found["seconds_per_token"] == 16.0 / TURN_TOKENS
    assert found["cpu_seconds_per_token"] == 20.0 / TURN_TOKENS
    assert found["parts"] == {"mlp": 8.0 / TURN_TOKENS, "depth": 8.0 / TURN_TOKENS}
    assert found["mlp_share"] == 0.6
    assert found["speed_up"] == 1.25
    assert found["amdahl_steps"] == pytest.approx(1 / (1 - 0.6 * 0.25))
    assert found["amdahl_rows"] == pytest.approx(1 / (1 - 0.6 * 0.5))


def test_a_video_is_a_dense_frame_and_others_at_the_ratio() -> None:
    speeds = [summarise(0.0, [DENSE], [DENSE]), summarise(0.5, [HALF], [DENSE])]
    report = add_figures({"preset": "7b", "speeds": speeds, "pixels": [{"seconds": 3.0}]})
    dense, half = report["videos"]
    assert dense["codes_seconds"] == pytest.approx(8 * 256 * 20.0 / TURN_TOKENS)
    assert half["codes_seconds"] == pytest.approx(256 * (20.0 + 7 * 16.0) / TURN_TOKENS)
    assert dense["pixels_seconds"] == half["pixels_seconds"] == 24.0
    assert report["published_line"]["line_dense_seconds"] == pytest.approx(612.7, abs=0.1)


def test_pictures_are_of_the_published_sizes() -> None:
    for is_large, side in ((False, 256), (True, 384)):
        config = make_pixel_config(LARGE, is_large)
        assert config.picture_shape == (3, side, side)
        assert config.attention_levels == {4}


def test_a_frame_of_random_weights_is_decoded() -> None:
    answer = PixelPlayer().decode("tiny", False)
    assert answer["shape"] == [3, 2 * TINY.side, 2 * TINY.side]
    assert 0 < answer["seconds"] < 60
    assert answer["peak_bytes"] > answer["working_bytes"] >= 0


@pytest.mark.slow
def test_a_random_checkpoint_is_decoded_dense_and_replaying(tmp_path: Path) -> None:
    player = VilaPlayer()
    player.write(str(tmp_path), "tiny")
    opened = player.open(str(tmp_path), "tiny")
    assert opened["context_tokens"] == 100 + 16
    dense, half = (player.burst(ratio, 10) for ratio in (0.0, 0.5))
    steps = 10 * TINY.num_layers
    assert dense["row_counts"] == [0, 0, steps]
    rows = half["row_counts"]
    assert sum(rows) == steps
    assert rows[1] + 2 * rows[2] == steps  # half of two rows
    for answer in (dense, half):
        assert answer["cpu_seconds"] > 0
        assert sum(answer["parts"].values()) <= answer["seconds"]
        assert min(answer["parts"]["depth"], answer["parts"]["projector"]) > 0
