"""DRS in the exported accelerator: order of commits, round robin, balance, Index and Mapping.

Proven without any assumption, for all runs: cores are free (see `proofs.formal.control`), so
decisions may arrive in any order, at any time, and even twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from cosim.verilog import MODULE_NAME
from proofs.formal.control import (
    describe,
    export_anew,
    export_once,
    make_config,
    make_frame,
    name_free_cores,
    name_outputs,
    name_visible,
)
from proofs.formal.design import make_planted
from proofs.formal.task import FormalTask, Method, PlantedBug
from rtl.config import AcceleratorConfig

NUM_CORES = (1, 2, 3, 4, 8)
NUM_SLOTS = (4, 8, 32)
QUICK = (3, 4)
"""C and B of the quick set."""
BUGGY = (3, 4)
"""C and B in which bugs are planted."""

TOP = "scheduler_checker"
CHECKER = Path(__file__).with_suffix(".sv")
SHOWN = (
    "reset",
    "dispatcher_is_begin",
    "decision_valid",
    "decision_slot",
    "decision_computes",
    "decision_core",
    "num_commits",
    "turn",
    "slot",
    "mapping",
    "index_register",
    "index_valid_register",
)


def list_tasks() -> Iterator[FormalTask]:
    """One task for each C and B."""
    for num_cores in NUM_CORES:
        for num_slots in NUM_SLOTS:
            yield make_task(make_config(num_cores, num_slots))


def make_task(config: AcceleratorConfig) -> FormalTask:
    """All claims about the scheduler for one C and B."""
    sizes = (config.num_cores, config.num_slots)
    free, visible = name_free_cores(config), name_visible(config)
    read = name_outputs(config) | visible
    return FormalTask(
        name=f"scheduler C={config.num_cores} B={config.num_slots}",
        claim="decisions are committed once and in slot order, mapped round robin with balance "
        "within one (static: b mod C), and kept in Index and Mapping until BEGIN",
        configuration=describe(config),
        make_design=partial(export_once, config),
        design_top=MODULE_NAME,
        checker=make_frame(config, TOP, free, read, CHECKER.read_text(encoding="utf-8")),
        top=TOP,
        method=Method.INDUCTION,
        depth_cycles=1,
        num_assertions=CHECKER.read_text(encoding="utf-8").count(": assert "),
        num_covers=CHECKER.read_text(encoding="utf-8").count(": cover "),
        cover_depth_cycles=16,
        free=tuple(free),
        visible=tuple(visible),
        bugs=tuple(_make_bugs(config)) if sizes == BUGGY else (),
        shown=SHOWN,
        argument="counters of the checker follow the registers; cores and decisions are free",
        is_quick=sizes == QUICK,
    )


def _make_bugs(config: AcceleratorConfig) -> Iterator[PlantedBug]:
    bugs = (
        (
            "the pointer wraps one core late",
            "is_last_core = pointer_q == config.num_cores - 1",
            "is_last_core = pointer_q == config.num_cores",
        ),
        (
            "replayed slots take a turn as well",
            "drive(pointer_q, (is_mapped,",
            "drive(pointer_q, (is_commit,",
        ),
        (
            "a slot is committed before its number is reached",
            "is_commit = inputs.is_decided & (commit_slot_q != num_slots_q)",
            "is_commit = inputs.is_decided",
        ),
        (
            "BEGIN keeps the decisions of the layer before",
            '_make_marks(config, "index_valid", is_commit, commit_slot_q, forget)',
            '_make_marks(config, "index_valid", is_commit, commit_slot_q, inputs.reset)',
        ),
        (
            "a replayed slot overwrites its mapping of core 0",
            "_make_mappings(config, mapped_core, is_mapped, commit_slot_q, inputs.reset)",
            "_make_mappings(config, static_core, is_mapped, commit_slot_q, inputs.reset)",
        ),
    )
    for name, old, new in bugs:
        export = partial(export_anew, config)
        yield PlantedBug(name, make_planted(export, "rtl.scheduler", old, new), depth_cycles=14)
