"""A prediction from files to its report."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from fastcar.cosim.prediction import predict
from fastcar.cosim.prediction_request import PredictionRequest
from fastcar.provenance import add_provenance, describe_provenance, describe_software
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.files.config_file import load_config
from fastcar.reference.files.quantization_config import get_quantization
from fastcar.reference.progress import StageProgress
from fastcar.reference.token_model import is_video_model, load_clip_model
from fastcar.reference.vila_u.config import is_vila_u, load_vila_u_config
from fastcar.reference.vila_u.work import DepthSizes

PathLike = str | os.PathLike[str]
Json = dict[str, Any]


def predict_checkpoint(
    request: PredictionRequest,
    checkpoint: PathLike | None,
    tokens: PathLike | None,
    tokens_per_frame: int | None,
    progress: StageProgress | None = None,
) -> Json:
    """Predict cycles for a checkpoint, or for a preset where there is none.

    Args:
        request: sizes, ratios, memory.
        checkpoint: Llama or VILA-U directory; None = the preset of the request.
        tokens: .npz file to measure decisions on; None = the clips of a video model.
        tokens_per_frame: N of the file.
        progress: told of stages.

    Returns:
        The report with its provenance, JSON values, see docs/cosim_schema.md.

    Raises:
        ArgumentError: arguments that contradict each other, no such accelerator.
        CheckpointError: a file that cannot be used.
    """
    model = load_predicted_model(checkpoint, tokens, tokens_per_frame)
    depth = None if checkpoint is None else load_depth_sizes(checkpoint)
    report = predict(request, model, progress, depth)
    return add_provenance(report, _describe(checkpoint, tokens, model))


def load_depth_sizes(checkpoint: PathLike) -> DepthSizes | None:
    """What a VILA-U checkpoint has beside its body; None of any other."""
    if not is_vila_u(checkpoint):
        return None
    config = load_vila_u_config(checkpoint)
    return DepthSizes(
        hidden_size=config.llm.hidden_size,
        code_width=config.vision.code_width,
        num_codes=config.vision.num_codes,
        depth=config.vision.depth,
        width=config.depth.width,
        num_layers=config.depth.num_layers,
        projector_layers=len(config.projector.shapes),
    )


def _describe(
    checkpoint: PathLike | None, tokens: PathLike | None, model: ClipModel | ModelConfig | None
) -> Json:
    """Digests of what was read: of a checkpoint whose sizes alone count, nothing was."""
    if checkpoint is None or isinstance(model, ModelConfig):
        return {**describe_software(), "weights_sha256": None, "tokens_sha256": None}
    return describe_provenance(Path(checkpoint), None if tokens is None else Path(tokens))


def load_predicted_model(
    checkpoint: PathLike | None, tokens: PathLike | None, tokens_per_frame: int | None
) -> ClipModel | ModelConfig | None:
    """The model whose decisions are measured, its sizes alone, or nothing for a preset."""
    if checkpoint is None:
        if tokens is not None:
            raise ArgumentError("tokens", str(tokens), "given together with checkpoint")
        if tokens_per_frame is not None:
            limit = "given together with checkpoint and tokens"
            raise ArgumentError("tokens_per_frame", tokens_per_frame, limit)
        return None
    if tokens is None and tokens_per_frame is None and not is_video_model(checkpoint):
        if is_vila_u(checkpoint):
            return load_vila_u_config(checkpoint).llm
        return load_config(checkpoint, get_quantization(checkpoint))
    return load_clip_model(checkpoint, tokens, tokens_per_frame)
