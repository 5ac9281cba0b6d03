"""Progress and warnings on stderr, so that stdout holds results only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING

import click

from fastcar.reference.progress import StageProgress

if TYPE_CHECKING:
    from rich.console import Console

LINE_SECONDS = 10.0
"""Where stderr is no terminal, a line says so often how far the work has come."""


def note(text: str) -> None:
    """One line on stderr on something that is done otherwise than asked."""
    click.echo("fastcar: note: " + " ".join(text.split()), err=True)


def warn(text: str) -> None:
    """One line on stderr on a result that is not what it seems."""
    click.echo("fastcar: warning: " + " ".join(text.split()), err=True)


@contextmanager
def show_progress(
    unit: str = "tokens", is_one_bar: bool = False, tells_end: bool = False
) -> Iterator[StageProgress]:
    """Tell how far the block has come: bars on a terminal, elsewhere a line now and then.

    Args:
        unit: what is counted.
        is_one_bar: one bar that changes its name, where all stages count the same things.
        tells_end: also how long it will take to the end.

    Yields:
        To be told of progress; a total of 0 is a stage whose length nobody knows.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal:
        shown = _show_bars(console, unit, is_one_bar, tells_end)
    else:
        shown = _print_lines(unit, tells_end)
    with shown as update:
        yield update


@contextmanager
def _show_bars(
    console: Console, unit: str, is_one_bar: bool, tells_end: bool
) -> Iterator[StageProgress]:
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns: tuple[ProgressColumn, ...] = (
        TextColumn("{task.description:>15}"),
        BarColumn(),
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}"),
        TimeElapsedColumn(),
        *([TextColumn("to the end"), TimeRemainingColumn()] if tells_end else []),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console) as progress:

        def update(stage: str, done: int, total: int) -> None:
            key = "" if is_one_bar else stage
            known = total or None
            if key not in tasks:
                tasks[key] = progress.add_task(stage, total=known)
            elif done == 1 and not is_one_bar:
                progress.reset(tasks[key], total=known)
            progress.update(tasks[key], description=stage, completed=done, total=known)

        yield update


@contextmanager
def _print_lines(unit: str, tells_end: bool = False) -> Iterator[StageProgress]:
    """A thread speaks, so that a stage that tells nothing for long is heard of too."""
    stages: list[_Stage] = []
    is_over = Event()

    def speak() -> None:
        while not is_over.wait(LINE_SECONDS):
            if stages:
                with suppress(OSError, ValueError):  # stderr may be closed
                    click.echo(_format_line(stages[-1], unit, tells_end), err=True)

    def update(stage: str, done: int, total: int) -> None:
        is_new = not stages or stages[-1].name != stage
        start = time.monotonic() if is_new else stages[-1].start
        first = done if is_new else stages[-1].first
        stages[:] = [_Stage(stage, done, total, start, first)]

    thread = Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield update
    finally:
        is_over.set()
        thread.join()


@dataclass(frozen=True)
class _Stage:
    """How far a stage has come; `first` was done when it was heard of, at `start`."""

    name: str
    done: int
    total: int
    start: float
    first: int


def _format_line(stage: _Stage, unit: str, tells_end: bool = False) -> str:
    counted = f"{stage.done}/{stage.total} {unit}, " if stage.total else ""
    seconds = time.monotonic() - stage.start
    end = ""
    if tells_end and stage.done > stage.first:
        left = seconds * (stage.total - stage.done) / (stage.done - stage.first)
        end = f", about {left:.0f} s to the end"
    return f"fastcar: {stage.name.replace('_', ' ')}: {counted}{seconds:.0f} s{end}"
