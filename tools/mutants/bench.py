"""Planted bugs of `make bench` on the shipped model; names begin with `bench:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str) -> Mutant:
    """A mutant of `tools/bench/<stem>.py`; the test of that file must notice."""
    path = f"tools/bench/{stem}"
    return Mutant(f"bench: {name}", f"{path}.py", old, new, (name_test_file(path),))


BENCH_MUTANTS = (
    _bug(
        "gate",
        "a plan forgets the tokens of the one before",
        "        self._counts += len(tokens)\n",
        "",
    ),
    _bug(
        "shipped/summary",
        "quotients of medians instead of medians of quotients",
        "float(np.median(times[0] / times[1]))",
        "float(np.median(times[0]) / np.median(times[1]))",
    ),
    _bug(
        "shipped/summary",
        "the law is that of the ratio that was asked for",
        "laws = np.array([compute_amdahl(share, reached) for share in shares])",
        "laws = np.array([compute_amdahl(share, ratio) for share in shares])",
    ),
    _bug(
        "shipped/summary",
        "the first frame counts to the cost of few rows",
        '_get_times(turns[name_rows(rows)], "mlp") - first',
        '_get_times(turns[name_rows(rows)], "mlp")',
    ),
    _bug(
        "shipped/targets",
        "other likelihoods go for equal tokens",
        '100 * entry["equal_share"] if entry["equal_nats"] else 0.0',
        '100 * entry["equal_share"]',
    ),
    _bug(
        "shipped/turn",
        "work of other threads is not seen",
        "time.process_time() - cpu",
        "time.thread_time() - cpu",
    ),
    _bug(
        "shipped/gates",
        "the last threshold is taken, not the closest",
        "return min(tried, key=lambda candidate: abs(tried[candidate] - ratio))",
        "return list(tried)[-1]",
    ),
    _bug(
        "shipped/measure",
        "everybody always plays in the same order",
        "names if round_index % 2 else reversed(names)",
        "names",
    ),
    _bug(
        "shipped/earlier",
        "today's engine plays for the earlier one",
        "sys.path.insert(0, folder)",
        "sys.path.append(folder)",
    ),
    _bug("figure", "lines differ in colour alone", 'MARKERS = "os^D"', 'MARKERS = "oooo"'),
)
