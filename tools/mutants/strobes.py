"""Planted bugs of the stores of keys and values, of strobes and of the token of a record."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

BEATS, CHANNEL, LATENCY = "rtl/byte_beats.py", "rtl/write_channel.py", "rtl/latency.py"
RETIREMENT, RECORD_PORT = "rtl/retirement.py", "rtl/record_port.py"
MEMORY = "cosim/backends/memory_model.py"
LOOP = "cosim/backends/native_loop/channel.py"
TESTBENCH = "cosim/export/testbench.py"
COCOTB = "cosim/export/cocotb_bench/fastcar_bench.py"

TEST_BEATS = ("tests/rtl/test_byte_beats.py",)
TEST_LATENCY = ("tests/rtl/test_latency.py",)
TEST_TOKEN = ("tests/rtl/test_retire_token.py",)
TEST_RECORD_PORT = ("tests/rtl/test_record_port.py",)
_BACKENDS = "tests/cosim/backends/test_strobes.py"
TEST_SPECIFICATION = (f"{_BACKENDS}::test_the_memory_of_the_specification_keeps_the_other_bytes",)
TEST_REFUSAL = (f"{_BACKENDS}::test_the_refusal_of_a_changed_strobe_names_both",)
TEST_LOOP = (f"{_BACKENDS}::test_every_memory_writes_the_same_bytes_and_refuses_the_same",)
TEST_LOOP_REFUSAL = (f"{_BACKENDS}::test_a_strobe_is_kept_until_the_transfer",)
TEST_EXPORT = ("tests/cosim/export/test_strobes.py",)
TEST_COCOTB = ("tests/cocotb/test_strobes.py",)

_BEATS = (
    Mutant(
        "strobes: every value is the first byte of its word",
        BEATS,
        "drive(ahead_q, (start, 1 << 1), (is_beat_sent, rotated))",
        "drive(ahead_q, (start, 1 << 1), (is_beat_sent, pyrtl.Const(2, len(rotated))))",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: a word of values begins with the last byte chosen of the word before",
        BEATS,
        "pyrtl.select(ahead_q[1], lane_bytes[0], byte_ahead_q)",
        "byte_ahead_q",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: the lane of a value is that of its dimension",
        BEATS,
        "~store.is_value | (store.lane == k)",
        "~store.is_value | (store.lane == (k ^ 1))",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: a key has the strobe of a value",
        BEATS,
        "~store.is_value | (store.lane == k)",
        "store.lane == k",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: the digest takes what is not written",
        BEATS,
        "stored = pyrtl.concat_list([mask(byte, is_stored) for byte, is_stored in lanes])",
        "stored = data",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: heads of keys stand one behind the other",
        BEATS,
        "store.is_key & is_head_end",
        "store.is_key & ~is_head_end & is_head_end",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: values are spread like keys",
        BEATS,
        "store.is_key & is_head_end",
        "is_head_end",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: a head begins where the one of the burst before was left",
        BEATS,
        "drive(number_q, (start, 0), (is_beat_sent, following))",
        "drive(number_q, (is_beat_sent, following))",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: a key is offered in the first cycle of its word",
        CHANNEL,
        "(inputs.start, ~store.is_key)",
        "(inputs.start, 1)",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: a burst that is stopped between two keys goes on",
        CHANNEL,
        "is_end | is_sending_q & ~valid & inputs.stop",
        "is_end",
        TEST_BEATS,
    ),
    Mutant(
        "strobes: a value has one cycle more",
        LATENCY,
        "OPERAND_CYCLES + words * config.num_lanes + write_latency",
        "OPERAND_CYCLES + words * config.num_lanes + write_latency + 1",
        TEST_LATENCY,
    ),
    Mutant(
        "strobes: keys wait for no acknowledgement",
        LATENCY,
        "Opcode.STORE_KEY: 1,",
        "Opcode.STORE_KEY: 0,",
        TEST_LATENCY,
    ),
)

_RECORDS = (
    Mutant(
        "strobes: token: every PICK has picked",
        RETIREMENT,
        "is_one_of(fields, (Opcode.PICK,)) & is_final",
        "is_one_of(fields, (Opcode.PICK,))",
        TEST_TOKEN,
    ),
    Mutant(
        "strobes: token: what waits follows the next instruction",
        RETIREMENT,
        "(~valid, mask(inputs.token, is_picked))",
        "(pyrtl.Const(1, 1), mask(inputs.token, is_picked))",
        TEST_TOKEN,
    ),
    Mutant(
        "strobes: token: logits are not digested",
        RETIREMENT,
        "update_digest(digest_q, inputs.logits.word)",
        "digest_q",
        TEST_TOKEN,
    ),
    Mutant(
        "strobes: token: that of core 0, whichever retires",
        RECORD_PORT,
        "select_value(tokens, core) if tokens else None",
        "tokens[0] if tokens else None",
        TEST_RECORD_PORT,
    ),
)

_TOOLS = (
    Mutant(
        "strobes: memory of the specification writes whole beats",
        MEMORY,
        "[bool(strobe >> byte & 1) for byte",
        "[True for byte",
        TEST_SPECIFICATION,
    ),
    Mutant(
        "strobes: memory of the specification: a strobe may change while it waits",
        MEMORY,
        "else (address, core.write_data, strobe)",
        "else (address, core.write_data, 0)",
        TEST_REFUSAL,
    ),
    Mutant(
        "strobes: native loop writes whole beats",
        LOOP,
        "if strobe == _ALL_BYTES or strobe >> byte & 1:",
        "if True:",
        TEST_LOOP,
    ),
    Mutant(
        "strobes: native loop: a strobe may change while it waits",
        LOOP,
        "is_same and strobe == channel.held_write_strobe",
        "is_same",
        TEST_LOOP_REFUSAL,
    ),
    Mutant(
        "strobes: testbench: the highest byte is always written",
        TESTBENCH,
        "            if ({prefix}_write_strobe[{byte}]) ",
        "            if ({prefix}_write_strobe[{byte}] || {byte} == 3) ",
        TEST_EXPORT,
    ),
    Mutant(
        "strobes: cocotb: whole beats are written",
        COCOTB,
        "if self.has_strobes:",
        "if False:",
        TEST_COCOTB,
    ),
)

STROBE_MUTANTS = (*_BEATS, *_RECORDS, *_TOOLS)
"""Every planted bug."""
