"""FST files: what a reader finds in them is the recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastcar.cosim.wave.fst_file import write_fst
from tests.cosim.wave.recordings import (
    expect_values,
    make_recording,
    make_view,
    read_fst,
    strip_scopes,
)

pytest.importorskip("pylibfst", reason="pylibfst is not installed: fastcar[fst]")


@pytest.mark.parametrize("steps", [range(25), range(4, 20), range(24, 25)])
def test_a_reader_finds_every_value_in_every_step(tmp_path: Path, steps: range) -> None:
    view = make_view(make_recording(25), steps)
    told: list[tuple[int, int]] = []
    write_fst(tmp_path / "wave.fst", view, lambda *done: told.append(done))
    found_steps, found = read_fst(tmp_path / "wave.fst")
    assert found_steps == steps
    assert strip_scopes(found) == expect_values(view)
    assert told[-1] == (len(steps), len(steps))


def test_what_was_kept_of_a_long_run_has_its_steps(tmp_path: Path) -> None:
    view = make_view(make_recording(30, num_rows=8))
    write_fst(tmp_path / "wave.fst", view)
    found_steps, found = read_fst(tmp_path / "wave.fst")
    assert found_steps == range(22, 30)
    assert found["accelerator.run.cycle"] == list(found_steps)
    assert strip_scopes(found) == expect_values(view)


def test_a_file_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path) -> None:
    view = make_view(make_recording(3))
    with pytest.raises(OSError, match="pylibfst cannot write it"):
        write_fst(tmp_path / "missing" / "wave.fst", view)
