"""What the videos of a request start from: prompts, recorded clips, or nothing but "begin"."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from fastcar.reference.arrays import TokenIds
from fastcar.reference.errors import ArgumentError
from fastcar.reference.generate import Prompts
from fastcar.reference.video.model import VideoModel
from fastcar.reference.video.prompt import Prompt, parse_prompt
from fastcar.request import GenerationRequest

BEGIN_LABEL = "begin"
"""Label of a video that starts from the begin token alone (D-57)."""


@dataclass(frozen=True)
class VideoSources:
    """What each video of a batch starts from.

    Attributes:
        labels: for reports and pictures, one per video.
        prompts: one per video, with the start place that was drawn where none was said; None of a
            model that takes no prompt.
        encoded: their token ids.
        truth_ids: [videos, tokens] int64, true tokens of continued clips; None for others.
    """

    labels: tuple[str, ...]
    prompts: tuple[Prompt | None, ...]
    encoded: Prompts
    truth_ids: TokenIds | None


def get_sources(request: GenerationRequest, model: VideoModel) -> VideoSources:
    """Prompts or recorded clips of every video; `batch` copies stand side by side.

    Raises:
        ArgumentError: what the model has no prompt, clip or token for.
    """
    check_source(request, model)
    labels: list[str] = []
    prompts: list[Prompt | None] = []
    truths: list[TokenIds] = []
    if not request.prompts and not request.clips:
        labels, prompts = [BEGIN_LABEL] * request.batch, [None] * request.batch
    for text in request.prompts:
        prompts += [parse_prompt(text)] * request.batch
        labels += [text] * request.batch
    for text in request.clips:
        name, first, last = parse_clip_range(text)
        clips = model.load_clips(name)
        if last >= len(clips.prompts):
            raise ArgumentError("continue", text, f"clip indices below {len(clips.prompts)}")
        recorded_frames = clips.token_ids.shape[1] // model.geometry.tokens_per_frame
        if request.given_frames > recorded_frames:
            limit = f"at most {recorded_frames}, the recorded frames of {name}"
            raise ArgumentError("given_frames", request.given_frames, limit)
        for index in range(first, last + 1):
            prompts += [clips.prompts[index]] * request.batch
            labels += [f"{name}:{index}"] * request.batch
            truths += [clips.token_ids[index]] * request.batch
    drawn = model.draw_starts(prompts, request.seed)
    # the clips of two splits may differ in length
    shortest = min((len(truth) for truth in truths), default=0)
    truth_ids = np.array([truth[:shortest] for truth in truths]) if truths else None
    return VideoSources(tuple(labels), drawn, model.encode_prompts(drawn), truth_ids)


def check_source(request: GenerationRequest, model: VideoModel) -> None:
    """Refuse prompts and guidance of a model that takes no prompt, and nothing at all of others.

    Raises:
        ArgumentError: one of these.
    """
    if model.takes_prompts:
        if not request.prompts and not request.clips:
            raise ArgumentError("prompt, continue", "neither", "one of the two")
        return
    for text in request.prompts:
        raise ArgumentError("prompt", text, "left out: the model takes no prompt")
    if request.guidance is not None:
        limit = "left out: the model takes no prompt that could guide"
        raise ArgumentError("guidance", request.guidance, limit)


def parse_clip_range(text: str) -> tuple[str, int, int]:
    """Name, first and last index of recorded clips.

    >>> parse_clip_range("held_out:3"), parse_clip_range("held_out:0-7")
    (('held_out', 3, 3), ('held_out', 0, 7))
    """
    match = re.fullmatch(r"([a-z_]+):([0-9]{1,6})(?:-([0-9]{1,6}))?", text)
    first, last = (int(match[2]), int(match[3] or match[2])) if match else (1, 0)
    if match is None or last < first:
        raise ArgumentError("continue", text, "NAME:INDEX or NAME:FIRST-LAST, as held_out:0-7")
    return match[1], first, last
