"""Wave forms as files: which cycles of a real run, what is refused, what stands beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from fastcar.cosim.backends.backend import RunSettings, WatchdogError
from fastcar.cosim.backends.memory_model import ChannelSettings
from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend
from fastcar.cosim.engine import AcceleratorEngine
from fastcar.cosim.lockstep import Difference, LockstepError
from fastcar.cosim.wave.recording import Recorder
from fastcar.cosim.wave.side_files import is_ours
from fastcar.reference.errors import ArgumentError, FastCarError, OutputError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.rtl.config import TINY
from fastcar.wave_output import Wave, WaveRequest, make_wave, parse_window, write_wave
from tests.cosim.tiny_model import make_model, make_request
from tests.cosim.wave.recordings import expect_values, read_fst, read_vcd, strip_scopes


@pytest.fixture(scope="module")
def backend() -> PyrtlBackend:
    return PyrtlBackend(TINY)


def run_layer(
    backend: PyrtlBackend, settings: RunSettings | None = None, limit_bytes: int = 1 << 28
) -> tuple[AcceleratorEngine, FastCarError | None]:
    """One layer on the tiny accelerator, and how it was refused."""
    backend.reset()
    recorder = Recorder(limit_bytes)
    engine = AcceleratorEngine(make_model(TINY), backend, settings=settings, recorder=recorder)
    engine.reset(2, 1)
    request = make_request(TINY, np.random.default_rng(0), DecisionSource.SCORE, 2, 7, 1)
    try:
        engine.run_layer(0, request)
    except FastCarError as error:
        return engine, error
    return engine, None


def take(
    path: Path, window: int | None, engine: AcceleratorEngine, failure: FastCarError | None
) -> Wave:
    wave = make_wave(WaveRequest(path, window), engine, "pyrtl", failure)
    assert wave is not None
    return wave


def differ(
    engine: AcceleratorEngine, cycle: int | None, quantity: str = "total", slot: int | None = None
) -> LockstepError:
    assert engine.last_run is not None
    return LockstepError(engine.last_run, Difference(quantity, slot, cycle, 1, 2))


def test_the_difference_stands_in_the_middle(backend: PyrtlBackend, tmp_path: Path) -> None:
    """In the cycle of the run that hardware and reference name, at both ends of it as well."""
    engine, _ = run_layer(backend)
    assert engine.last_run is not None
    last = engine.last_run.result.num_steps
    for cycle, window in ((40, 10), (3, 10), (last - 4, 10), (40, None)):
        view = take(tmp_path / "a.vcd", window, engine, differ(engine, cycle)).view
        assert view.recording.read("counter_cycles", view.centre) == cycle
        wanted = range(max(0, view.centre - 10), min(last, view.centre + 11))
        assert view.steps == (range(last) if window is None else wanted)


def test_a_record_that_differs_stands_in_the_middle(backend: PyrtlBackend, tmp_path: Path) -> None:
    """Also where the cycle that it names is what is wrong."""
    engine, _ = run_layer(backend)
    assert engine.last_run is not None
    result = engine.last_run.result
    for retire in result.retires:
        for cycle in (retire.end_cycle, 2, 1 << 40):
            failure = differ(engine, cycle, "retire digest", retire.slot)
            view = take(tmp_path / "a.vcd", 1, engine, failure).view
            assert view.recording.read("retire_digest", view.centre) == retire.digest
            assert len(view.steps) == 3
    for decision in result.decisions:
        failure = differ(engine, decision.cycle, "decision score", decision.slot)
        view = take(tmp_path / "a.vcd", 1, engine, failure).view
        assert view.recording.read("decision_score", view.centre) == decision.score % (1 << 48)
        assert view.recording.read("counter_cycles", view.centre) == decision.cycle


def test_without_a_cycle_the_end_is_shown(backend: PyrtlBackend, tmp_path: Path) -> None:
    """Of a run that is equal, or differs in what is read behind it."""
    engine, _ = run_layer(backend)
    assert engine.last_run is not None
    last = engine.last_run.result.num_steps - 1
    for failure in (None, differ(engine, None)):
        wave = take(tmp_path / "a.vcd", 6, engine, failure)
        assert (wave.view.steps, wave.notes) == (range(last - 6, last + 1), ())
        assert wave.view.comment.startswith("fastcar cosim: layer 0, token 7, back end pyrtl; ")


def test_a_difference_that_was_not_kept_is_told(backend: PyrtlBackend, tmp_path: Path) -> None:
    engine, _ = run_layer(backend, limit_bytes=30 * 8 * 610)
    wave = take(tmp_path / "a.vcd", 500, engine, differ(engine, 2))
    assert len(wave.view.steps) == 30
    assert wave.notes == (
        "cycle 2 of the difference is not among the 30 newest that were recorded: "
        "the wave form shows the end of the run",
    )


def test_a_run_that_hangs_is_shown_where_it_stopped(backend: PyrtlBackend, tmp_path: Path) -> None:
    """The memory does not answer; for the last 300 cycles nothing moves."""
    slow = RunSettings(limit_cycles=400, channels=ChannelSettings(latency_cycles=60_000))
    engine, failure = run_layer(backend, slow)
    assert isinstance(failure, WatchdogError)
    view = take(tmp_path / "a.vcd", 5, engine, failure).view
    assert 0 < view.centre < 100
    assert view.steps == range(view.centre - 5, view.centre + 6)
    read = view.recording.read
    assert any(read(f"core{core}_read_request_valid", view.centre) for core in range(2)) or read(
        "instruction_ready", view.centre
    )


def test_an_accelerator_that_never_ran_has_no_wave_form(tmp_path: Path) -> None:
    engine = AcceleratorEngine(make_model(TINY), PyrtlBackend(TINY), recorder=Recorder())
    assert make_wave(WaveRequest(tmp_path / "a.vcd"), engine, "pyrtl", None) is None


@pytest.mark.parametrize("suffix", ["vcd", "fst"])
def test_files_hold_the_run(backend: PyrtlBackend, tmp_path: Path, suffix: str) -> None:
    if suffix == "fst":
        pytest.importorskip("pylibfst", reason="pylibfst is not installed: fastcar[fst]")
    engine, _ = run_layer(backend)
    request = WaveRequest(tmp_path / "below" / f"a.{suffix}", 20)
    wave = make_wave(request, engine, "pyrtl", None)
    assert wave is not None
    assert write_wave(request, wave.view) == []
    steps, values = (read_vcd if suffix == "vcd" else read_fst)(request.path)
    assert steps == wave.view.steps
    assert strip_scopes(values) == expect_values(wave.view)
    assert [path.name for path in request.paths] == [f"a.{suffix}", "a.gtkw", "a.sucl"]
    assert sorted(request.path.parent.iterdir()) == sorted(request.paths)
    assert all(is_ours(path) for path in request.paths[1:])


def test_what_the_library_cannot_write_leaves_nothing(
    backend: PyrtlBackend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, _ = run_layer(backend)
    request = WaveRequest(tmp_path / "a.vcd", 20)
    wave = make_wave(request, engine, "pyrtl", None)
    assert wave is not None

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("fastcar.cosim.wave.side_files.write_side_file", fail)
    with pytest.raises(OutputError, match="no space left on device"):
        write_wave(request, wave.view)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a", "a.lxt", "a.VCD", ".vcd"])
def test_another_suffix_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArgumentError, match=r"must be FILE\.vcd or FILE\.fst$"):
        WaveRequest(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "library", "extra"), [("a.vcd", "vcd", "cli"), ("a.fst", "pylibfst", "fst")]
)
def test_a_missing_library_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, library: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    text = f"written by {library}, which is not installed: pip install 'fastcar\\[{extra}\\]'$"
    with pytest.raises(ArgumentError, match=text):
        WaveRequest(tmp_path / name)


@pytest.mark.parametrize("name", ["a.vcd", "a.gtkw", "a.sucl"])
def test_no_file_replaces_a_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match=rf"{name}': must be a file"):
        WaveRequest(tmp_path / "a.vcd")


@pytest.mark.parametrize("value", [0, "0", "-1", "", "3.5", "ALL", True, 2.0, "9" * 30, "²"])
def test_a_window_is_a_number_or_all(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"^wave_window = "):
        parse_window(value)
