"""The wave form as Fast Signal Trace, by pylibfst: GTKWave's own code behind Python."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastcar.cosim.wave.changes import list_changes
from fastcar.cosim.wave.groups import CYCLE, CYCLE_SOURCE, Group, name_in_file
from fastcar.cosim.wave.view import TIMESCALE, WaveView
from fastcar.reference.progress import Progress


def write_fst(path: Path, view: WaveView, progress: Progress | None = None) -> None:
    """Write the steps of a view.

    Args:
        path: the file.
        view: what is written.
        progress: called with steps done and to do.

    Raises:
        OSError: the file cannot be written.
    """
    import pylibfst

    lib, ffi = pylibfst.lib, pylibfst.ffi
    context = lib.fstWriterCreate(os.fsencode(path), 1)
    if context == ffi.NULL:
        raise OSError("pylibfst cannot write it")
    try:
        lib.fstWriterSetTimescaleFromString(context, TIMESCALE.replace(" ", "").encode())
        lib.fstWriterSetComment(context, view.comment.encode())
        lib.fstWriterSetDate(context, b"")
        handles = _Hierarchy(lib, context).declare(view)
        _emit(lib, ffi, context, handles, view, progress)
    finally:
        lib.fstWriterClose(context)


def _emit(
    lib: Any,
    ffi: Any,
    context: Any,
    handles: list[int],
    view: WaveView,
    progress: Progress | None,
) -> None:
    signals, now = view.recording.signals, -1
    for step, number, value in list_changes(view.recording, view.steps, progress):
        if step != now:
            lib.fstWriterEmitTimeChange(context, step)
            now = step
        signal = signals[number]
        if signal.num_words == 1:
            lib.fstWriterEmitValueChange64(context, handles[number], signal.num_bits, value)
        else:
            # Vec64 of pylibfst 0.2.1 writes the upper half of every word as zeros.
            words = ffi.from_buffer("uint32_t[]", value.to_bytes(8 * signal.num_words, "little"))
            lib.fstWriterEmitValueChangeVec32(context, handles[number], signal.num_bits, words)
    lib.fstWriterEmitTimeChange(context, view.steps.stop)


class _Hierarchy:
    """Scopes and variables; a scope is entered from the one above it."""

    def __init__(self, lib: Any, context: Any) -> None:
        self._lib, self._context = lib, context
        self._scope: tuple[str, ...] = ()

    def declare(self, view: WaveView) -> list[int]:
        """A handle for each signal of the recording, in its order."""
        made: dict[str, int] = {}
        for group in sorted(view.groups, key=lambda group: group.scope):
            self._enter(group)
            for signal in group.signals:
                made[signal.name] = self._create(signal.name, signal.num_bits)
                if signal.name == CYCLE_SOURCE:
                    self._create(CYCLE, signal.num_bits, made[signal.name])
        return [made[signal.name] for signal in view.recording.signals]

    def _create(self, name: str, num_bits: int, alias: int = 0) -> int:
        lib = self._lib
        kind, direction = lib.FST_VT_VCD_WIRE, lib.FST_VD_IMPLICIT
        text = name_in_file(name, num_bits).encode()
        return int(lib.fstWriterCreateVar(self._context, kind, direction, num_bits, text, alias))

    def _enter(self, group: Group) -> None:
        while self._scope != group.scope[: len(self._scope)]:
            self._lib.fstWriterSetUpscope(self._context)
            self._scope = self._scope[:-1]
        for name in group.scope[len(self._scope) :]:
            self._lib.fstWriterSetScope(
                self._context, self._lib.FST_ST_VCD_MODULE, name.encode(), b""
            )
        self._scope = group.scope
