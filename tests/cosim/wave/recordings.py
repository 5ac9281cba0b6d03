"""Recordings that are made up, and readers of the files written of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from vcd.reader import ScalarChange, TokenKind, VectorChange, tokenize

from fastcar.cosim.verilog.verilog import export_verilog
from fastcar.cosim.wave.recording import Recorder, Recording, Signal, place_signals
from fastcar.cosim.wave.view import WaveView
from fastcar.rtl.config import TINY

REGISTERS = (("core0_queue_next_q", 130), ("done_q", 1))
Values = dict[str, list[int]]
"""Of each signal by its path, step by step."""


@cache
def list_signals() -> tuple[Signal, ...]:
    """The ports of the tiny accelerator, and two registers."""
    ports = [(port.name, port.num_bits) for port in export_verilog(TINY).ports]
    return place_signals([*REGISTERS, *ports])


def make_recording(num_steps: int, num_rows: int | None = None, seed: int = 0) -> Recording:
    """Random values of all bits, of which about half change; `counter_cycles` counts."""
    signals, rng = list_signals(), np.random.default_rng(seed)
    recorder = Recorder() if num_rows is None else Recorder(num_rows * 8 * _count_words(signals))
    recorder.begin(signals, num_steps)
    values = dict.fromkeys((one.name for one in signals), 0)
    for step in range(num_steps):
        for signal in signals:
            if rng.random() < 0.5:
                value = int.from_bytes(rng.bytes(32), "little")
                values[signal.name] = value % (1 << signal.num_bits)
        recorder.add({**values, "counter_cycles": step}.__getitem__)
    recording = recorder.recording
    assert recording is not None
    return recording


def _count_words(signals: tuple[Signal, ...]) -> int:
    return sum(signal.num_words for signal in signals)


def make_view(recording: Recording, steps: range | None = None) -> WaveView:
    steps = recording.steps if steps is None else steps
    return WaveView(recording, steps, steps[len(steps) // 2], "a run that was made up")


def expect_values(view: WaveView) -> Values:
    """What a file of a view must hold, by name without scopes."""
    found = {
        signal.name: [view.recording.read(signal.name, step) for step in view.steps]
        for signal in view.recording.signals
    }
    return {**found, "cycle": found["counter_cycles"]}


def strip_scopes(values: Values) -> Values:
    """By the last part of each path; no two signals share it."""
    stripped = {path.rpartition(".")[2]: column for path, column in values.items()}
    assert len(stripped) == len(values)
    return stripped


def read_vcd(path: Path) -> tuple[range, Values]:
    """Steps and values of a VCD file, by the reader of pyvcd."""
    scopes: list[str] = []
    idents: dict[str, str] = {}
    changes: list[tuple[int, str, int]] = []
    now, times = 0, []
    with path.open("rb") as file:
        for token in tokenize(file):
            kind, found = token.kind, token.data
            if kind is TokenKind.SCOPE:
                scopes.append(token.scope.ident)
            elif kind is TokenKind.UPSCOPE:
                scopes.pop()
            elif kind is TokenKind.VAR:
                idents[".".join([*scopes, token.var.reference])] = token.var.id_code
            elif kind is TokenKind.CHANGE_TIME:
                now = token.time_change
                times.append(now)
            elif isinstance(found, ScalarChange | VectorChange):
                changes.append((now, found.id_code, int(found.value)))
    return _expand(idents, changes, times)


def read_fst(path: Path) -> tuple[range, Values]:
    """Steps and values of an FST file, by the reader of libfst."""
    import pylibfst

    lib = pylibfst.lib
    context = lib.fstReaderOpen(str(path).encode())
    assert context != pylibfst.ffi.NULL
    _, signals = pylibfst.get_scopes_signals2(context)
    idents = {
        name.partition(" ")[0]: str(signal.handle) for name, signal in signals.by_name.items()
    }
    changes: list[tuple[int, str, int]] = []

    def take(_: Any, time: int, handle: int, value: Any) -> None:
        changes.append((time, str(handle), int(pylibfst.string(value), 2)))

    lib.fstReaderSetFacProcessMaskAll(context)
    pylibfst.fstReaderIterBlocks(context, take)
    times = [lib.fstReaderGetStartTime(context), lib.fstReaderGetEndTime(context)]
    lib.fstReaderClose(context)
    return _expand(idents, sorted(changes, key=lambda change: change[0]), times)


def _expand(
    idents: dict[str, str], changes: list[tuple[int, str, int]], times: list[int]
) -> tuple[range, Values]:
    """Columns of all steps; the last time of a file is the end of its last step."""
    steps = range(min(times), max(times))
    columns: Values = {ident: [] for ident in idents.values()}
    for time, ident, value in changes:
        column = columns[ident]
        column += column[-1:] * (time - steps.start - len(column))
        del column[time - steps.start :]
        column.append(value)
    for column in columns.values():
        column += column[-1:] * (len(steps) - len(column))
    return steps, {path: columns[ident] for path, ident in idents.items()}
