"""Progress and warnings on stderr, so that stdout holds results only."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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
def show_progress(unit: str = "tokens", is_one_bar: bool = False) -> Iterator[StageProgress]:
    """Tell how far the block has come: bars on a terminal, elsewhere a line now and then.

    Args:
        unit: what is counted.
        is_one_bar: one bar that changes its name, where all stages count the same things.

    Yields:
        To be told of progress; a total of 0 is a stage whose length nobody knows.
    """
    from rich.console import Console

    console = Console(stderr=True)
    shown = _show_bars(console, unit, is_one_bar) if console.is_terminal else _print_lines(unit)
    with shown as update:
        yield update


@contextmanager
def _show_bars(console: Console, unit: str, is_one_bar: bool) -> Iterator[StageProgress]:
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:>15}"),
        BarColumn(),
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}"),
        TimeElapsedColumn(),
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
def _print_lines(unit: str) -> Iterator[StageProgress]:
    """A thread speaks, so that a stage that tells nothing for long is heard of too."""
    stages: list[tuple[str, int, int, float]] = []
    is_over = Event()

    def speak() -> None:
        while not is_over.wait(LINE_SECONDS):
            if stages:
                with suppress(OSError, ValueError):  # stderr may be closed
                    click.echo(_format_line(*stages[-1], unit), err=True)

    def update(stage: str, done: int, total: int) -> None:
        is_new = not stages or stages[-1][0] != stage
        start = time.monotonic() if is_new else stages[-1][3]
        stages[:] = [(stage, done, total, start)]

    thread = Thread(target=speak, daemon=True)
    thread.start()
    try:
        yield update
    finally:
        is_over.set()
        thread.join()


def _format_line(stage: str, done: int, total: int, start: float, unit: str) -> str:
    counted = f"{done}/{total} {unit}, " if total else ""
    return f"fastcar: {stage.replace('_', ' ')}: {counted}{time.monotonic() - start:.0f} s"
