"""Every head whose sum is final is divided for once, in order, and its result goes to it.

The divider itself is cut: `reciprocal.py` proves what it gives as many cycles after its start as
the result is written here. Assumed, as the unit asks: heads finish in order, no more than there
are, so none while all of them wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fastcar.proofs.formal.reciprocal import MODULE, NUM_HEADS, QUOTIENT, UNIT
from fastcar.proofs.formal.task import FormalTask
from fastcar.proofs.formal.unit import DESIGN
from fastcar.proofs.formal.unit_task import UnitBug, make_unit_task
from fastcar.rtl.attention.formats import BIT_LENGTH_BITS, RECIPROCAL_BITS
from fastcar.rtl.attention.reciprocal import START_CYCLES, WRITE_CYCLES

MEMORY = f"{DESIGN}_results"
LENGTH = f"{DESIGN}_old_bit_length_q"
ENDS = tuple(f"{DESIGN}_end_{stage}_q" for stage in range(1, WRITE_CYCLES - START_CYCLES + 2))
QUEUE = tuple(
    f"{DESIGN}_{name}_q"
    for name in ("num_waiting", "num_cycles", "is_busy", "head", "written_head", "is_done_1")
)
BODY = f"""
// Heads that wait, divisions that are under way by the cycles since their start, and their heads.
reg [7:0] num_waiting = 0;
reg [WRITE:1] started = 0;
reg [WRITE:1] heads;
reg following_head = 0, written_head = 0, was_clear = 0, was_clear_before = 0;
reg was_written = 0, was_last = 0;
wire starts = num_waiting != 0 && started[START-1:1] == 0;
wire is_written = started[WRITE];
wire [{len(ENDS) - 1}:0] ends = {{{", ".join(reversed(ENDS))}}};
reg are_apart, is_cycle, is_head;
reg parity;
integer k;
always @* begin
    {{are_apart, is_cycle, is_head}} = 7;
    for (k = 1; k < START; k = k + 1) begin
        if ((started & (started >> k)) != 0) are_apart = 0;
        if (started[k] && {QUEUE[1]} != k) is_cycle = 0;
    end
    // From the oldest one on: heads follow each other.
    parity = written_head;
    for (k = WRITE; k > 0; k = k - 1) if (started[k]) begin
        if (heads[k] != parity) is_head = 0;
        parity = !parity;
    end
end
wire [{BIT_LENGTH_BITS + RECIPROCAL_BITS - 1}:0] result = {{{LENGTH}, {QUOTIENT}}};
reg [{BIT_LENGTH_BITS + RECIPROCAL_BITS - 1}:0] result_then, words_then_0, words_then_1;
reg head_then;
always @(posedge clk) begin
    was_clear <= was_clear || clear;
    was_clear_before <= was_clear;
    num_waiting <= clear ? 0 : num_waiting + is_finished - starts;
    started <= clear ? 0 : {{started[WRITE-1:1], starts}};
    heads <= {{heads[WRITE-1:1], following_head}};
    following_head <= !clear && following_head ^ starts;
    written_head <= !clear && written_head ^ is_written;
    was_written <= is_written;
    was_last <= !clear && is_written && heads[WRITE];
    {{result_then, head_then}} <= {{result, heads[WRITE]}};
    {{words_then_1, words_then_0}} <= {{{MEMORY}_1, {MEMORY}_0}};
    heads_at_most: assume (!is_finished || num_waiting < HEADS);
    invariant_clear: assert (was_clear || !was_clear_before);
    if (was_clear) begin
        invariant_waiting: assert ({QUEUE[0]} == num_waiting && num_waiting <= HEADS);
        invariant_busy: assert ({QUEUE[2]} == (started[START-1:1] != 0));
        invariant_cycles: assert (is_cycle && are_apart);
        invariant_ends: assert (ends == started[WRITE:START]);
        invariant_heads: assert (is_head && parity == following_head);
        divides_for_the_next_head: assert ({QUEUE[3]} == following_head);
        writes_to_the_head_it_divided_for: assert (!is_written || {QUEUE[4]} == heads[WRITE]);
        invariant_written: assert ({QUEUE[4]} == written_head);
        if (was_clear_before && was_written)
            is_kept: assert ((head_then ? {MEMORY}_1 : {MEMORY}_0) == result_then);
        if (was_clear_before && !(was_written && !head_then))
            head_1_alone: assert ({MEMORY}_0 == words_then_0);
        if (was_clear_before && !(was_written && head_then))
            head_0_alone: assert ({MEMORY}_1 == words_then_1);
        done_with_the_last_head: assert (out_is_done == was_last);
    end
    waits: cover (was_clear && is_written && num_waiting == 1 && heads[WRITE]);
    both: cover (was_clear && out_is_done && started != 0);
end
"""
BUGS = (
    UnitBug(
        "a head that finishes while another division begins is lost",
        MODULE,
        "(~inputs.is_finished & is_starting, decrement(num_waiting_q)),",
        "(is_starting, decrement(num_waiting_q)),",
    ),
    UnitBug(
        "every result is that of head 0",
        MODULE,
        "drive(written_head_q, (is_written_q, following), clear=inputs.clear)",
        "drive(written_head_q, (is_written_q, 0), clear=inputs.clear)",
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """Two heads."""
    task = make_unit_task(
        UNIT,
        "reciprocal_queue_checker",
        BODY,
        name="reciprocal queue",
        claim="every head that is finished is divided for once, in order, its result is written to "
        f"it {WRITE_CYCLES} cycles after the start, and done comes with the last head",
        configuration=f"{NUM_HEADS} heads",
        depth_cycles=1,
        argument="quotient and bit length are cut; the checker follows every division by the "
        "cycles since its start",
        constants={"HEADS": NUM_HEADS, "START": START_CYCLES, "WRITE": WRITE_CYCLES},
        bugs=BUGS,
        shown=("is_finished", "num_waiting", "starts", "following_head", "is_written"),
        free=(QUOTIENT, LENGTH),
        visible=(*QUEUE, *ENDS),
        memories=((MEMORY, NUM_HEADS),),
    )
    bugs = tuple(replace(bug, depth_cycles=44) for bug in task.bugs)
    yield replace(task, cover_depth_cycles=44, bugs=bugs)
