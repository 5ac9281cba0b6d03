"""Planted bugs of what counts the whole decoder and runs it beside its reference."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of `tools/hardware/decoder/<stem>.py`; its test, or that of another one.

    `stem::test` is one test of a file.
    """
    file, separator, function = (test or stem).partition("::")
    tests = (name_test_file(f"tools/hardware/decoder/{file}") + separator + function,)
    return Mutant(f"counted: {name}", f"tools/hardware/decoder/{stem}.py", old, new, tests)


COUNTED_DECODER_MUTANTS = (
    _bug(
        "programs",
        "whether SCORES taps alone does not count",
        "tapped = segments.index(holder) if holder else None",
        "tapped = None",
    ),
    _bug(
        "programs",
        "blocks of the first segment alone",
        "tuple(segment.num_blocks for segment in segments)",
        "segments[0].num_blocks",
    ),
    _bug(
        "programs",
        "the first frame is decided",
        "index >= tokens_per_frame",
        "index >= 0",
        "programs::test_rows_are_prompt_first_frame_and_decided_tokens",
    ),
    _bug(
        "counting",
        "instructions of one opcode take the same cycles",
        "key = one.opcode, one.rows, one.columns, one.reserved",
        "key = one.opcode, one.columns, one.reserved",
    ),
    _bug(
        "counting",
        "decisions of a token do not count",
        "mode, computes.tobytes()",
        "mode",
        "counting::test_other_decisions_and_modes_are_counted_anew",
    ),
    _bug(
        "counting",
        "heads belong to attention",
        '"attention" if index < last else "pick"',
        '"attention" if index else "pick"',
        "counting::test_every_instruction_is_in_its_section",
    ),
    _bug(
        "mid_video",
        "keys stay in the order of the reference",
        "numbers[..., order_pairs(size)] if part is StorePart.KEYS else numbers",
        "numbers",
        "lockstep::test_what_is_written_is_read_back",
    ),
    _bug(
        "lockstep",
        "cycles are not compared",
        'check_equal(token_index, "counters", result.counters, expected.counters)',
        "pass",
        "lockstep::test_other_cycles_are_noticed",
    ),
    _bug(
        "claims",
        "every target is met",
        'return "met" if is_met else "missed"',
        'return "met"',
        "main::test_verdicts_are_words",
    ),
)
