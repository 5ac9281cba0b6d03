"""The wave form of a co-simulation as files: FILE.vcd or FILE.fst, and what viewers open beside it.

D-44 says what is recorded, which cycles are written and which files beside it are replaced.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Protocol

from fastcar.cosim.backends.backend import WatchdogError
from fastcar.cosim.lockstep import Difference, LockstepError
from fastcar.cosim.wave.recording import Recorder, Recording
from fastcar.cosim.wave.view import WaveView
from fastcar.cosim.wave.window import (
    DEFAULT_WINDOW,
    choose_steps,
    find_cycle,
    find_last_transfer,
    find_record,
)
from fastcar.cosimulation import Cosimulation
from fastcar.output import check_no_input, check_writable, write_atomically
from fastcar.reference.arguments import PATH, check_argument
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.reference.progress import Progress, StageProgress

ALL = "all"
"""A window: everything that was recorded."""

SUFFIXES = (".vcd", ".fst")
SIDE_SUFFIXES = (".gtkw", ".sucl")
LIBRARIES = {".vcd": ("vcd", "cli"), ".fst": ("pylibfst", "fst")}
"""What writes them, and the extra that brings it; pyvcd writes the files beside both."""

LARGE_BYTES = 100_000_000
"""What is larger is said before it is written."""


@dataclass(frozen=True)
class WaveRequest:
    """Where a wave form goes, and how much of it.

    Attributes:
        path: FILE.vcd or FILE.fst.
        window: cycles before and behind the one that is looked at; None = all that were recorded.

    Raises:
        ArgumentError: another suffix, a library that is missing, no such window.
        OutputError: a file that cannot be written there.
    """

    path: Path
    window: int | None = DEFAULT_WINDOW

    def __post_init__(self) -> None:
        check_writable(self.path)
        if self.path.suffix not in SUFFIXES:
            raise ArgumentError("wave", str(self.path), "FILE.vcd or FILE.fst")
        for suffix in {".vcd", self.path.suffix}:
            _check_library(self.path, *LIBRARIES[suffix])
        for path in self.paths[1:]:
            check_writable(path)

    @property
    def paths(self) -> list[Path]:
        """All files: the wave form, the save file of GTKWave, the command file of Surfer."""
        return [self.path, *(self.path.with_suffix(suffix) for suffix in SIDE_SUFFIXES)]


def parse_window(value: object) -> int | None:
    """A window as it is asked for: None is the default, "all" everything.

    Raises:
        ArgumentError: neither a number from 1 on nor "all".

    >>> parse_window(None), parse_window("all"), parse_window("20"), parse_window(20)
    (500, None, 20, 20)
    """
    if value is None:
        return DEFAULT_WINDOW
    text = str(check_argument("wave_window", value, int | str))
    if text == ALL:
        return None
    if isinstance(value, bool) or not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise ArgumentError("wave_window", value, "a number of cycles, or all")
    if int(text) < 1:
        raise ArgumentError("wave_window", value, "at least 1")
    return int(text)


class PlacedStart(Protocol):
    """What was given to the accelerator last."""

    @property
    def place(self) -> dict[str, int]:
        """Where it is in the decode, for people."""


class Recorded(Protocol):
    """An accelerator whose last run was recorded."""

    @property
    def recorder(self) -> Recorder | None:
        """What took it; None if nothing did."""

    @property
    def last_start(self) -> PlacedStart | None:
        """What it was given last; None if nothing."""


@dataclass(frozen=True)
class Wave:
    """What is to be written.

    Attributes:
        view: of the recording.
        notes: lines on what is otherwise than asked.
    """

    view: WaveView
    notes: tuple[str, ...]


def request_wave(
    wave: str | PathLike[str] | None, window: object, *inputs: str | PathLike[str] | None
) -> WaveRequest | None:
    """What is asked for of a wave form, if any; refused before a long run.

    Args:
        wave: where it goes.
        window: as `parse_window` takes it.
        inputs: what the run reads.

    Raises:
        ArgumentError: a window alone; as `WaveRequest`.
        OutputError: it would replace an input; as `WaveRequest`.
    """
    if wave is None:
        if window is not None:
            raise ArgumentError("wave_window", window, "given together with wave")
        return None
    request = WaveRequest(Path(check_argument("wave", wave, PATH)), parse_window(window))
    for path in request.paths:
        check_no_input(path, *(Path(one) for one in inputs if isinstance(one, str | PathLike)))
    return request


def write_last_wave(
    request: WaveRequest,
    done: Cosimulation,
    say: Callable[[str], None],
    progress: StageProgress | None = None,
) -> None:
    """Write the wave form of the layer that failed, or of the last one.

    Args:
        request: where it goes.
        done: of a request that records.
        say: called with lines on what is otherwise than asked; on a large file beforehand.
        progress: called with a stage, cycles done and to do.

    Raises:
        OutputError: a file cannot be written.
    """
    run = done.run
    wave = make_wave(request, run.engine.hardware, run.request.backend, done.failure)
    if wave is None:
        say(f"{request.path.name} is not written: the accelerator never ran")
        return
    for line in wave.notes:
        say(line)
    tell = None if progress is None else partial(progress, "wave form")
    for path in write_wave(request, wave.view, tell):
        say(f"{path.name} stays as it is: it is not as --wave wrote it")


def make_wave(
    request: WaveRequest, hardware: Recorded, backend: str, failure: FastCarError | None
) -> Wave | None:
    """The part of the recording that was asked for; None if the accelerator never ran.

    Args:
        request: where it goes.
        hardware: whose last run was recorded.
        backend: its name.
        failure: what ended it early.
    """
    recording = None if hardware.recorder is None else hardware.recorder.recording
    if recording is None or hardware.last_start is None:
        return None
    centre, notes = _choose_centre(recording, failure)
    steps = choose_steps(recording, centre, request.window)
    places = [f"{name} {at}" for name, at in hardware.last_start.place.items()]
    comment = (
        f"fastcar cosim: {', '.join(places)}, "
        f"back end {backend}; time counts clock cycles from the start of the run"
    )
    view = WaveView(recording, steps, centre, comment)
    num_bytes = view.estimate_bytes() if request.path.suffix == ".vcd" else 0
    if num_bytes > LARGE_BYTES:
        size = f"{len(steps):,} cycles of {len(recording.signals):,} signals"
        notes.append(
            f"{request.path.name} will take about {num_bytes / 1e6:,.0f} MB, {size}: "
            "a smaller --wave-window or FILE.fst takes less"
        )
    return Wave(view, tuple(notes))


def write_wave(
    request: WaveRequest, view: WaveView, progress: Progress | None = None
) -> list[Path]:
    """Write all files, each whole or not at all.

    Args:
        request: where they go.
        view: what is written.
        progress: called with cycles done and to do.

    Returns:
        Files beside the wave form that were left as they are, because somebody changed them.

    Raises:
        OutputError: a file cannot be written.
    """
    from fastcar.cosim.wave.fst_file import write_fst
    from fastcar.cosim.wave.side_files import SIDE_FILES, is_ours, write_side_file
    from fastcar.cosim.wave.vcd_file import write_vcd

    write = write_fst if request.path.suffix == ".fst" else write_vcd
    kept: list[Path] = []
    with ExitStack() as stack:
        write(stack.enter_context(write_atomically(request.path)), view, progress)
        for path in request.paths[1:]:
            if path.exists() and not is_ours(path):
                kept.append(path)
                continue
            text = SIDE_FILES[path.suffix](view, request.path.resolve())
            write_side_file(stack.enter_context(write_atomically(path)), text)
    return kept


def _choose_centre(recording: Recording, failure: FastCarError | None) -> tuple[int, list[str]]:
    """The step that is looked at, and what is to be said about it.

    That of the difference; where a run hangs, the last transfer; else the last.
    """
    last = recording.steps[-1]
    if isinstance(failure, WatchdogError):
        found = find_last_transfer(recording)
        return last if found is None else found, []
    difference = failure.difference if isinstance(failure, LockstepError) else None
    if difference is None or difference.cycle is None:
        return last, []
    found, cycle = _find_difference(recording, difference), difference.cycle
    if found is not None:
        return found, []
    text = f"cycle {cycle:,} of the difference is not among the {len(recording.steps):,} newest"
    return last, [f"{text} that were recorded: the wave form shows the end of the run"]


def _find_difference(recording: Recording, difference: Difference) -> int | None:
    """Where its record was shown, else the cycle that the record names."""
    kind = difference.quantity.partition(" ")[0]
    found = None
    if difference.slot is not None and kind in ("decision", "retire"):
        found = find_record(recording, kind, difference.slot, difference.cycle)
    if found is None and difference.cycle is not None:
        return find_cycle(recording, difference.cycle)
    return found


def _check_library(path: Path, name: str, extra: str) -> None:
    try:
        import_module(name)
    except ImportError:
        limit = f"written by {name}, which is not installed: pip install 'fastcar[{extra}]'"
        raise ArgumentError("wave", str(path), limit) from None
