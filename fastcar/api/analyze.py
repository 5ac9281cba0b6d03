"""`fastcar.analyze`: where replay stands on a model."""

from __future__ import annotations

from pathlib import Path

from fastcar.analysis.report import analyze as run_analysis
from fastcar.analysis.report import write_report
from fastcar.analysis.settings import AnalysisSettings, choose_settings
from fastcar.api.types import PathLike, Report, load_clips
from fastcar.extras import check_installed
from fastcar.folder_output import check_writable_directory, write_directory_atomically
from fastcar.reference.arguments import check_argument
from fastcar.reference.progress import StageProgress
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.workers import check_processes


def analyze(
    checkpoint: PathLike = SHIPPED_MODEL,
    *,
    tokens: PathLike | None = None,
    tokens_per_frame: int | None = None,
    clips: int | None = None,
    seed: int = 0,
    quick: bool = False,
    settings: AnalysisSettings | None = None,
    processes: int = 1,
    out: PathLike | None = None,
    force: bool = False,
    progress: StageProgress | None = None,
) -> Report:
    """Measure the paper's claims on a model: time, similarity, gates, drift.

    What needs pixels is left out for a checkpoint that is no video model. Needs the extra "cli",
    which brings what measures similarity and draws.

    Args:
        checkpoint: video model, or with `tokens` any Hugging Face Llama directory.
        tokens: .npz file with integer arrays prompt_ids [B, P], forced_ids [B, S]; None = the
            clips of the video model.
        tokens_per_frame: N of the file; given together with `tokens`.
        clips: held-out clips, or rows, to measure on; None = 16, 4 if quick, fewer where there
            are fewer.
        seed: of the random control gate, 0 to 2**63 - 1.
        quick: fewer clips and frames, wider errors.
        settings: all sizes, in place of the three before.
        processes: that run side by side, at most 16 for each core; more than 1 starts new
            interpreters, so that a script needs `if __name__ == "__main__":`.
        out: directory for findings.md, figures and report.json; None = nothing is written.
        force: write beside files that are not ours, which stay (D-38).
        progress: called with question, jobs done, known jobs.

    Returns:
        The report, JSON values, described in docs/analysis_schema.md.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits, more clips or frames
            than there are.
        CheckpointError: a file that cannot be used.
        OutputError: `out` cannot be written.

    >>> import tempfile
    >>> from fastcar.api.example import write_example
    >>> sizes = AnalysisSettings(
    ...     clips=2, calibration_clips=1, frames=3, long_frames=4, long_clips=1, ratios=0.5,
    ...     few_ratios=0.5, windows_tokens=4, sweep_points=2, corrective_runs=1, batch_rows=1
    ... )
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     example = write_example(folder)
    ...     report = analyze(
    ...         example.checkpoint, tokens=example.tokens, tokens_per_frame=4, settings=sizes
    ...     )
    >>> report["model"]["name"], report["answers"][0]["question"]
    ('llama', 'Where does the decode time go?')
    """
    check_processes(processes)
    is_forced = check_argument("force", force, bool)
    directory = check_argument("out", out, PathLike | None)
    if directory is not None:
        check_installed("matplotlib")  # the figures come last
        check_writable_directory(directory, is_forced)
    model = load_clips(checkpoint, tokens, tokens_per_frame)
    if model.has_pixels:
        check_installed("skimage")
    chosen = choose_settings(model, clips, seed, quick, settings)
    if directory is None:
        return run_analysis(model, chosen, processes, progress)
    with write_directory_atomically(directory, "analyze", is_forced) as partial:
        report = run_analysis(model, chosen, processes, progress)
        write_report(report, Path(partial))
    return report
