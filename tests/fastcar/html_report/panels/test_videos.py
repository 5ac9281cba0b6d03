"""Frames and decisions go into the page as they were, as far as there is room."""

from __future__ import annotations

import base64
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastcar.html_report.panels import videos
from fastcar.html_report.panels.heat_maps import make_heat_maps_panel
from fastcar.html_report.runs.generate_run import GenerateRun
from fastcar.html_report.sources import read_runs
from tests.fastcar.html_report.sample_runs import write_generate_run


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> GenerateRun:
    (found,) = read_runs([write_generate_run(tmp_path_factory.mktemp("run"))])
    assert isinstance(found, GenerateRun)
    return found


@pytest.mark.parametrize("frames", [1, 2, 5, 16])
def test_a_grid_holds_every_frame_in_its_place(frames: int) -> None:
    pixels = np.random.default_rng(0).integers(256, size=(frames, 4, 6), dtype=np.uint8)
    columns = videos.count_columns(frames)
    data = videos.encode_frames(pixels, columns).removeprefix("data:image/png;base64,")
    image = np.array(Image.open(BytesIO(base64.b64decode(data))))
    for index, frame in enumerate(pixels):
        top, left = index // columns * 4, index % columns * 6
        assert (image[top : top + 4, left : left + 6] == frame).all()
    assert image.shape[0] <= image.shape[1]


def test_decisions_are_those_of_the_run(run: GenerateRun) -> None:
    records = run.records
    assert records is not None
    tokens = len(run.by_frame) * run.tokens_per_frame
    for index in range(len(run.titles)):
        video = videos.encode_video(run, index, "a title")
        found = np.frombuffer(base64.b64decode(video["decisions"]), np.uint8)
        decisions = found.reshape(tokens, len(run.by_layer))
        assert ((decisions[:-1] == 1) == records.replayed[:, :, index]).all()
        assert ((decisions[:-1] == 2) == ~records.eligible[:, :, index]).all()
        assert (decisions[-1] == 3).all()
        measures = np.frombuffer(base64.b64decode(video["measures"]), "<f4").reshape(tokens, -1)
        eligible = records.eligible[:, :, index]
        assert (measures[:-1][eligible] == records.measures[:, :, index][eligible]).all()
        assert np.isnan(measures[:-1][~eligible]).all()
    assert records.replayed.any()


def test_shares_of_frames_are_those_of_the_report(run: GenerateRun) -> None:
    shares = [videos.encode_video(run, index, "")["shares"] for index in range(len(run.titles))]
    np.testing.assert_allclose(np.mean(shares, axis=0), np.array(run.by_frame, float))


def test_videos_beyond_the_room_are_left_out_and_counted(
    run: GenerateRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = videos.list_videos(run)
    size = sum(len(value) for value in whole[0].values() if isinstance(value, str))
    monkeypatch.setattr(videos, "MAX_VIDEO_BYTES", size + 10)
    assert len(whole) == 2
    assert len(videos.list_videos(run)) == 1
    html = videos.make_videos_panel(run, videos.list_videos(run), "r0-videos").html
    assert "The first 1 of 2 videos" in html
    monkeypatch.setattr(videos, "MAX_VIDEO_BYTES", 10)
    assert videos.list_videos(run) == []
    assert "too large" in videos.make_videos_panel(run, [], "r0-videos").html
    assert not make_heat_maps_panel(run, "r0-maps", "r0-videos", has_player=False).charts


@pytest.mark.parametrize("frames", [1, 2])
def test_short_videos_have_a_player(tmp_path: Path, frames: int) -> None:
    (short,) = read_runs([write_generate_run(tmp_path, frames=frames, clips=(), prompts=("3 up",))])
    assert isinstance(short, GenerateRun)
    panel = videos.make_videos_panel(short, videos.list_videos(short), "r0-videos")
    assert f'max="{frames - 1}"' in panel.html
    make_heat_maps_panel(short, "r0-maps", "r0-videos")


def test_guidance_is_said_where_there_is_some(tmp_path: Path) -> None:
    directory = write_generate_run(tmp_path, clips=(), prompts=("3 up",), guidance=2.0)
    (guided,) = read_runs([directory])
    assert isinstance(guided, GenerateRun)
    shown = videos.list_videos(guided)
    assert "row with the prompt" in videos.make_videos_panel(guided, shown, "r0-videos").html
    np.testing.assert_allclose(shown[0]["shares"], np.array(guided.by_frame, float))
