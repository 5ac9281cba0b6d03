"""The instruction queue of a core in the exported accelerator: nothing is lost, changed, reordered.

The tagged instruction is any one that is pushed in any cycle: what holds for it holds for all.
Everything around the queue is cut away: offers, their instructions, when the core takes the head,
errors. Proven without any assumption, for all runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.proofs.formal.control import export_once, get_range, make_config, wrap_accelerator
from fastcar.proofs.formal.control_task import Bug, plant
from fastcar.proofs.formal.task import FormalTask, Method, count_obligations
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import INSTRUCTION_BITS

QUEUE_DEPTHS = (2, 4, 8, 32)
QUICK_DEPTH = 4
"""Of the quick set and of the planted bugs."""
LIMIT_SECONDS = 1800
"""For a query: the cover of 32 places goes round the memory once and takes minutes."""

_MODULE = "fastcar.rtl.instruction_queue"
_BUGS = (
    Bug(
        "a full queue takes one more",
        _MODULE,
        "ready = ~num_queued_q[pointer_bits]",
        "ready = ~num_queued_q[pointer_bits] | (num_queued_q == config.queue_depth)",
    ),
    Bug(
        "reads one place too far while something is pushed",
        _MODULE,
        "(is_read, increment(read_pointer_q))",
        "(is_read | is_pushed, increment(read_pointer_q))",
    ),
    Bug(
        "a queue of two says that it is empty when one is taken",
        _MODULE,
        "(inputs.pop, num_queued_q != 1)",
        "(inputs.pop, num_queued_q == 1)",
    ),
    Bug(
        "clear leaves the head",
        _MODULE,
        "drive(head_valid_q, (is_head_free, next_valid_q), (inputs.pop, 0), clear=inputs.clear)",
        "drive(head_valid_q, (is_head_free, next_valid_q), (inputs.pop, 0))",
    ),
)
_SHOWN = (
    "reset",
    "valid",
    "num_queued",
    "has_any",
    "read_pointer",
    "write_pointer",
    "next_valid",
    "head_valid",
    "pop",
    "is_tagged",
    "ahead",
    "hidden",
)


def list_tasks() -> Iterator[FormalTask]:
    """One task for each depth."""
    for depth in QUEUE_DEPTHS:
        yield make_task(make_config(num_cores=1, num_slots=4, queue_depth=depth), core=0)
    yield make_task(make_config(num_cores=3, num_slots=4, queue_depth=QUICK_DEPTH), core=2)


def make_task(config: AcceleratorConfig, core: int) -> FormalTask:
    """All claims about the queue of one core."""
    depth = config.queue_depth
    is_quick = depth == QUICK_DEPTH and config.num_cores == 1
    prefix = f"core{core}_"
    free = _name_free(prefix)
    visible = _name_visible(prefix, depth.bit_length() - 1)
    words = {f"{prefix}queue_memory_{word}": INSTRUCTION_BITS for word in range(depth)}
    body = (Path(__file__).with_suffix(".sv")).read_text(encoding="utf-8")
    read = dict(visible.values()) | words
    kinds = count_obligations(body)
    body = _declare(config, free | visible, words) + body
    return FormalTask(
        name=f"queue C={config.num_cores} depth={depth}",
        claim="instructions leave a queue in the order and with the bits with which they entered, "
        "each once; a full queue refuses, a queue that is not empty shows its head in 3 cycles",
        configuration=f"C = {config.num_cores}, core {core}, depth {depth}",
        make_design=partial(export_once, config),
        design_top=MODULE_NAME,
        checker=wrap_accelerator("queue_checker", dict(free.values()), read, body),
        top="queue_checker",
        method=Method.INDUCTION,
        depth_cycles=1,
        num_assertions=kinds["assert"],
        num_covers=kinds["cover"],
        cover_depth_cycles=depth + 8,
        free=tuple(name for name, _ in free.values()),
        visible=tuple(read),
        memories=((f"{prefix}queue_memory", depth),),
        bugs=tuple(plant(config, bug) for bug in _BUGS) if is_quick else (),
        shown=_SHOWN,
        argument="the place of the tagged instruction follows from how many were before it",
        is_quick=is_quick,
        solver="bitwuzla",
        limit_seconds=LIMIT_SECONDS,
    )


Named = dict[str, tuple[str, int]]
"""Name and width of a wire of the accelerator, by the name that the checker gives it."""


def _name_free(prefix: str) -> Named:
    """What the queue and the start of instructions depend on, all cut."""
    return {
        "valid": (f"{prefix}instruction_valid", 1),
        "payload": ("dispatcher_instruction_q", INSTRUCTION_BITS),
        "is_stopped": ("error_register_valid_q", 1),
        "is_failed": (f"{prefix}is_failed_q", 1),
        "is_running": (f"{prefix}sequencer_is_running_q", 1),
        "is_retiring": (f"{prefix}retirement_valid_q", 1),
        "done_now": (f"{prefix}is_done", 1),
    }


def _name_visible(prefix: str, pointer_bits: int) -> Named:
    """Registers of the queue, and what is taken from it."""
    return {
        "num_queued": (f"{prefix}queue_num_queued_q", pointer_bits + 1),
        "num_stored": (f"{prefix}queue_num_stored_q", pointer_bits + 1),
        "has_any": (f"{prefix}queue_has_any_q", 1),
        "read_pointer": (f"{prefix}queue_read_pointer_q", pointer_bits),
        "write_pointer": (f"{prefix}queue_write_pointer_q", pointer_bits),
        "next_valid": (f"{prefix}queue_next_valid_q", 1),
        "next": (f"{prefix}queue_next_q", INSTRUCTION_BITS),
        "head_valid": (f"{prefix}queue_head_valid_q", 1),
        "head": (f"{prefix}queue_head_q", INSTRUCTION_BITS),
        "pop": (f"{prefix}is_starting", 1),
        "running_instruction": (f"{prefix}sequencer_instruction_q", INSTRUCTION_BITS),
    }


def _declare(config: AcceleratorConfig, named: Named, words: dict[str, int]) -> str:
    """Names of the checker for the wires of one core."""
    depth = config.queue_depth
    lines = [f"localparam DEPTH = {depth}, BITS = {depth.bit_length() - 1};"]
    lines += [f"wire {get_range(bits)}{name} = {wire};" for name, (wire, bits) in named.items()]
    lines.append(f"wire [DEPTH-1:0][127:0] words = {{{', '.join(reversed(words))}}};")
    return "\n".join(lines) + "\n"
