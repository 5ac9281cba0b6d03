"""Planted bugs of the hardware's cores, unit by unit; names begin with `core:`.

`tools.mutants.control` holds those of what feeds the cores.
"""

from __future__ import annotations

from tools.mutants.control import CONTROL_MUTANTS
from tools.mutants.mutant import Mutant


def _bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of `rtl/<stem>.py`; the test of that file must notice, or the one named."""
    return Mutant(
        f"core: {name}", f"rtl/{stem}.py", old, new, (f"tests/rtl/test_{test or stem}.py",)
    )


_ARITHMETIC = (
    _bug(
        "requantizer",
        "negative ties are rounded downwards",
        "halves[1 : num_bits + 1] + halves[0]",
        "halves[1 : num_bits + 1] + (halves[0] & ~halves[-1])",
    ),
    _bug(
        "requantizer",
        "product is cut off, not rounded",
        "halves[1 : num_bits + 1] + halves[0]",
        "halves[1 : num_bits + 1] + pyrtl.Const(0, 1)",
    ),
    _bug(
        "requantizer",
        "multiplier taken for a signed number",
        "pyrtl.concat(zero, inputs.multiplier)",
        "inputs.multiplier.sign_extended(len(inputs.multiplier) + 1)",
    ),
    _bug(
        "requantizer",
        "middle part of the sum taken for a signed number",
        "pyrtl.concat(zero, accumulator[PART_BITS : 2 * PART_BITS])",
        "accumulator[PART_BITS : 2 * PART_BITS]",
    ),
    _bug(
        "requantizer",
        "what is wider than the narrow shift wraps around",
        "        ~sign & (is_wide | ",
        "        ~sign & (",
    ),
    _bug(
        "requantizer",
        "what is wider than the narrow shift wraps around below",
        "        sign & (is_wide | ",
        "        sign & (",
    ),
    _bug(
        "requantizer",
        "32767 and a half wraps around",
        "(is_wide | pyrtl.or_all_bits(upper) | pyrtl.and_all_bits(lower))",
        "(is_wide | pyrtl.or_all_bits(upper))",
    ),
    _bug(
        "lanes",
        "saturates to -32768",
        "(~pyrtl.and_all_bits(upper) | is_lowest)",
        "~pyrtl.and_all_bits(upper)",
    ),
    _bug(
        "lanes",
        "no saturation above",
        "is_too_large = ~sign & pyrtl.or_all_bits(upper)",
        "is_too_large = pyrtl.Const(0, 1) & sign",
    ),
    _bug(
        "mac_array",
        "accumulator of 40 bits",
        "(partial_sum + sum_q.sign_extended(ACCUMULATOR_BITS))[:ACCUMULATOR_BITS]",
        "(partial_sum + sum_q.sign_extended(ACCUMULATOR_BITS))[:40].sign_extended("
        "ACCUMULATOR_BITS)",
    ),
    _bug(
        "mac_array",
        "sum of a row not restarted",
        "mask(accumulator_q, ~is_first)",
        "accumulator_q",
    ),
    _bug(
        "mac_array",
        "weights taken for unsigned numbers",
        "weight.sign_extended(OPERAND_BITS)",
        "weight.zero_extended(OPERAND_BITS)",
    ),
    _bug(
        "silu_multiply", "sign of the gate from its lowest bit", "gate[-1], 5, f", "gate[0], 5, f"
    ),
    _bug(
        "silu_multiply",
        "silu not interpolated",
        "signed_sum(base_q, scaled_step_q)[REMAINDER_BITS:]",
        "base_q.sign_extended(len(base_q) + 1)[REMAINDER_BITS:]",
    ),
    _bug(
        "silu_multiply",
        "silu table repeats beyond 16",
        "pyrtl.or_all_bits(late_magnitude[REMAINDER_BITS + INDEX_BITS :])",
        "late_magnitude[REMAINDER_BITS + INDEX_BITS]",
    ),
    _bug(
        "rms_norm",
        "odd bit lengths of the sum of squares not found",
        "value[2 * pair : 2 * pair + 2]",
        "value[2 * pair : 2 * pair + 1]",
    ),
    _bug(
        "rms_norm",
        "reciprocal root rounds ties downwards",
        "pyrtl.Const(half, REMAINDER_BITS)",
        "pyrtl.Const(half - 1, REMAINDER_BITS)",
    ),
)

_FLOW = (
    _bug(
        "instruction_queue",
        "full queue takes an instruction",
        "is_pushed = inputs.valid & ready",
        "is_pushed = inputs.valid",
    ),
    _bug(
        "instruction_queue",
        "queue keeps its number when cleared",
        "_count(num_queued_q, is_pushed, inputs.pop, inputs.clear)",
        "_count(num_queued_q, is_pushed, inputs.pop, pyrtl.Const(0, 1))",
    ),
    _bug(
        "instruction_queue",
        "queue of two says that it is empty when one is taken",
        "(inputs.pop, num_queued_q != 1)",
        "(inputs.pop, num_queued_q == 1)",
    ),
    _bug(
        "operand_feed",
        "operand starts again one word late",
        "(decrement(head[name][:index_bits]) for",
        "(head[name][:index_bits] for",
        "core",
    ),
    _bug(
        "operand_feed",
        "gates are read by the wrong product",
        "(Opcode.GEMV_SILU, Opcode.ROPE, Opcode.PICK)",
        "(Opcode.GEMV, Opcode.ROPE, Opcode.PICK)",
        "core",
    ),
    _bug(
        "write_back",
        "beats of a word exchanged",
        "pyrtl.concat(inputs.beat, lower_beat_q)",
        "pyrtl.concat(lower_beat_q, inputs.beat)",
        "core",
    ),
    _bug(
        "write_back",
        "sum of ADD written over the output",
        "Opcode.ADD: Buffer.X",
        "Opcode.ADD: Buffer.Y",
        "core",
    ),
    _bug(
        "write_back",
        "an instruction ends before its last word is in the buffer",
        "is_written & ~is_single_q | is_single_written_q",
        "is_written",
        "core",
    ),
    _bug(
        "channel",
        "data as wide as a word",
        "config.beat_bits if self.num_bits is None",
        "config.word_bits if self.num_bits is None",
    ),
    _bug(
        "read_request",
        "product streams as many rows as columns",
        "(sequencer.is_starting, rows * columns)",
        "(sequencer.is_starting, columns * columns)",
        "latency",
    ),
    _bug(
        "result_path",
        "NORM takes the shift of the instruction",
        '[inputs.fields["shift"], inputs.norm.shift]',
        '[inputs.fields["shift"], inputs.fields["shift"]]',
    ),
    _bug(
        "result_collector",
        "lane not cleared",
        "drive(lane_q, (valid, following), clear=clear)",
        "drive(lane_q, (valid, following))",
        "core_faults",
    ),
    _bug(
        "lane_selection",
        "lanes of the first group only",
        "pyrtl.mux(number[GROUP_BITS:], *choices)",
        "choices[0]",
        "result_path",
    ),
    _bug(
        "lane_selection",
        "the lane is that of the next group's cycle",
        'latch(number[:GROUP_BITS], f"{name}_lane_of_group")',
        "number[:GROUP_BITS]",
        "result_path",
    ),
    _bug(
        "lane_selection",
        "odd elements of NORM repeat the even ones",
        "[1::PAIR_LANES]",
        "[0::PAIR_LANES]",
        "result_path",
    ),
    _bug(
        "result_collector",
        "elements of NORM exchanged in pairs",
        "[*collected[1:], inputs.first, inputs.second]",
        "[*collected[1:], inputs.second, inputs.first]",
        "result_path",
    ),
    _bug(
        "silu_multiply",
        "odd elements of NORM shifted as hidden activations",
        "pyrtl.select(is_lent, lent.shift, inputs.shift)",
        "inputs.shift",
    ),
    _bug(
        "sequencer",
        "bubble between two instructions",
        "pyrtl.select(is_running_q, inputs.is_done & can_follow, can_begin)",
        "~is_running_q & can_begin",
        "latency",
    ),
    _bug(
        "datapath",
        "beats of NORM not counted as work",
        "is_mac_beat=is_mac_beat,",
        "is_mac_beat=feed.is_weight_beat,",
        "latency",
    ),
)

_CHANNELS = (
    _bug(
        "read_channel",
        "beat with an error is used",
        "is_beat=is_wanted & ~inputs.response_error",
        "is_beat=is_wanted",
    ),
    _bug(
        "read_channel",
        "read request withdrawn after a cycle",
        "(is_requested, 0),",
        "(~inputs.start, 0),",
    ),
    _bug(
        "read_channel",
        "reset forgets the beats that memory owes",
        "(pyrtl.Const(1, 1), is_owed), clear=inputs.forget)",
        "(pyrtl.Const(1, 1), is_owed), clear=inputs.reset)",
    ),
    _bug(
        "write_channel",
        "an acknowledgement from before a reset ends a STORE",
        "& ~inputs.acknowledge_error & ~is_stale_q",
        "& ~inputs.acknowledge_error",
    ),
    _bug(
        "reset",
        "no reset is long enough to forget",
        "is_long = reset & (num_cycles_q == LONG_RESET_CYCLES - 1)",
        "is_long = reset & (num_cycles_q == LONG_RESET_CYCLES - 1) & ~was_reset_q",
    ),
    _bug(
        "read_channel",
        "accepted read request counts as a stall",
        "is_stalled=(is_requesting_q & ~inputs.request_ready)",
        "is_stalled=is_requesting_q",
        "latency",
    ),
    _bug(
        "write_channel",
        "back pressure of the memory ignored",
        "is_beat_sent = valid & inputs.ready",
        "is_beat_sent = valid",
    ),
    _bug(
        "write_channel",
        "both beats of a word to one address",
        "(is_beat_sent, following_address)",
        "(is_word_sent, following_address)",
    ),
    _bug(
        "write_channel",
        "finished at the first acknowledgement",
        "~is_sending_q & is_acknowledged & has_one_open_q",
        "~is_sending_q & is_acknowledged",
    ),
    _bug(
        "write_channel",
        "offered beat withdrawn when stopped",
        "is_end = is_beat_sent & inputs.stop |",
        "is_end = inputs.stop |",
    ),
    _bug(
        "core",
        "goes on after a write error",
        "is_failing = read.is_error | write.is_error",
        "is_failing = read.is_error",
        "core_faults",
    ),
    _bug(
        "core",
        "reports every memory error",
        "is_error & ~units.is_failed & ~inputs.reset",
        "is_error & ~inputs.reset",
        "core_faults",
    ),
    _bug(
        "core",
        "codes of memory errors exchanged",
        "(read.is_error, ErrorCode.MEMORY_READ),",
        "(read.is_error, ErrorCode.MEMORY_WRITE),",
        "core_faults",
    ),
    _bug(
        "sequencer",
        "drops an instruction with an open transfer",
        "inputs.is_dropping & ~inputs.is_transfer_open",
        "inputs.is_dropping",
        "core_faults",
    ),
)

_RETIREMENT = (
    _bug(
        "sequencer",
        "overwrites a retirement that waits",
        'is_offered & ~(head["is_last"] & inputs.is_retire_pending)',
        "is_offered",
        "core_faults",
    ),
    _bug(
        "retirement",
        "digest not rotated",
        "pyrtl.concat(digest[:-1], digest[-1])",
        "digest",
    ),
    _bug(
        "retirement",
        "digest goes on from slot to slot",
        "drive(digest_q, *steps, (is_beginning, 0))",
        "drive(digest_q, *steps)",
    ),
    _bug(
        "retirement",
        "record begins with the score",
        "is_ending = is_retiring | sequencer.is_finished & is_one_of(fields, DECISION_OPCODES)",
        "is_ending = is_retiring",
    ),
    _bug(
        "retirement",
        "record is kept open when it ends",
        "(is_beginning, 1), (is_ended_q, 0)",
        "(is_beginning, 1)",
    ),
    _bug(
        "retirement",
        "a record that waits follows the next slot",
        "(~valid_q, digest)",
        "(pyrtl.Const(1, 1), digest)",
        "core_faults",
    ),
    _bug(
        "retirement",
        "record goes on in the next run",
        "inputs.is_dropping | ~inputs.is_running",
        "inputs.is_dropping",
    ),
    Mutant(
        "core: record of a run without an end goes on",
        "rtl/retirement.py",
        "inputs.is_dropping | ~inputs.is_running",
        "inputs.is_dropping",
        ("tests/cosim/cycles/test_cycle_model.py",),
    ),
)

_SHARED = (
    _bug(
        "config",
        "last word of a vector left out",
        "-(-num_values // self.num_lanes)",
        "num_values // self.num_lanes",
    ),
    _bug(
        "vector_memory",
        "P read at the index of the operand",
        "Buffer.P: inputs.parameter_index",
        "Buffer.P: inputs.operand_index",
    ),
    _bug(
        "vector_memory",
        "words do not wait for those before them",
        "drive(word_q, (inputs.is_flowing, word))",
        "drive(word_q, (pyrtl.Const(1, 1), word))",
    ),
    _bug(
        "datapath",
        "word behind the first one of STORE is lost",
        "(inputs.is_fetched | inputs.is_sending) & ~inputs.is_word_sent",
        "inputs.is_sending & ~inputs.is_word_sent",
        "core",
    ),
    _bug(
        "vector_memory",
        "word written into every buffer",
        "port.enable & (port.buffer == int(buffer))",
        "port.enable",
    ),
    _bug(
        "instruction",
        "target and source exchanged",
        '("target", 3),\n    ("source", 3),',
        '("source", 3),\n    ("target", 3),',
    ),
    _bug("registers", "last case of a register wins", "in reversed(cases):", "in cases:"),
    _bug(
        "latency",
        "one beat for every stored word",
        "OPERAND_CYCLES + 2 * words + write_latency",
        "OPERAND_CYCLES + words + write_latency",
    ),
    _bug(
        "assertions",
        "payload may change while it waits",
        "valid & (payload == payload_q)",
        "valid",
        "control_gaps",
    ),
    _bug(
        "assertions",
        "valid may be withdrawn",
        "valid & (payload == payload_q)",
        "~valid | (payload == payload_q)",
        "control_gaps",
    ),
)

CORE_MUTANTS = (*_ARITHMETIC, *_FLOW, *_CHANNELS, *_RETIREMENT, *_SHARED)
RTL_MUTANTS = (*CORE_MUTANTS, *CONTROL_MUTANTS)
"""Every planted bug of the hardware."""
