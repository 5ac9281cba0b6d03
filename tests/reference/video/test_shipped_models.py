"""Shipped models by name: those that are here, and no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import fastcar
from fastcar.reference.errors import ArgumentError
from fastcar.reference.video import shipped_models
from fastcar.reference.video.shipped_models import FOLDERS, list_shipped_models, shipped_model

api: Any = fastcar
"""For what its types forbid."""


def test_the_default_has_a_name() -> None:
    assert fastcar.shipped_model("moving_digits") == fastcar.SHIPPED_MODEL
    assert list_shipped_models()["moving_digits"] == fastcar.SHIPPED_MODEL


def test_every_shipped_model_is_a_video_model() -> None:
    for name, directory in list_shipped_models().items():
        model = fastcar.load_model(directory)
        assert len(model.load_clips("calibration").token_ids), name
        assert len(model.load_clips("held_out").token_ids), name


def test_what_is_not_here_is_not_offered(tmp_path: Path) -> None:
    assert list_shipped_models(tmp_path) == {}
    (tmp_path / FOLDERS["real_video"]).mkdir()
    (tmp_path / FOLDERS["moving_digits"]).write_text("no directory")
    assert list_shipped_models(tmp_path) == {"real_video": tmp_path / FOLDERS["real_video"]}


def test_another_name_is_told_those_that_are_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_models, "ROOT", tmp_path)
    for folder in FOLDERS.values():
        (tmp_path / folder).mkdir()
    assert shipped_model("real_video") == tmp_path / "real_video_16x64"
    limit = "^model = 'real-video': must be one of moving_digits, real_video$"
    with pytest.raises(ArgumentError, match=limit):
        shipped_model("real-video")
    with pytest.raises(ArgumentError, match=r"^model = 3: must be a text$"):
        api.shipped_model(3)
