"""Save file of GTKWave, command file of Surfer: signals that exist, and whose they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fastcar.cosim.wave.side_files import (
    SIDE_FILES,
    is_ours,
    make_command_file,
    make_save_file,
    write_side_file,
)
from fastcar.cosim.wave.vcd_file import write_vcd
from tests.cosim.wave.recordings import make_recording, make_view, read_vcd


@pytest.fixture
def names(tmp_path: Path) -> set[str]:
    """Paths of all signals in the wave form."""
    write_vcd(tmp_path / "wave.vcd", make_view(make_recording(3)))
    return set(read_vcd(tmp_path / "wave.vcd")[1])


def list_declared(wave: Path) -> set[str]:
    """Last parts of the names that a VCD file declares, with the ranges of their bits."""
    found = re.findall(r"^\$var wire \d+ \S+ (\S+)(?: (\[\d+:0\]))? \$end$", wave.read_text(), re.M)
    return {name + bits for name, bits in found}


def test_gtkwave_is_given_signals_of_the_wave_form(names: set[str], tmp_path: Path) -> None:
    view = make_view(make_recording(300), range(100, 300))
    lines = make_save_file(view, tmp_path / "wave.vcd").splitlines()
    traces = [line for line in lines if re.match(r"\w", line)]
    assert {trace.partition("[")[0] for trace in traces} < names
    assert {trace.rpartition(".")[2] for trace in traces} < list_declared(tmp_path / "wave.vcd")
    assert len(traces) == len(set(traces)) > 60
    assert "accelerator.run.done" in traces
    assert "accelerator.run.cycle[47:0]" in traces
    assert "accelerator.core1.core1_write_data[31:0]" in traces
    assert not any("registers" in trace for trace in traces)
    assert lines.count("-accelerator.records") == 2
    assert f'[dumpfile] "{tmp_path / "wave.vcd"}"' in lines
    assert "[timestart] 100" in lines
    assert any(line.startswith("*-2.000000 200 ") for line in lines)


def test_surfer_is_given_scopes_of_the_wave_form(names: set[str]) -> None:
    view = make_view(make_recording(3))
    lines = make_command_file(view, Path("wave.vcd")).splitlines()
    scopes = [
        line.removeprefix("scope_add_as_group ") for line in lines if line.startswith("scope_add")
    ]
    assert scopes == [f"accelerator.{name}" for name in ("run", "mapping", "records")] + [
        "accelerator.core0",
        "accelerator.core1",
    ]
    assert set(scopes) < {name.rpartition(".")[0] for name in names}
    assert lines[len(scopes) :] == ["zoom_fit", "cursor_set 1", "goto_cursor"]


@pytest.mark.parametrize("suffix", SIDE_FILES)
def test_a_file_is_ours_until_somebody_changes_it(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"wave{suffix}"
    view = make_view(make_recording(3))
    assert not is_ours(path)
    write_side_file(path, SIDE_FILES[suffix](view, tmp_path / "wave.vcd"))
    assert is_ours(path)
    text = path.read_text()
    for changed in (text + "\n", text.replace("accelerator", "mine", 1), text.split("\n", 1)[1]):
        path.write_text(changed)
        assert not is_ours(path)
    path.write_bytes(b"\xff")
    assert not is_ours(path)
