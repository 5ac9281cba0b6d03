"""`fastcar.prove`: the statements of `fastcar.proofs` on decoded tokens."""

from __future__ import annotations

from fastcar.api.types import PathLike, Report, Texts, make
from fastcar.proving import Request
from fastcar.proving import prove as run_checks
from fastcar.reference.progress import StageProgress
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.workers import check_processes


def prove(
    checkpoint: PathLike = SHIPPED_MODEL,
    *,
    tokens: PathLike | None = None,
    tokens_per_frame: int | None = None,
    statements: Texts = (),
    instances: int = Request.num_instances,
    seed: int = Request.seed,
    certify: bool = False,
    processes: int = 1,
    progress: StageProgress | None = None,
) -> Report:
    """Check the error bounds on decoded tokens, statement by statement.

    Args:
        checkpoint: video model, or any Hugging Face Llama directory.
        tokens: .npz file with integer arrays prompt_ids [B, P], forced_ids [B, S]; None = the
            clips of a video model, random tokens for another.
        tokens_per_frame: N of the file; given together with `tokens`.
        statements: numbers such as "P-04", one or more; none = all.
        instances: of each statement, 1 to 1000000; some take fewer.
        seed: of clips, tokens and places, 0 to 2**63 - 1.
        certify: also compute some instances in balls, a proof for these, and prove the scheduler
            for all words; needs the extra "proofs".
        processes: that check side by side, at most 16 for each core; more than 1 starts new
            interpreters, so that a script needs `if __name__ == "__main__":`.
        progress: called with statement, steps done, steps in all.

    Returns:
        The report, JSON values, described in docs/prove_schema.md. A statement that is violated
        is no exception: `holds` is False.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits.
        CheckpointError: a file that cannot be used.

    >>> import tempfile
    >>> from fastcar.api.example import write_example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = prove(write_example(folder).checkpoint, statements="P-01", instances=2)
    >>> report["holds"], report["statements"][0]["num_instances"]
    (True, 2)
    """
    check_processes(processes)
    request = make(
        Request,
        numbers=statements,
        checkpoint=checkpoint,
        num_instances=instances,
        seed=seed,
        is_certifying=certify,
        tokens=tokens,
        tokens_per_frame=tokens_per_frame,
    )
    return run_checks(request, processes, progress)
