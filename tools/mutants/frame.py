"""Planted bugs of the kernel of whole frames; names begin with `frame:`.

A barrier left out is none of them: threads would wait for one another for ever, or by luck not.
"""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_TESTS = "tests/reference/kernels/frame"
_GATES = f"{_TESTS}/test_run.py::test_every_gate_in_a_full_and_in_a_narrow_context"


def _bug(stem: str, name: str, old: str, new: str, test: str = _GATES) -> Mutant:
    """A mutant of `reference/kernels/frame/<stem>.py`."""
    return Mutant(f"frame: {name}", f"reference/kernels/frame/{stem}.py", old, new, (test,))


def _lost(path: str, name: str, old: str, new: str, test: str) -> Mutant:
    """A mutant of what stands beside the kernel."""
    return Mutant(f"frame: {name}", f"reference/{path}.py", old, new, (f"tests/reference/{test}",))


_STEP = (
    _bug(
        "replacement",
        "corrections of the first rows, not of those that replay",
        "shared.x[row, column] += kept + shared.corrected[index, column]",
        "shared.x[row, column] += kept + shared.corrected[row, column]",
        f"{_TESTS}/test_run.py::test_what_rows_that_replay_use",
    ),
    _bug(
        "step",
        "keys turned by the position before theirs",
        "cosines, sines = model.cosines[position], model.sines[position]",
        "cosines, sines = model.cosines[position - 1], model.sines[position - 1]",
    ),
    _bug(
        "step",
        "rows that compute are gathered from the top",
        "gathered[index, place] = source[computing[index], place]",
        "gathered[index, place] = source[index, place]",
    ),
    _bug(
        "step",
        "outputs of the oracle are taken in turn",
        "source = shared.added[row if is_fresh else index]",
        "source = shared.added[index]",
    ),
    _bug(
        "attention",
        "window one entry late",
        "window_start = max(0, num_entries - memory.window)",
        "window_start = max(0, num_entries - memory.window + 1)",
    ),
    _bug(
        "attention",
        "the last sixteen keys stand in the place of the rest",
        "head, logits, LEAD + overlap)",
        "head, logits, LEAD + whole)",
    ),
    _bug(
        "exponentials",
        "no zero far below",
        "return builder.select(is_small, spread_float(0.0), builder.fmul(series, power))",
        "return builder.fmul(series, power)",
        f"{_TESTS}/test_exponentials.py",
    ),
)

_GATE = (
    _bug(
        "gate",
        "score of the key behind the aligned one",
        "return aligned if is_wanted and is_visible else NO_TAP",
        "return aligned + 1 if is_wanted and is_visible else NO_TAP",
    ),
    _bug(
        "gate",
        "a chain may be one longer",
        "chain < rule.max_chain",
        "chain <= rule.max_chain",
    ),
    _bug(
        "gate",
        "inputs kept of the first place of a frame alone",
        "count += 1\n            if rule.keeps_inputs:",
        "count += 1\n            if rule.keeps_inputs and location == 0:",
    ),
    _bug(
        "gate",
        "spread of measures learnt faster",
        "spread += 0.05 * (abs(measure - threshold) - spread)",
        "spread += 0.5 * (abs(measure - threshold) - spread)",
    ),
    _bug(
        "gate",
        "thresholds step the other way",
        "threshold + rule.gain * spread * (replayed - aim)",
        "threshold - rule.gain * spread * (replayed - aim)",
    ),
    _bug(
        "gate",
        "what was missed is not made up for",
        "rule.target - rule.surpluses[layer, row] / HORIZON_DECISIONS",
        "rule.target",
        f"{_TESTS}/test_runner_state.py::test_all_memory_is_that_of_steps",
    ),
)

_CHOICE = (
    _bug(
        "sampling",
        "guidance turned round",
        "number = free + draws.guidance * (number - free)",
        "number = number + draws.guidance * (free - number)",
    ),
    _bug(
        "sampling",
        "an estimated sum decides ties",
        "GUARD = 1e-4\n",
        "GUARD = 0.0\n",
        f"{_TESTS}/test_sampling.py",
    ),
    _bug(
        "sampling",
        "later ids first at ties",
        "if logits[place] > logits[found]:",
        "if logits[place] >= logits[found]:",
        f"{_TESTS}/test_sampling.py",
    ),
    _bug(
        "team",
        "shares overlap",
        "start = pieces * index // threads * SHARE_MULTIPLE",
        "start = max(0, pieces * index // threads - 1) * SHARE_MULTIPLE",
        f"{_TESTS}/test_team.py",
    ),
)

_AROUND = (
    _bug(
        "runner",
        "logits of the prompt are left behind",
        "loop.logits = plan.shared.logits",
        "loop.logits = loop.logits",
        f"{_TESTS}/test_runner_state.py::test_a_run_goes_on_where_the_other_way_has_ended",
    ),
    _bug(
        "runner",
        "a refused entry blames the cache alone",
        "raise name_stored(error, cache.storage, key, value, layer, fed) from error",
        "raise",
        f"{_TESTS}/test_runner_refusals.py",
    ),
    _bug(
        "rule_maker",
        "gates of subclasses are taken for what they inherit",
        "        type(gate) in KINDS\n",
        "        isinstance(gate, tuple(KINDS))\n",
        f"{_TESTS}/test_plan_maker.py",
    ),
    _lost(
        "kernels/engine",
        "transposed weights are read as they lie",
        "tuple(np.ascontiguousarray(array) for array in list_arrays(matrix))",
        "tuple(list_arrays(matrix))",
        "kernels/frame/test_plan_maker.py",
    ),
    _lost(
        "kernel_list",
        "strided norms are found by their addresses",
        "[weights.embedding, weights.head, weights.norm, *norms]",
        "[weights.embedding, weights.head, weights.norm]",
        "test_kernel_list.py",
    ),
    _lost(
        "kernel_list",
        "no steps for a certified gate",
        "by_steps = not by_frames or is_certified",
        "by_steps = not by_frames",
        "test_kernel_list.py",
    ),
    _lost(
        "kernel_marks",
        "sources of the frame kernel change no mark",
        'sorted(KERNELS.rglob("*.py"))',
        'sorted(KERNELS.glob("*.py"))',
        "test_kernel_marks.py",
    ),
    _lost(
        "kernels/machine_code",
        "the frame kernel's file is in no mark",
        "package is None or package.is_relative_to(PACKAGE)",
        "package is None",
        "kernels/test_machine_code.py",
    ),
)

FRAME_MUTANTS = (*_STEP, *_GATE, *_CHOICE, *_AROUND)
"""Every planted bug of these files."""
