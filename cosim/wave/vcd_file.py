"""The wave form as Value Change Dump, by pyvcd."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vcd.writer import VCDWriter

from fastcar.cosim.wave.changes import list_changes
from fastcar.cosim.wave.groups import CYCLE, CYCLE_SOURCE, name_in_file
from fastcar.cosim.wave.view import TIMESCALE, WaveView
from fastcar.reference.progress import Progress


def write_vcd(path: Path, view: WaveView, progress: Progress | None = None) -> None:
    """Write the steps of a view; the same view gives the same bytes.

    Args:
        path: the file.
        view: what is written.
        progress: called with steps done and to do.
    """
    start = view.steps.start
    with path.open("w", encoding="ascii") as file:
        writer = VCDWriter(
            file,
            timescale=TIMESCALE,
            date="",
            comment=view.comment,
            check_values=False,
            init_timestamp=start,
        )
        with writer:
            variables = _register(writer, view)
            for step, number, value in list_changes(view.recording, view.steps, progress):
                writer.change(variables[number], step, value)
            writer.close(view.steps.stop)


def _register(writer: VCDWriter, view: WaveView) -> list[Any]:
    """A variable for each signal of the recording, in its order."""
    made: dict[str, Any] = {}
    for group in view.groups:
        for signal in group.signals:
            name, num_bits = signal.name, signal.num_bits
            made[name] = writer.register_var(
                group.scope, name_in_file(name, num_bits), "wire", num_bits, init=0
            )
            if name == CYCLE_SOURCE:
                writer.register_alias(group.scope, name_in_file(CYCLE, num_bits), made[name])
    return [made[signal.name] for signal in view.recording.signals]
