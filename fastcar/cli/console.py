"""Progress and warnings on stderr, so that stdout holds results only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from fastcar.reference.progress import StageProgress


def note(text: str) -> None:
    """One line on stderr on something that is done otherwise than asked."""
    click.echo("fastcar: note: " + " ".join(text.split()), err=True)


def warn(text: str) -> None:
    """One line on stderr on a result that is not what it seems."""
    click.echo("fastcar: warning: " + " ".join(text.split()), err=True)


@contextmanager
def show_progress(unit: str = "tokens") -> Iterator[StageProgress]:
    """A bar per stage, counting `unit`, while the block runs; nothing without a terminal."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:>12}"),
        BarColumn(),
        TextColumn(f"{{task.completed}}/{{task.total}} {unit}"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:

        def update(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = progress.add_task(stage, total=total)
            elif done == 1:
                progress.reset(tasks[stage], total=total)
            progress.update(tasks[stage], completed=done)

        yield update
