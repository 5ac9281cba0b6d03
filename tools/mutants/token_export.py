"""Planted bugs of recorded whole tokens, and of the benches that compare them."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file

_RECORDING_FILE = name_test_file("cosim/export/token_recording")
_RECORDING_TEST = f"{_RECORDING_FILE}::test_key_heads_are_shared_and_cores_are_many"
_TESTBENCH_TEST = f"{name_test_file('cosim/export/token_testbench')}::test_a_planted_bug_is_found"
_NAMES_TEST = (
    f"{name_test_file('cosim/export/token_testbench')}::test_every_retirement_is_named_in_its_file"
)
_COCOTB_TEST = "tests/cocotb/test_tokens.py::test_a_planted_bug_is_found"


def _bug(path: str, name: str, old: str, new: str, test: str = _RECORDING_TEST) -> Mutant:
    """A mutant of a file of `cosim/export/`."""
    return Mutant(f"token export: {name}", f"cosim/export/{path}", old, new, (test,))


TOKEN_EXPORT_MUTANTS = (
    _bug(
        "token_recording.py",
        "keys, values and replay cache are not expected",
        "    write_state(image, decoder)\n    for slot, residual",
        "    for slot, residual",
    ),
    _bug(
        "token_recording.py",
        "residual stream of the first layer is expected",
        "tokens[-1].layers[-1].residual",
        "tokens[-1].layers[0].residual",
    ),
    _bug(
        "token_recording.py",
        "the second token is given as well",
        "fed, given = np.array(tokens[-1].token_ids), False",
        "fed, given = np.array(tokens[-1].token_ids), True",
        f"{_RECORDING_FILE}::test_everything_that_a_token_asks_for_is_recorded",
    ),
    _bug(
        "token_recording.py",
        "noise is not written",
        "        image.write_noise(slot, row)",
        "        image.write_noise(slot, row * 0)",
    ),
    _bug(
        "sharing_engine.py",
        "tokens replay before they are recorded",
        "request.token_index >= self._first_token",
        "request.token_index >= 0",
    ),
    _bug(
        "token_records.py",
        "the MLP phase is on the core of attention",
        "_Section(cores[slot], layer.mlp_digests[slot])",
        "_Section(static, layer.mlp_digests[slot])",
    ),
    _bug(
        "token_records.py",
        "the pick names no token",
        "_Section(static, token.logit_digests[slot], token.token_ids[slot])",
        "_Section(static, token.logit_digests[slot])",
    ),
    _bug(
        "token_records.py",
        "the pick has the digest of the MLP phase",
        "_Section(static, token.logit_digests[slot], token.token_ids[slot])",
        "_Section(static, layer.mlp_digests[slot], token.token_ids[slot])",
    ),
    _bug(
        "testbench.py",
        "sections have the name of the first",
        'f" // {names[place]}" if names',
        'f" // {names[0]}" if names',
        _NAMES_TEST,
    ),
    _bug(
        "testbench_template.v",
        "the testbench does not look at the memory",
        "if (memory[place] !== expected_memory[place]) begin",
        "if (place > NUM_BEATS) begin",
        _TESTBENCH_TEST,
    ),
    _bug(
        "testbench_template.v",
        "the testbench does not look at the token of a retirement",
        "retire !== expected_retires[num_retires]) begin",
        "retire >> 16 !== expected_retires[num_retires] >> 16) begin",
        _TESTBENCH_TEST,
    ),
    _bug(
        "testbench_template.v",
        "the testbench does not look at the digest of a retirement",
        "retire !== expected_retires[num_retires]) begin",
        "retire >> 48 !== expected_retires[num_retires] >> 48) begin",
        _TESTBENCH_TEST,
    ),
    _bug(
        "cocotb_bench/fastcar_cocotb.py",
        "cocotb does not look at the token of a retirement",
        '("core", "digest", TOKEN) if name in record',
        '("core", "digest") if name in record',
        _COCOTB_TEST,
    ),
    _bug(
        "cocotb_bench/fastcar_cocotb.py",
        "cocotb takes a record for any section of its slot",
        "        for record, one, section in zip(",
        '        wanted = [next((w for w in wanted if w["digest"] == r["digest"]), w)\n'
        "                  for r, w in zip(records, wanted)]\n"
        "        for record, one, section in zip(",
        _COCOTB_TEST,
    ),
    _bug(
        "cocotb_bench/fastcar_cocotb.py",
        "cocotb does not look at what the run has changed in memory",
        "check_memory(bench, {**expected.memory, **expected.changes})",
        "check_memory(bench, {a: b for a, b in expected.memory.items() if a not in "
        "expected.changes})",
        _COCOTB_TEST,
    ),
)
"""Every planted bug."""
