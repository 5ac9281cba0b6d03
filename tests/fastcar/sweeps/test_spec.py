"""Sweep files: what they mean, and how wrong ones are refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.sweeps.spec import MAX_POINTS, parse_spec, read_spec
from tests.fastcar.sweeps.runs import make_small


def test_points_are_lists_times_axes() -> None:
    spec = parse_spec(
        'scope = "cycles"\n[axes]\ncores = [1, 2]\nseed = { first = 3, count = 2, step = 5 }\n'
        "lanes = 16\n[[points]]\nratio = 0.5\n[[points]]\nratio = 1\n"
    )
    assert [point.values for point in spec.points[:3]] == [
        {"cores": 1, "lanes": 16, "ratio": 0.5, "seed": 3},
        {"cores": 1, "lanes": 16, "ratio": 0.5, "seed": 8},
        {"cores": 2, "lanes": 16, "ratio": 0.5, "seed": 3},
    ]
    assert len(spec.points) == 8
    assert spec.points[-1].values["ratio"] == 1.0


def test_a_point_that_is_asked_for_twice_stands_once() -> None:
    spec = parse_spec('scope = "cycles"\n[axes]\ncores = [1, 1]\nratio = [0, 0.0]')
    assert len(spec.points) == 1


def test_digests_do_not_depend_on_layout_but_on_every_value() -> None:
    one = parse_spec('scope = "cycles"\n[axes]\ncores = 1\nlanes = 8')
    same = parse_spec('# again\nscope = "cycles"\n[[points]]\nlanes = 8\ncores = 1')
    other = parse_spec('scope = "cycles"\n[axes]\ncores = 1\nlanes = 16')
    scope = parse_spec('scope = "cosim"\n[axes]\ncores = 1\nlanes = 8')
    assert one.digest == same.digest
    assert len({one.digest, other.digest, scope.digest}) == 3
    assert len({point.digest for point in make_small().points}) == 300


@pytest.mark.parametrize(
    ("text", "refusal"),
    [
        ("", "found scope = None: must be one of cycles, decoder, cosim"),
        ('scope = "cycle"', "line 1: found scope = cycle: .* did you mean 'cycles'"),
        ('scope = "cycles"', "no points"),
        ('scope = "cycles"\nax = 1', "line 2: found ax: must be a key of a sweep file; did you me"),
        ('scope = "cycles"\n[axes]\n\ncorse = 1', "line 4: found corse: .* did you mean 'cores'"),
        ('scope = "cycles"\naxes = { corse = 1 }', "line 2: found corse: .* mean 'cores'"),
        ('scope = "cycles"\n[[points]]\nratios = 1', "line 3: found ratios: .* mean 'ratio'"),
        ('scope = "cycles"\n[axes]\nzzz = 1', "line 3: found zzz: .* these are preset, "),
        ('scope = "cycles"\n[axes]\ncores = []', "line 3: found cores = no value"),
        ('scope = "cycles"\n[axes]\ncores = [1.5]', "line 3: found cores = 1.5: .* kind integer"),
        ('scope = "cycles"\n[axes]\ncores = true', "line 3: found cores = True"),
        ('scope = "cycles"\n[axes]\ncores = 9223372036854775808', "cores = 9223372036854775808"),
        ('scope = "cycles"\n[axes]\ncores = { first = 1 }', "cores = count = 0: .* from 1"),
        ('scope = "cycles"\n[axes]\ncores = { frist = 1 }', "cores = frist = 1: .* integers first"),
        ('scope = "cycles"\n[axes]\ncores = 1\n[[points]]\ncores = 2', "in axes and in points"),
        ('scope = "cycles"\naxes = 3', "line 2: found axes = 3: must be a table"),
        ('scope = "cycles"\npoints = 3', "line 2: found points = 3"),
        ("scope = cycles", "at line 1.*must be TOML"),
    ],
)
def test_wrong_files_are_refused_with_line_and_name(text: str, refusal: str) -> None:
    place = "mine.toml, " if "line" in refusal[:5] else ""
    with pytest.raises(CheckpointError, match=rf"^mine\.toml.*{refusal}") as caught:
        parse_spec(text, "mine.toml")
    assert str(caught.value).startswith(place)
    assert "\n" not in str(caught.value)


def test_too_many_points_are_refused_before_any_is_made() -> None:
    text = f'scope = "cycles"\n[axes]\nseed = {{ count = {MAX_POINTS} }}\ncores = [1, 2]'
    with pytest.raises(CheckpointError, match=r"found 20000000 points: must be at most 10000000"):
        parse_spec(text)


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CheckpointError, match="UTF-8"):
        read_spec(tmp_path / "a.toml")
    with pytest.raises(CheckpointError, match="No such file"):
        read_spec(tmp_path / "b.toml")
