"""The front holds what no point beats, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fastcar.reference.errors import CheckpointError
from fastcar.sweeps.keys import CYCLES, DECODER, list_columns
from fastcar.sweeps.pareto import choose_front, draw_front, load_quality
from fastcar.sweeps.rows import encode_rows, make_schema


def make_rows(seed: int, count: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    blank = dict.fromkeys(key.name for key in list_columns(CYCLES))
    return [
        blank
        | {
            "point_index": index,
            "drs_cycles": float(rng.integers(1, 9)),
            "slots": 1,
            "mac_multipliers": int(rng.integers(1, 9)),
            "measured_ratio": float(rng.integers(0, 5)) / 4,
        }
        for index in range(count)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_the_front_is_what_no_point_beats(seed: int) -> None:
    rows = make_rows(seed, 60)
    costs = {
        row["point_index"]: (row["drs_cycles"], row["mac_multipliers"], row["measured_ratio"])
        for row in rows
    }
    front = {costs[one["point_index"]] for one in choose_front(rows)}
    wanted = {
        cost
        for cost in costs.values()
        if not any(
            other != cost and all(a <= b for a, b in zip(other, cost, strict=True))
            for other in costs.values()
        )
    }
    assert front == wanted


def test_refused_points_have_no_place() -> None:
    assert choose_front([row | {"refusal": "no"} for row in make_rows(0, 5)]) == []


def test_quality_comes_from_rows_of_the_decoder(tmp_path: Path) -> None:
    blank = dict.fromkeys(key.name for key in list_columns(DECODER))
    known = ((0.0, 40.0), (0.5, 30.0), (0.5, 20.0), (1.0, 10.0), (None, None))
    rows = [blank | {"replay_ratio": ratio, "psnr_decibels": psnr} for ratio, psnr in known]
    path = tmp_path / "rows.parquet"
    path.write_bytes(encode_rows(rows, make_schema(DECODER)))
    quality = load_quality(path)
    assert [quality(ratio) for ratio in (0.0, 0.25, 0.5, 1.0)] == [40, 32.5, 25, 10]
    path.write_bytes(encode_rows(make_rows(0, 2), make_schema(CYCLES)))
    with pytest.raises(CheckpointError, match=r"must be rows\.parquet of a sweep of scope decoder"):
        load_quality(path)
    path.write_bytes(encode_rows(rows[-1:], make_schema(DECODER)))
    with pytest.raises(CheckpointError, match="no row with a quality"):
        load_quality(path)


def test_the_picture_shows_the_front(tmp_path: Path) -> None:
    rows = make_rows(1, 30)
    draw_front(rows, choose_front(rows), tmp_path / "front.png")
    with Image.open(tmp_path / "front.png") as picture:
        colours = len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0))
    assert colours > 50
