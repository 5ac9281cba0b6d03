"""`fastcar.cosim`, also called `fastcar.cosimulate`: the accelerator beside the reference."""

from __future__ import annotations

import warnings
from functools import partial

from fastcar.api.types import PathLike, Report, Thresholds, load_clips, make
from fastcar.cosim.request import CosimRequest, Mode
from fastcar.cosim.whole.scope import Scope, make_cosim_request
from fastcar.cosimulation import cosimulate_model
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.progress import StageProgress
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.wave_output import request_wave, write_last_wave


def cosimulate(
    checkpoint: PathLike = SHIPPED_MODEL,
    *,
    tokens: PathLike | None = None,
    tokens_per_frame: int | None = None,
    scope: str | Scope = Scope.MLP,
    backend: str = CosimRequest.backend,
    batch: int | None = None,
    cores: int = CosimRequest.cores,
    lanes: int | None = None,
    mode: str | Mode = CosimRequest.mode,
    source: str | DecisionSource = CosimRequest.source,
    tau: Thresholds = None,
    target_ratio: float | None = None,
    budget: float | None = None,
    latency: int = CosimRequest.latency,
    stall: float = CosimRequest.stall,
    seed: int = CosimRequest.seed,
    first_token: int | None = None,
    num_tokens: int | None = None,
    frames: int | None = None,
    given_frames: int | None = None,
    temperature: float | None = None,
    barrier: bool | None = None,
    max_blocks: int | None = None,
    calibration_clips: int | None = None,
    window: int | None = None,
    sinks: int | None = None,
    wave: PathLike | None = None,
    wave_window: int | str | None = None,
    progress: StageProgress | None = None,
) -> Report:
    """Run the accelerator on real tokens, in lock-step with the integer reference.

    `fastcar.cosim(...)` is the same at run time. For type checkers `fastcar.cosim` is the package
    below which the co-simulation stands, and a package cannot be called.

    Args:
        checkpoint: video model, or with `tokens` any Hugging Face Llama directory.
        tokens: .npz file with integer arrays prompt_ids [B, P], forced_ids [B, S]; None = the
            clips of the video model.
        tokens_per_frame: N of the file; given together with `tokens`.
        scope: "mlp", what the accelerator computes are decisions and MLP phase; or "decoder",
            everything from token to token, the prompt and the next token included.
        backend: simulator, "pyrtl", "native" or "verilator".
        batch: held-out clips, or rows, one per slot, 1 to 32; None = 4, fewer where there are
            fewer.
        cores: C, 1 to 32.
        lanes: L, multipliers of a core, a power of two from 4 on; None = 16, fewer for a smaller
            model.
        mode: "drs" or "static" mapping with replay, or "dense", no replay.
        source: what decides, "score" or "distance".
        tau: threshold, one or one per layer; in place of `target_ratio` and `budget`.
        target_ratio: replayed share of the eligible decisions, in [0, 1]; None = 0.5.
        budget: share of the dense multiplications of the eligible decisions (D-41).
        latency: of the memory, 1 to 65535 cycles.
        stall: probability that a channel of the memory waits in a cycle, in [0, 0.95].
        seed: of the stalls, and of the draws of a temperature, 0 to 2**63 - 1.
        first_token: generated index of the first simulated token; 0 = the decoder's prompt before
            it, too; None = one of frame 1, of the decoder 0 where `frames` is given.
        num_tokens: simulated tokens; None = to the end of `frames`; without them a frame, at most
            64, of the decoder 8, and 1 on the back end pyrtl.
        frames: of the video; None = as many as the tokens need.
        given_frames: true frames at the start, the others are drawn; None = 2, of the decoder 0.
        temperature: of the draws of the decoder; None = 0, greedy.
        barrier: a layer of the decoder begins when all cores are idle; None = False, while slots of
            the one before are under way (D-48).
        max_blocks: words of keys that the score buffer of the decoder holds; None = as many as the
            tokens ask for, or more, where block RAM has them anyway.
        calibration_clips: for scales and thresholds; None = 4, fewer where there are fewer.
        window: newest tokens that attention sees; None = all.
        sinks: oldest tokens that stay visible beside a window; None = 4.
        wave: FILE.vcd or FILE.fst, the wave form of the layer that failed or of the last, with
            FILE.gtkw and FILE.sucl beside it (D-44).
        wave_window: cycles of it before and behind the difference, or "all"; None = 500.
        progress: called with stage, tokens done, tokens in all; of the wave form cycles.

    Returns:
        The report, JSON values, described in docs/cosim_schema.md. A hardware that differs is no
        exception: `equal` is False, `failure` and `difference` say where.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits, a size that model,
            clips or accelerator do not have.
        CheckpointError: a file that cannot be used.
        OutputError: the wave form cannot be written.

    >>> import tempfile
    >>> from fastcar.api.example import write_example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     example = write_example(folder)
    ...     report = cosimulate(
    ...         example.checkpoint, tokens=example.tokens, tokens_per_frame=4, batch=2, lanes=8
    ...     )
    >>> report["equal"], report["records"]["compared"], report["accelerator"]["num_lanes"]
    (True, 32, 8)
    """
    request = make(
        make_cosim_request,
        scope=scope,
        backend=backend,
        batch=batch,
        cores=cores,
        lanes=lanes,
        mode=mode,
        source=source,
        tau=tau,
        target_ratio=target_ratio,
        budget=budget,
        latency=latency,
        stall=stall,
        seed=seed,
        first_token=first_token,
        num_tokens=num_tokens,
        frames=frames,
        given_frames=given_frames,
        temperature=temperature,
        barrier=barrier,
        max_blocks=max_blocks,
        calibration_clips=calibration_clips,
        window=window,
        sinks=sinks,
        records_wave=wave is not None,
    )
    wanted = request_wave(wave, wave_window, tokens, checkpoint)
    model = load_clips(checkpoint, tokens, tokens_per_frame)
    done = cosimulate_model(request, model, progress)
    if wanted is not None:
        write_last_wave(wanted, done, partial(warnings.warn, stacklevel=4), progress)
    return done.report
