"""Planted bugs of how commands write, end and use processes; names begin with `command:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(path: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of a file; its own test must notice, or the one named; `file::test` is one test."""
    file, separator, function = (test or path).partition("::")
    tests = (name_test_file(file) + separator + function,)
    return Mutant(f"command: {name}", f"{path}.py", old, new, tests)


COMMAND_MUTANTS = (
    _bug(
        "fastcar/conformance/comparison",
        "conformance: what is not finite is near enough",
        "np.where(np.isfinite(distance), distance, np.inf)",
        "np.where(np.isfinite(distance), distance, 0.0)",
    ),
    _bug(
        "fastcar/conformance/comparison",
        "conformance: keys that nobody asked for are taken",
        "for key in sorted(answers.keys() - set(keys)):",
        "for key in sorted(set(keys) - answers.keys()):",
    ),
    _bug(
        "fastcar/conformance/comparison",
        "conformance: float32 is held to nothing more than float64 is",
        "TOLERANCES[answer.dtype.name]",
        'TOLERANCES["float32"]',
    ),
    _bug(
        "fastcar/conformance/integer_models",
        "conformance: a distance is decided by the integer below its threshold",
        "math.sqrt(threshold + 0.5)",
        "math.sqrt(threshold - 0.5)",
    ),
    _bug(
        "fastcar/conformance/integer_decoder_case",
        "conformance: all tokens are picked with the noise of the first",
        "pick_tokens(logits[-1], given)",
        "pick_tokens(logits[-1], noise[0])",
        "fastcar/conformance/kit",
    ),
    _bug(
        "fastcar/conformance/cycle_case",
        "conformance: no layer of a token flows",
        "flows=not is_shared",
        "flows=False",
        "fastcar/conformance/kit",
    ),
    _bug(
        "fastcar/conformance/cycle_case",
        "conformance: what is decided beforehand is asked for as something else",
        "computes[:, :, num_decided:] = True",
        "computes[:, :, num_decided:] = False",
    ),
    _bug(
        "fastcar/conformance/runner",
        "conformance: what a hanging program started goes on",
        "start_new_session=True",
        "start_new_session=False",
        "fastcar/cli_conformance::test_a_hanging_program_leaves_no_process",
    ),
    _bug(
        "fastcar/conformance/report",
        "conformance: what is not answered has passed",
        "outcome.verdict is Verdict.PASSED for outcome in outcomes)\n\n\ndef count",
        "outcome.verdict is not Verdict.FAILED for outcome in outcomes)\n\n\ndef count",
        "fastcar/cli_conformance",
    ),
    _bug(
        "fastcar/video_sources",
        "guidance away from nothing is taken",
        '    if request.guidance is not None:\n        limit = "left out',
        '    if request.guidance:\n        limit = "left out',
    ),
    _bug(
        "fastcar/cli/model_option",
        "a directory beside a name is passed over",
        "if source is not ParameterSource.DEFAULT:",
        "if source is ParameterSource.DEFAULT_MAP:",
        "fastcar/model_option",
    ),
    _bug(
        "fastcar/generation",
        "an engine that was left open is always NumPy",
        "results.append(decode_videos(model, decided,",
        "results.append(decode_videos(model, request,",
        "fastcar/generation",
    ),
    _bug(
        "fastcar/decode_plan",
        "corrective runs are not counted",
        "decodes += [one] * (DEFAULT_CLOSED_LOOP_RUNS if runs is None else runs)",
        "decodes += [one]",
    ),
    _bug(
        "fastcar/metrics",
        "whoever compares no frames waits for SciPy",
        "\nfrom fastcar.frame_size import",
        "\nfrom skimage.metrics import structural_similarity\n\nfrom fastcar.frame_size import",
        "fastcar/imports",
    ),
    _bug(
        "fastcar/cli/generate",
        "that what compares frames is missing is said after the run",
        '        check_installed("skimage")',
        "        check_installed()",
        "fastcar/imports",
    ),
    _bug(
        "fastcar/ownership",
        "a file of ours that the user changed is taken for ours",
        "return is_same_size and record == _describe(path)",
        "return is_same_size",
        "fastcar/folder_output",
    ),
    _bug(
        "fastcar/ownership",
        "files that no marker names are taken for ours",
        "    if record is None or path.is_symlink() or not path.is_file():\n        return False\n",
        "    if record is None or path.is_symlink() or not path.is_file():\n        return True\n",
        "fastcar/folder_output",
    ),
    _bug(
        "fastcar/folder_output",
        "what the user keeps replaces what was kept before",
        "for folder in (partial, target)):",
        "for folder in (partial,)):",
    ),
    _bug(
        "fastcar/exchange",
        "a killed swap leaves no folder that the next run finds",
        'make_hidden_path(target, target.parent, "old")',
        "make_hidden_path(target, target.parent)",
        "fastcar/folder_output",
    ),
    _bug(
        "reference/hidden_paths",
        "what a live run holds is removed",
        "        if _lock(lock):\n            if returns",
        "        if True:\n            if returns",
        "fastcar/output",
    ),
    _bug(
        "reference/signals",
        "a signal in the block is lost",
        "            signal.raise_signal(arrived[0])",
        "            pass",
    ),
    _bug(
        "reference/errors",
        "attributes of a refusal stay behind",
        "    vars(error).update(state)\n",
        "",
    ),
    _bug(
        "fastcar/workers",
        "workers outlive a killed parent",
        "    threading.Thread(target=_end_with_parent, daemon=True).start()\n",
        "",
    ),
    _bug(
        "fastcar/workers",
        "Ctrl-C reaches workers that start",
        "signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})",
        "signal.pthread_sigmask(signal.SIG_BLOCK, set())",
    ),
    _bug(
        "fastcar/cli/main",
        "a signal that a library hides is a fault",
        "            return fail(*ENDINGS[received[0]]) if received else _refuse(error)",
        "            return _refuse(error)",
        "fastcar/main::test_interrupted_run_leaves_no_file",
    ),
    _bug(
        "fastcar/ending",
        "a second Ctrl-C disturbs what tidies up",
        "if not self.is_over and now - self._raised_seconds > GRACE_SECONDS:",
        "if not self.is_over:",
    ),
    _bug(
        "reference/files/tokens_file",
        "the tokens of a row are not limited",
        "if max_tokens is not None and num_tokens > max_tokens:",
        "if False:",
        "fastcar/cli_trace",
    ),
    _bug(
        "cosim/verilog/process_group",
        "compilers outlive a killed caller",
        "threading.Thread(target=watch, daemon=True).start()\n",
        "",
    ),
    _bug(
        "cosim/backends/verilator_build",
        "a damaged library is loaded",
        "if path.name == _name_library(key, path.read_bytes()):",
        "if path.name:",
        "cosim/backends/verilator_backend::test_a_damaged_library_is_built_anew_and_said",
    ),
)
"""Planted bugs of files, folders, signals, processes and caches."""
