"""Planted bugs of sweeps: resume, digests, executors, the compiled recursion; names: `sweep:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

ROWS = "tests/fastcar/sweeps/test_rows.py"
SPEC = "tests/fastcar/sweeps/test_spec.py"
RUN = "tests/fastcar/sweeps/test_run.py"
KERNEL = "tests/cosim/cycles/test_compiled_recursion.py"


def _bug(stem: str, name: str, old: str, new: str, *tests: str) -> Mutant:
    """A mutant of a file of `fastcar/sweeps/`."""
    return Mutant(f"sweep: {name}", f"fastcar/sweeps/{stem}.py", old, new, tests)


def _kernel_bug(name: str, old: str, new: str, test: str) -> Mutant:
    path = "cosim/cycles/compiled_recursion.py"
    return Mutant(f"sweep: compiled recursion: {name}", path, old, new, (f"{KERNEL}::{test}",))


SWEEP_MUTANTS = (
    _bug(
        "rows",
        "what a job brings twice stands twice",
        'if row["point_sha256"] not in self.done:',
        "if True:",
        f"{ROWS}::test_rows_that_come_twice_stand_once",
    ),
    _bug(
        "rows",
        "what stands in files is forgotten",
        'self.done.update(row["point_sha256"] for row in rows)',
        "pass",
        f"{ROWS}::test_another_store_knows_what_is_done",
    ),
    _bug(
        "rows",
        "rows of another sweep are taken",
        'if row["spec_sha256"] != self.spec.digest or point is None:',
        "if point is None:",
        f"{ROWS}::test_rows_of_others_are_refused",
    ),
    _bug(
        "rows",
        "rows that other code made are taken",
        '"code_sha256": digest_code()}',
        '"code_sha256": row["code_sha256"]}',
        f"{ROWS}::test_rows_of_others_are_refused",
    ),
    _bug(
        "rows",
        "a worker with other code is believed",
        'if row["code_sha256"] != digest_code():',
        "if False:",
        f"{ROWS}::test_rows_of_a_worker_with_other_code_are_refused",
    ),
    _bug(
        "rows",
        "checksums of pages are not written",
        "write_page_checksum=True",
        "write_page_checksum=False",
        f"{ROWS}::test_no_result_is_read_that_was_not_written",
    ),
    _bug(
        "rows",
        "rows that could not be written are forgotten",
        "        self._write(self.folder / PARTS_FOLDER / name, self._pending)\n"
        "        self._pending = []",
        "        pending, self._pending = self._pending, []\n"
        "        self._write(self.folder / PARTS_FOLDER / name, pending)",
        f"{ROWS}::test_a_full_disk_loses_nothing_and_leaves_nothing_half_written",
    ),
    _bug(
        "points",
        "the digest of a point does not see its values",
        "digest = compute_digest([scope.name, ordered])",
        "digest = compute_digest([scope.name, sorted(ordered)])",
        SPEC,
    ),
    _bug(
        "run",
        "every point is evaluated again",
        "if point.digest not in store.done]",
        "if point.digest]",
        f"{RUN}::test_a_sweep_goes_on_where_it_was_ended",
    ),
    _bug(
        "run",
        "what came back before the end is not written",
        "    finally:\n        store.flush()",
        "    finally:\n        pass",
        f"{RUN}::test_a_sweep_goes_on_where_it_was_ended",
    ),
    _bug(
        "evaluate",
        "a refused point ends the sweep",
        "except FastCarError as error:",
        "except ZeroDivisionError as error:",
        f"{RUN}::test_a_point_that_cannot_be_is_a_row_and_ends_no_other",
    ),
    _kernel_bug(
        "the highest core has its record taken first",
        "if chosen < 0 and offer <= cycle:",
        "if offer <= cycle:",
        "test_records_are_taken_as_in_the_recursion",
    ),
    _kernel_bug(
        "records let the next slot begin a cycle early",
        "return record + RECORD_CYCLES",
        "return record + RECORD_CYCLES - 1",
        "test_the_last_instruction_waits_for_the_record_before",
    ),
    _kernel_bug(
        "the queue holds one more",
        "passed = max(passed, firsts[core, counts[core] - depth])",
        "passed = max(passed, firsts[core, counts[core] - depth] - 1)",
        "test_a_short_queue_holds_as_many_as_it_says",
    ),
    _kernel_bug(
        "the pointer moves on for every slot",
        "        if computes[head]:\n            state[1]",
        "        if True:\n            state[1]",
        "test_a_short_queue_holds_as_many_as_it_says",
    ),
)
