"""`fastcar.predict`: cycles of layer steps by the cycle model."""

from __future__ import annotations

from fastcar.api.types import Numbers, PathLike, Report, make
from fastcar.cosim.prediction_request import DEFAULT_RATIOS, PredictionRequest
from fastcar.predicting import predict_checkpoint
from fastcar.reference.arguments import check_argument
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.progress import StageProgress


def predict(
    checkpoint: PathLike | None = None,
    *,
    tokens: PathLike | None = None,
    tokens_per_frame: int | None = None,
    preset: str | None = None,
    cores: int | None = None,
    lanes: int | None = None,
    batch: int | None = None,
    latency: int | None = None,
    source: str | DecisionSource = PredictionRequest.source,
    ratios: Numbers = DEFAULT_RATIOS,
    draws: int = PredictionRequest.draws,
    seed: int = PredictionRequest.seed,
    mlp_share: float | None = None,
    clock_mhz: float | None = None,
    progress: StageProgress | None = None,
) -> Report:
    """Predict cycles of layer steps, dense, static and under DRS, for sizes that none simulates.

    Args:
        checkpoint: decisions as measured on the clips of this video model, or with `tokens` on
            any Hugging Face Llama directory; without tokens of such a one its sizes alone, and
            decisions are drawn; None = a preset.
        tokens: .npz file with integer arrays prompt_ids [B, P], forced_ids [B, S].
        tokens_per_frame: N of the file; given together with `tokens`.
        preset: sizes of a model without a checkpoint: demo (None), or vila_u_7b_u280 and others.
        cores: C, 1 to 32; None = the preset's, where it knows it, as with the next three.
        lanes: L, multipliers of a core, a power of two from 4 on.
        batch: B, slots, 1 to 32.
        latency: of the memory, 1 to 65535 cycles.
        source: what decides, "score" or "distance".
        ratios: replayed shares, each in [0, 1].
        draws: layer steps for each share, 1 to 100000.
        seed: of the draws, 0 to 2**63 - 1.
        mlp_share: share of a dense run's time in the MLP phase, in [0, 1]; None = that of the
            weights.
        clock_mhz: for seconds; None = cycles only.
        progress: called with stage, shares done, shares in all.

    Returns:
        The report, JSON values, described in docs/cosim_schema.md.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits, a size that is neither
            given nor known.
        CheckpointError: a file that cannot be used.

    >>> report = predict(ratios=0.5, draws=1)
    >>> report["preset"], report["rows"][0]["drs_cycles"] < report["dense"]["cycles"]
    ('demo', True)
    """
    request = make(
        PredictionRequest,
        preset=preset,
        cores=cores,
        lanes=lanes,
        batch=batch,
        latency=latency,
        source=source,
        ratios=ratios,
        draws=draws,
        seed=seed,
        mlp_share=mlp_share,
        clock_mhz=clock_mhz,
    )
    return predict_checkpoint(
        request,
        check_argument("checkpoint", checkpoint, PathLike | None),
        check_argument("tokens", tokens, PathLike | None),
        check_argument("tokens_per_frame", tokens_per_frame, int | None),
        progress,
    )
