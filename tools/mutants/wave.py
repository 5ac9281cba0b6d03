"""Planted bugs of recordings and of the wave forms written of them."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of `cosim/<stem>.py`; the test of that file must notice, or the one named."""
    file, separator, function = (test or stem).partition("::")
    tests = (name_test_file(f"cosim/{file}") + separator + function,)
    return Mutant(f"wave: {name}", f"cosim/{stem}.py", old, new, tests)


WAVE_MUTANTS = (
    _bug(
        "wave/recording",
        "the oldest steps are kept",
        "range(max(0, self.num_steps - len(self.words)), self.num_steps)",
        "range(min(len(self.words), self.num_steps))",
    ),
    _bug(
        "wave/window",
        "the cycle of the run before counts",
        "return steps.start + int(found[-1])",
        "return steps.start + int(found[0])",
        "wave/window::test_the_cycle_is_that_of_this_run",
    ),
    _bug(
        "wave/window",
        "what is offered counts as passed on",
        "(rows[:, valid] & rows[:, ready]) != 0",
        "rows[:, valid] != 0",
        "wave/window::test_a_run_that_hangs_is_seen_at_its_last_transfer",
    ),
    _bug(
        "wave/changes",
        "a chunk begins with changes of its own",
        "previous = rows[:1] if before is None else before",
        "previous = rows[:1]",
    ),
    _bug(
        "wave/changes",
        "of a wide number the lowest word counts",
        "for word in range(one.num_words)]",
        "for word in range(1)]",
    ),
    _bug(
        "wave/vcd_file",
        "the last step has no end",
        "writer.close(view.steps.stop)",
        "writer.close()",
    ),
    _bug(
        "wave/fst_file",
        "half of every word is lost",
        "lib.fstWriterEmitValueChangeVec32(",
        "lib.fstWriterEmitValueChangeVec64(",
    ),
    _bug(
        "wave/side_files",
        "vectors without the range of their bits",
        "{name_in_file(name, signal.num_bits).replace(' ', '')}",
        "{name}",
    ),
    _bug(
        "wave/side_files",
        "what the user changed is ours",
        'return first + "\\n" == _make_mark(path.suffix, rest)',
        "return MARK in first",
    ),
    Mutant(
        "wave: what the user changed beside a wave form is replaced",
        "fastcar/wave_output.py",
        "if path.exists() and not is_ours(path):",
        "if not path.parent.exists():",
        ("tests/fastcar/test_cli_cosim.py::test_what_the_user_changed_beside_the_wave_form_stays",),
    ),
    Mutant(
        "wave: the end is shown in place of the difference",
        "fastcar/wave_output.py",
        "found, cycle = _find_difference(recording, difference), difference.cycle",
        "found, cycle = last, difference.cycle",
        ("tests/fastcar/test_wave_output.py::test_the_difference_stands_in_the_middle",),
    ),
)
