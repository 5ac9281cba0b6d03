"""VCD files: what a reader finds in them is the recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.cosim.wave.vcd_file import write_vcd
from tests.cosim.wave.recordings import (
    expect_values,
    make_recording,
    make_view,
    read_vcd,
    strip_scopes,
)


@pytest.mark.parametrize("steps", [range(25), range(4, 20), range(24, 25)])
def test_a_reader_finds_every_value_in_every_step(tmp_path: Path, steps: range) -> None:
    view = make_view(make_recording(25), steps)
    told: list[tuple[int, int]] = []
    write_vcd(tmp_path / "wave.vcd", view, lambda *done: told.append(done))
    found_steps, found = read_vcd(tmp_path / "wave.vcd")
    assert found_steps == steps
    assert strip_scopes(found) == expect_values(view)
    assert told[-1] == (len(steps), len(steps))


def test_what_was_kept_of_a_long_run_has_its_steps(tmp_path: Path) -> None:
    view = make_view(make_recording(30, num_rows=8))
    write_vcd(tmp_path / "wave.vcd", view)
    found_steps, found = read_vcd(tmp_path / "wave.vcd")
    assert found_steps == range(22, 30)
    assert found["accelerator.run.cycle"] == list(found_steps)
    assert strip_scopes(found) == expect_values(view)


def test_one_view_gives_one_file_whose_size_is_known_beforehand(tmp_path: Path) -> None:
    view = make_view(make_recording(200))
    texts = []
    for name in ("a.vcd", "b.vcd"):
        write_vcd(tmp_path / name, view)
        texts.append((tmp_path / name).read_bytes())
    assert texts[0] == texts[1]
    assert b"$comment a run that was made up $end" in texts[0]
    assert 0.8 < view.estimate_bytes() / len(texts[0]) < 1.2
