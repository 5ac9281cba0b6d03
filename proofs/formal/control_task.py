"""Tasks about the control of the exported accelerator, for every C and B."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.proofs.formal.control import (
    SMALL_ATTENTION,
    describe,
    export_anew,
    export_once,
    make_config,
    make_frame,
    name_free_cores,
    name_outputs,
    name_visible,
)
from fastcar.proofs.formal.design import make_planted
from fastcar.proofs.formal.task import FormalTask, Method, PlantedBug, count_obligations
from fastcar.rtl.config import AcceleratorConfig

NUM_CORES = (1, 2, 3, 4, 8)
NUM_SLOTS = (4, 8, 32)
QUICK_SIZES = (2, 4)
"""C and B of the quick set."""
BUGGY_SIZES = (3, 4)
"""C and B in which bugs are planted."""

ATTENTION_SIZES = ((1, 4), (2, 4), (3, 4))
"""C and B of the accelerators with attention."""

MAX_COVERED = 16
"""Largest C times B in which all covers are searched; in larger ones the first one alone."""

_COVER = re.compile(r"^ *\w+: cover .*\n", re.MULTILINE)


@dataclass(frozen=True)
class Bug:
    """A bug to be planted in a module of `rtl`.

    Attributes:
        name: what is wrong, in words.
        module: dotted name.
        old: text that stands there once.
        new: what replaces it.
        depth_cycles: runs that are searched.
    """

    name: str
    module: str
    old: str
    new: str
    depth_cycles: int = 14


@dataclass(frozen=True)
class ControlProof:
    """Claims about the control, for all C and B, by induction over one cycle.

    Attributes:
        unit: name of the unit, and stem of the checker's file beside this one.
        claim: what is proven.
        argument: what the induction rests on.
        bugs: planted in the quick sizes.
        shown: signals of the counterexamples.
        cover_depth_cycles: runs in which every cover must be reached.
        queue_depth: instructions that a core queues.
        name_free: wires that are cut.
        name_visible: inner wires that are read.
        name_solver: for how many cores.
        declare: SystemVerilog in front of the checker's body.
        with_attention: SystemVerilog behind it, where the accelerator has attention.
        attention_bugs: planted in that accelerator, in the same sizes, in place of the others.
        quick_attention_sizes: its C and B of the quick set; None: none are.
    """

    unit: str
    claim: str
    argument: str
    bugs: tuple[Bug, ...]
    shown: tuple[str, ...]
    cover_depth_cycles: int = 16
    queue_depth: int = 32
    name_free: Callable[[AcceleratorConfig], dict[str, int]] = name_free_cores
    name_visible: Callable[[AcceleratorConfig], dict[str, int]] = name_visible
    declare: Callable[[AcceleratorConfig], str] | None = None
    name_solver: Callable[[int], str] = lambda num_cores: "z3"
    with_attention: str = ""
    attention_bugs: tuple[Bug, ...] = ()
    quick_attention_sizes: tuple[int, int] | None = None

    def list_tasks(self) -> Iterator[FormalTask]:
        """One task for each C and B."""
        for num_cores in NUM_CORES:
            for num_slots in NUM_SLOTS:
                yield self.make_task(make_config(num_cores, num_slots, self.queue_depth))
        yield from self.list_attention_tasks()

    def list_attention_tasks(self) -> Iterator[FormalTask]:
        """One task for each C and B of the accelerators with attention."""
        for sizes in ATTENTION_SIZES:
            yield self.make_task(make_config(*sizes, self.queue_depth, SMALL_ATTENTION))

    def make_task(self, config: AcceleratorConfig) -> FormalTask:
        """The task for one C and B; bugs are planted in one of them."""
        sizes = (config.num_cores, config.num_slots)
        kind = " attention" if config.attention else ""
        bugs = self.attention_bugs if config.attention else self.bugs
        top = f"{self.unit}_checker"
        body = (Path(__file__).parent / f"{self.unit}.sv").read_text(encoding="utf-8")
        if config.num_cores * config.num_slots > MAX_COVERED:
            body = keep_first_cover(body)
        if config.attention is not None:
            body += self.with_attention
        free, visible = self.name_free(config), self.name_visible(config)
        kinds = count_obligations(body)
        if self.declare is not None:
            body = self.declare(config) + body
        return FormalTask(
            name=f"{self.unit}{kind} C={config.num_cores} B={config.num_slots}",
            claim=self.claim,
            configuration=describe(config),
            make_design=partial(export_once, config),
            design_top=MODULE_NAME,
            checker=make_frame(config, top, free, name_outputs(config) | visible, body),
            top=top,
            method=Method.INDUCTION,
            depth_cycles=1,
            num_assertions=kinds["assert"],
            num_assumptions=kinds["assume"],
            num_covers=kinds["cover"],
            cover_depth_cycles=self.cover_depth_cycles,
            free=tuple(free),
            visible=tuple(visible),
            bugs=tuple(plant(config, bug) for bug in bugs) if sizes == BUGGY_SIZES else (),
            shown=self.shown,
            argument=self.argument,
            is_quick=sizes == (self.quick_attention_sizes if config.attention else QUICK_SIZES),
            solver=self.name_solver(config.num_cores),
        )


def keep_first_cover(body: str) -> str:
    """The text of a checker without covers but the first: searching takes long in large designs."""
    start = next(_COVER.finditer(body)).end()
    return body[:start] + _COVER.sub("", body[start:])


def plant(config: AcceleratorConfig, bug: Bug) -> PlantedBug:
    """The accelerator with the bug."""
    make_design = make_planted(partial(export_anew, config), bug.module, bug.old, bug.new)
    return PlantedBug(bug.name, make_design, bug.depth_cycles)
