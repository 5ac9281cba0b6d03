"""Every formal proof there is."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from fastcar.proofs.formal.task import FormalTask
from fastcar.reference.errors import ArgumentError

MODULES = (
    "scheduler",
    "dispatcher",
    "sections",
    "queue",
    "progress",
    "requantizer",
    "requantizer_sum",
    "silu_table",
    "silu_multiply",
    "saturating_add",
    "score_unit",
    "score_tap",
    "read_channel",
    "write_channel",
    "write_strobes",
    "rms_norm",
    "running_maximum",
    "running_sum",
    "block_walk",
    "context",
    "exponential",
    "masked_keys",
    "masked_weights",
    "reciprocal",
    "reciprocal_queue",
    "pick",
    "order",
    "reset",
)
"""Modules of this package that have `list_tasks`, in the order of the document."""


@cache
def list_tasks() -> tuple[FormalTask, ...]:
    """All tasks, module by module; made once, for their checkers need the exported Verilog.

    Raises:
        ArgumentError: a name stands twice.
    """
    tasks = tuple(
        task
        for name in MODULES
        for task in import_module(f"fastcar.proofs.formal.{name}").list_tasks()
    )
    names = [task.name for task in tasks]
    for name in names:
        if names.count(name) > 1:
            raise ArgumentError("name", name, "unique among the formal tasks")
    return tasks


def get_task(name: str) -> FormalTask:
    """The task of a name.

    Raises:
        ArgumentError: there is none.
    """
    for task in list_tasks():
        if task.name == name:
            return task
    raise ArgumentError("task", name, "the name of a formal task (--list shows them)")
