"""Planted bugs: each mutant of the code is run against tests that should notice it.

A mutant replaces one piece of text in a copy of the tree. A text that is not found exactly once is
an error, so the list cannot rot; a mutant that no test catches makes the exit code 1. At last the
tests that caught one have to pass in the copy without a bug, or they would prove nothing.

    python -m tools.mutants            every mutant
    python -m tools.mutants chain      only those whose name contains a word
    python -m tools.mutants --part 1/4 the first quarter, every fourth of the list
    python -m tools.mutants --rotate 4 a quarter, with every commit the next one
    python -m tools.mutants --scheduler tcp://127.0.0.1:8786   on workers of a Dask scheduler
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from fastcar.reference.errors import FastCarError
from tools.mutants.arguments import ARGUMENT_MUTANTS
from tools.mutants.attention_core import ATTENTION_CORE_MUTANTS
from tools.mutants.attention_proofs import ATTENTION_PROOF_MUTANTS
from tools.mutants.attention_units import ATTENTION_UNIT_MUTANTS
from tools.mutants.bench import BENCH_MUTANTS
from tools.mutants.budget_search import BUDGET_SEARCH_MUTANTS
from tools.mutants.commands import COMMAND_MUTANTS
from tools.mutants.cosim import COSIM_MUTANTS
from tools.mutants.counted_decoder import COUNTED_DECODER_MUTANTS
from tools.mutants.export import EXPORT_MUTANTS
from tools.mutants.frame import FRAME_MUTANTS
from tools.mutants.html_report import REPORT_MUTANTS
from tools.mutants.inputs import INPUT_MUTANTS
from tools.mutants.int8 import INT8_MUTANTS
from tools.mutants.integer import INTEGER_MUTANTS
from tools.mutants.kernels import KERNEL_MUTANTS
from tools.mutants.mutant import Mutant, MutantError, compute_mutated
from tools.mutants.native import NATIVE_MUTANTS
from tools.mutants.own_models import OWN_MODEL_MUTANTS
from tools.mutants.proofs import PROOF_MUTANTS
from tools.mutants.reference import MUTANTS as REFERENCE_MUTANTS
from tools.mutants.replay_value import REPLAY_VALUE_MUTANTS
from tools.mutants.rtl import RTL_MUTANTS
from tools.mutants.run import UNTRIED, run_all
from tools.mutants.simulators import SIMULATOR_MUTANTS
from tools.mutants.site import SITE_MUTANTS
from tools.mutants.strobes import STROBE_MUTANTS
from tools.mutants.sweeps import SWEEP_MUTANTS
from tools.mutants.token_export import TOKEN_EXPORT_MUTANTS
from tools.mutants.vila_u import VILA_U_MUTANTS
from tools.mutants.vila_u_pixels import VILA_U_PIXEL_MUTANTS
from tools.mutants.wave import WAVE_MUTANTS
from tools.mutants.whole import WHOLE_MUTANTS
from tools.mutants.whole_loop import WHOLE_LOOP_MUTANTS
from tools.mutants.whole_program import WHOLE_PROGRAM_MUTANTS
from tools.paths import ROOT

MUTANTS = (
    *REFERENCE_MUTANTS,
    *PROOF_MUTANTS,
    *ATTENTION_PROOF_MUTANTS,
    *INTEGER_MUTANTS,
    *WHOLE_MUTANTS,
    *WHOLE_PROGRAM_MUTANTS,
    *WHOLE_LOOP_MUTANTS,
    *INT8_MUTANTS,
    *INPUT_MUTANTS,
    *RTL_MUTANTS,
    *ATTENTION_UNIT_MUTANTS,
    *ATTENTION_CORE_MUTANTS,
    *KERNEL_MUTANTS,
    *FRAME_MUTANTS,
    *COSIM_MUTANTS,
    *COUNTED_DECODER_MUTANTS,
    *NATIVE_MUTANTS,
    *WAVE_MUTANTS,
    *SIMULATOR_MUTANTS,
    *STROBE_MUTANTS,
    *TOKEN_EXPORT_MUTANTS,
    *EXPORT_MUTANTS,
    *COMMAND_MUTANTS,
    *REPORT_MUTANTS,
    *ARGUMENT_MUTANTS,
    *OWN_MODEL_MUTANTS,
    *BUDGET_SEARCH_MUTANTS,
    *BENCH_MUTANTS,
    *REPLAY_VALUE_MUTANTS,
    *SITE_MUTANTS,
    *VILA_U_MUTANTS,
    *VILA_U_PIXEL_MUTANTS,
    *SWEEP_MUTANTS,
)
"""Every planted bug."""


def check_list(mutants: Sequence[Mutant], root: Path = ROOT) -> None:
    """Raise MutantError for a name twice, a text not found once, or a test file that is missing."""
    names = [mutant.name for mutant in mutants]
    for mutant in mutants:
        if names.count(mutant.name) > 1:
            raise MutantError(f"{mutant.name}: name stands twice in the list")
        mutated = compute_mutated((root / mutant.path).read_text(encoding="utf-8"), mutant)
        if mutant.path.endswith(".py"):
            compile(mutated, mutant.path, "exec")
        for test in mutant.tests:
            file, _, function = test.partition("::")
            if not (root / file).is_file():
                raise MutantError(f"{mutant.name}: no test file {file}")
            if function and f"def {function}(" not in (root / file).read_text(encoding="utf-8"):
                raise MutantError(f"{mutant.name}: no test {function} in {file}")


def count_commits(root: Path = ROOT) -> int:
    """Commits up to the present one; 0 outside of a repository.

    Raises:
        MutantError: the clone is shallow, so the number would stay the same for ever.
    """
    shallow = _ask_git(root, "rev-parse", "--is-shallow-repository")
    if shallow == "true":
        raise MutantError("--rotate counts commits: the clone must not be shallow")
    return int(_ask_git(root, "rev-list", "--count", "HEAD") or 0)


def _ask_git(root: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            ["git", *command], cwd=root, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


def choose(words: Sequence[str], part: int = 1, num_parts: int = 1) -> list[Mutant]:
    """Mutants with all words in their names, or every `num_parts`-th of them from `part` on.

    >>> sum(len(choose([], part, 4)) for part in range(1, 5)) == len(MUTANTS)
    True
    """
    named = [mutant for mutant in MUTANTS if all(word in mutant.name for word in words)]
    return named[part - 1 :: num_parts]


def parse_part(text: str) -> tuple[int, int]:
    """`K/N` as (K, N), 1 <= K <= N."""
    part, _, num_parts = text.partition("/")
    if not (part.isdigit() and num_parts.isdigit() and 1 <= int(part) <= int(num_parts)):
        raise argparse.ArgumentTypeError(f"{text!r}: must be K/N with 1 <= K <= N")
    return int(part), int(num_parts)


def parse_count(text: str) -> int:
    """A whole number, at least 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: must be a whole number, at least 1")
    return int(text)


def main(arguments: Sequence[str]) -> int:
    """Exit code 0 if every mutant is caught."""
    parser = argparse.ArgumentParser(prog="mutants", description="Planted bugs.")
    parser.add_argument("words", nargs="*", help="only mutants whose names contain all of them")
    share = parser.add_mutually_exclusive_group()
    share.add_argument("--part", type=parse_part, default=(1, 1), metavar="K/N", help="a share")
    share.add_argument("--rotate", type=parse_count, metavar="N", help="a share by commit count")
    parser.add_argument("--scheduler", metavar="ADDRESS", help="workers of a Dask scheduler")
    options = parser.parse_args(arguments)
    started = time.perf_counter()
    try:
        if options.rotate is not None:
            options.part = count_commits() % options.rotate + 1, options.rotate
            print(f"part {options.part[0]}/{options.rotate}", flush=True)
        chosen = choose(options.words, *options.part)
        if not chosen:
            raise MutantError(f"no mutant has a name with {' '.join(options.words)!r}")
        check_list(chosen)
        workers = min(2, os.cpu_count() or 1)
        outcomes = run_all(chosen, workers, options.scheduler)
    except (MutantError, FastCarError) as error:
        print(error, file=sys.stderr)
        return 1
    survivors = [outcome.mutant.name for outcome in outcomes if outcome.caught_by is None]
    untried = [outcome for outcome in outcomes if outcome.caught_by == UNTRIED]
    num_caught = len(outcomes) - len(survivors) - len(untried)
    seconds = time.perf_counter() - started
    words = f"{num_caught} of {len(outcomes)} mutants caught, {len(untried)} not tried"
    print(f"{words}, {seconds:.0f} s")
    for name in survivors:
        print(f"survived: {name}", file=sys.stderr)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
