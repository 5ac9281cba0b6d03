"""Planted bugs of the hardware's control half: what decides, dispatches, checks and counts.

Names begin with `control:`. `tools.mutants.rtl` adds those of the cores.
"""

from __future__ import annotations

from tools.mutants.mutant import Mutant


def _bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of `rtl/<stem>.py`; the test of that file must notice, or the one named."""
    tests = (f"tests/rtl/test_{test or stem}.py",)
    return Mutant(f"control: {name}", f"rtl/{stem}.py", old, new, tests)


_SCHEDULER = (
    _bug(
        "scheduler",
        "round-robin pointer stays after slot 0",
        "(is_mapped, mask(increment(pointer_q), ~is_last_core))",
        "(is_mapped & (commit_slot_q != 0), mask(increment(pointer_q), ~is_last_core))",
    ),
    _bug(
        "scheduler",
        "round-robin pointer moves at a replay",
        "(is_mapped, mask(increment(pointer_q), ~is_last_core))",
        "(is_commit, mask(increment(pointer_q), ~is_last_core))",
    ),
    _bug(
        "scheduler",
        "round-robin pointer not wrapped",
        "pointer_q == config.num_cores - 1",
        "pointer_q == config.num_cores",
    ),
    _bug(
        "scheduler",
        "round-robin pointer outlives BEGIN",
        "    is_restart = forget\n",
        "    is_restart = inputs.reset\n",
    ),
    _bug(
        "scheduler",
        "index bit inverted",
        '"index", is_mapped,',
        '"index", is_commit & ~inputs.computes,',
    ),
    _bug(
        "scheduler",
        "decided slots outlive BEGIN",
        '"index_valid", is_commit, commit_slot_q, forget)',
        '"index_valid", is_commit, commit_slot_q, inputs.reset)',
    ),
    _bug(
        "scheduler",
        "static mode ignored",
        "pyrtl.select(is_static_q, static_core, pointer_q)",
        "pointer_q",
    ),
    _bug(
        "scheduler",
        "static mode stays for later runs",
        "(inputs.is_begin, inputs.is_static)",
        "(inputs.is_begin & inputs.is_static, 1)",
    ),
    _bug(
        "scheduler",
        "mapping one slot off",
        "(marks[index], core)",
        "(marks[index - 1], core)",
    ),
    _bug(
        "scheduler",
        "slot that replays overwrites its mapping",
        "_make_mappings(config, mapped_core, is_mapped,",
        "_make_mappings(config, mapped_core, is_commit,",
    ),
    _bug(
        "scheduler",
        "commit skips an undecided slot",
        "(is_commit, next_slot_q)",
        "(is_open_q, next_slot_q)",
    ),
    _bug(
        "scheduler",
        "commits slots that the run does not have",
        "inputs.is_decided & is_open_q",
        "inputs.is_decided",
    ),
    _bug(
        "scheduler",
        "the last slot of a run is never committed",
        "is_more_open = next_slot_q != num_slots_q",
        "is_more_open = increment(next_slot_q) != num_slots_q",
    ),
    _bug(
        "scheduler",
        "slot that replays recorded at the pointer",
        "pyrtl.select(inputs.computes, mapped_core, static_core)",
        "mapped_core",
    ),
    _bug(
        "circuits",
        "b mod C one off unless C is a power of two",
        "pyrtl.Const(b % config.num_cores, CORE_BITS)",
        "pyrtl.Const((b + 1) % config.num_cores, CORE_BITS)",
        "scheduler",
    ),
)

_SCORE = (
    _bug(
        "score_unit",
        "score that equals the threshold computes",
        "pyrtl.signed_lt(value, threshold)",
        "pyrtl.signed_le(value, threshold)",
    ),
    _bug(
        "score_unit",
        "score compared as an unsigned number",
        "pyrtl.signed_lt(value, threshold)",
        "value < threshold",
    ),
    _bug(
        "score_unit",
        "distance compared the wrong way",
        "pyrtl.signed_gt(value, threshold)",
        "pyrtl.signed_lt(value, threshold)",
    ),
    _bug(
        "score_unit",
        "distances decide in later runs too",
        "(inputs.is_begin, inputs.is_distance)",
        "(inputs.is_begin & inputs.is_distance, 1)",
    ),
    _bug(
        "score_unit",
        "uncommitted measures outlive BEGIN",
        '_make_marks("decided", forget,',
        '_make_marks("decided", inputs.reset,',
    ),
    _bug(
        "score_unit",
        "direct decision shows an earlier score",
        "score=mask(score, is_measured)",
        "score=score",
    ),
    _bug(
        "score_unit",
        "a decision that is kept outlives BEGIN",
        "decision.valid), clear=forget)",
        "decision.valid))",
    ),
    _bug(
        "score_unit",
        "a decision that arrives is not seen ahead",
        "decided | is_here, computing",
        "decided, computing",
    ),
    _bug(
        "score_unit",
        "the head does not move with a commit",
        "_look(inputs.next_slot[:SLOT_BITS]",
        "_look(inputs.head_slot[:SLOT_BITS]",
        "scheduler",
    ),
    _bug(
        "score_unit",
        "measures of all cores in the memory of core 0",
        "return select_value(values, make_static_core(config, head_slot))",
        "return values[0]",
    ),
)

_DISPATCHER = (
    _bug(
        "dispatcher",
        "if-compute executed for a replayed slot",
        "(view.computes == form.is_if_compute)",
        "(form.is_if_compute | ~view.computes)",
    ),
    _bug(
        "dispatcher",
        "if-replay does not wait for the decision",
        "form.is_always | view.is_decided",
        "~form.is_if_compute | view.is_decided",
    ),
    _bug(
        "dispatcher",
        "if-compute goes to core b mod C",
        "pyrtl.select(form.is_if_compute, view.mapped_core, make_static_core(config, slot))",
        "make_static_core(config, slot)",
    ),
    _bug(
        "dispatcher",
        "full queue ignored",
        "is_wanted & select_value(inputs.core_ready, core)",
        "is_wanted",
    ),
    _bug(
        "dispatcher",
        "BEGIN does not wait for the cores",
        "is_begin = is_legal & form.is_begin & begins",
        "is_begin = is_legal & form.is_begin",
    ),
    _bug(
        "dispatcher",
        "THRESHOLD does not wait for the cores",
        "is_threshold = is_legal & form.is_threshold & follows",
        "is_threshold = is_legal & form.is_threshold",
    ),
    _bug(
        "dispatcher",
        "END does not wait for the cores",
        "is_end = is_legal & form.is_end & inputs.is_machine_idle",
        "is_end = is_legal & form.is_end",
    ),
    _bug(
        "dispatcher",
        "instruction in every second cycle only",
        "inputs.is_stopped | ~is_held | is_passed",
        "inputs.is_stopped | ~is_held",
        "accelerator",
    ),
    _bug(
        "dispatcher",
        "port blocked in the first cycle of an error",
        "inputs.is_stopped | ~is_held | is_passed",
        "~is_held | is_passed",
        "control_gaps",
    ),
    _bug(
        "dispatcher",
        "decided slots stay claimed after BEGIN",
        "clear=inputs.reset | is_begin)",
        "clear=inputs.reset)",
    ),
    _bug(
        "dispatcher",
        "only the slot decided last stays claimed",
        "claimed_d = claimed_q | mark_slot(",
        "claimed_d = mark_slot(",
        "control_gaps",
    ),
    _bug(
        "dispatcher",
        "an instruction is taken in the cycle of BEGIN, with the slots of the run before",
        "is_passed = is_decide |",
        "is_passed = is_begin | is_decide |",
    ),
    _bug(
        "dispatcher",
        "the verdict forgets which slots are claimed",
        "CheckInputs(form, is_open, is_distance, is_claimed)",
        "CheckInputs(form, is_open, is_distance, is_claimed & ~is_claimed)",
        "control_gaps",
    ),
    _bug(
        "dispatcher",
        "error while a score is under way",
        "route.is_undecided & inputs.is_machine_idle",
        "route.is_undecided",
    ),
)

_CHECK = (
    _bug(
        "slot_view",
        "slot B accepted",
        "slot < slots.num_slots",
        "slot <= slots.num_slots",
        "accelerator",
    ),
    _bug(
        "slot_view",
        "commit of the cycle in which an instruction is taken not seen",
        "commit.valid & (commit.slot[:SLOT_BITS] == slot)",
        "commit.valid & (slots.num_slots == 0)",
        "dispatcher",
    ),
    _bug(
        "slot_view",
        "slot decided twice in a row",
        " | events.is_claim & (slot == events.slot)",
        "",
        "control_gaps",
    ),
    _bug(
        "instruction_form",
        "DECIDE for any slot",
        "(opcode >= int(Opcode.LOAD)) | (opcode == int(Opcode.DECIDE))",
        "(opcode >= int(Opcode.LOAD))",
        "instruction_check",
    ),
    _bug(
        "instruction_form",
        "length 0 accepted",
        "has_rows & (rows == 0)",
        "has_rows & ~has_rows",
        "instruction_check",
    ),
    _bug(
        "instruction_form",
        "full buffer refused",
        "length > capacities[number] if",
        "length >= capacities[number] if",
        "instruction_check",
    ),
    _bug(
        "instruction_form",
        "product longer than its gates accepted",
        "((Opcode.GEMV_SILU,), exceeds(Buffer.P, Buffer.G))",
        "((Opcode.GEMV_SILU,), exceeds(Buffer.P))",
        "control_gaps",
    ),
    _bug(
        "instruction_form",
        "G accepted as the source of GEMV_SILU",
        " & is_shared | is_gate_used",
        " & is_shared",
        "instruction_check",
    ),
    _bug(
        "instruction_form",
        "only the lowest reserved bit counts",
        "return reserved != 0",
        "return reserved[0]",
        "instruction_check",
    ),
    _bug(
        "instruction_check",
        "SCORE accepted where distances decide",
        "form.is_unknown | is_other_source",
        "form.is_unknown",
    ),
    _bug(
        "instruction_check",
        "instruction for a slot that the run has not is dispatched",
        "if fault_code is not ErrorCode.LENGTH",
        "if fault_code not in (ErrorCode.LENGTH, ErrorCode.SLOT)",
    ),
    _bug("instruction_check", "highest code is given", "in reversed(faults):", "in faults:"),
)

_RECORDS = (
    _bug(
        "record_port",
        "order of records with gaps",
        "(valid, increment(order_q))",
        "(pyrtl.Const(1, 1), increment(order_q))",
    ),
    _bug(
        "record_port",
        "order of records goes on from run to run",
        "increment(order_q)), clear=clear)",
        "increment(order_q)))",
    ),
    _bug(
        "record_port",
        "retirement of a third core lost",
        "ready.append(ready[-1] & ~retirement.valid)",
        "ready.append(~retirement.valid)",
    ),
    _bug(
        "counters",
        "counters begin at 1",
        "drive(count_q, (restart, event), (event, increment(count_q)), clear=reset)",
        "drive(count_q, (restart, 1), (event, increment(count_q)), clear=reset)",
        "accelerator",
    ),
    _bug(
        "counters",
        "counters go on from run to run",
        "drive(count_q, (restart, event), (event, increment(count_q)), clear=reset)",
        "drive(count_q, (event, increment(count_q)), clear=reset)",
        "accelerator",
    ),
    _bug(
        "accelerator_outputs",
        "offered instructions counted",
        "dispatcher.core_valid[number] & core.instruction_ready",
        "dispatcher.core_valid[number]",
        "dispatcher",
    ),
)

_RUNS = (
    _bug(
        "instruction",
        "bits of BEGIN exchanged",
        "STATIC_BIT, DISTANCE_BIT, FLOW_BIT = 0, 1, 2",
        "STATIC_BIT, DISTANCE_BIT, FLOW_BIT = 1, 0, 2",
        "dispatcher",
    ),
    _bug(
        "accelerator",
        "BEGIN overtakes commits",
        "is_deciding = score_unit.is_arriving | scheduler.is_commit",
        "is_deciding = score_unit.is_arriving",
        "dispatcher",
    ),
    _bug(
        "accelerator",
        "BEGIN overtakes a decision that is kept",
        "is_deciding = score_unit.is_arriving | scheduler.is_commit",
        "is_deciding = scheduler.is_commit",
        "dispatcher",
    ),
    _bug(
        "accelerator",
        "instructions after an error start a run",
        "dispatcher.is_accepted & ~wires.is_running & ~wires.stopped",
        "dispatcher.is_accepted & ~wires.is_running",
    ),
    _bug(
        "accelerator",
        "done before the cores have dropped their work",
        "dispatcher.is_end | wires.stopped & is_idle",
        "dispatcher.is_end | wires.stopped",
        "control_gaps",
    ),
    _bug(
        "accelerator",
        "cores go on after an error",
        "abort=wires.stopped",
        "abort=pyrtl.Const(0, 1)",
    ),
    _bug(
        "error_register",
        "error not sticky",
        "drive(valid_q, (pyrtl.rtl_any(*(report.valid for report in reports)), 1), clear=reset)",
        "drive(valid_q, (pyrtl.Const(1), pyrtl.rtl_any(*(report.valid for report in reports))))",
        "accelerator",
    ),
    _bug(
        "error_register",
        "last error wins",
        "drive(instruction_q, (~valid_q, instruction), clear=reset)",
        "drive(instruction_q, (pyrtl.Const(1), instruction), clear=reset)",
        "accelerator",
    ),
    _bug(
        "error_register",
        "code of the last error beside the first instruction",
        "drive(code_q, (~valid_q, code), clear=reset)",
        "drive(code_q, (pyrtl.Const(1), code), clear=reset)",
        "accelerator",
    ),
    _bug(
        "error_register",
        "core with the highest number reports",
        "in reversed(reports[:-1]):",
        "in reports[:-1]:",
        "accelerator",
    ),
    _bug(
        "error_register",
        "error outlives reset",
        "for report in reports)), 1), clear=reset)",
        "for report in reports)), 1))",
        "accelerator",
    ),
)

CONTROL_MUTANTS = (*_SCHEDULER, *_SCORE, *_DISPATCHER, *_CHECK, *_RECORDS, *_RUNS)
"""Every planted bug of the control half."""
