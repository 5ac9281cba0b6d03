"""Quality of the real-video model on clips that no training saw, source by source.

    python -m tools.real_video.evaluate --checkpoint DIR

Teacher-forced nats and top-1 from the third frame on, beside copying the frame before and a
temporal bigram (which code follows which one frame later, counted on the training clips), and what
the codec loses. The numbers go to evaluation.json beside the weights, for the model card.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.metrics import FIRST_SCORED_FRAME, compute_quality, compute_standard_error
from fastcar.reference.arrays import Float32Array
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.clips import decode_rows
from fastcar.reference.engine_factory import make_engine
from fastcar.reference.generate import DecodeOptions, Prompts
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.model import VideoModel, load_video_model
from tools.real_video.clip_sampler import GEOMETRY, ClipSampler
from tools.real_video.fetch import OUT
from tools.real_video.fidelity import measure_fidelity
from tools.real_video.film_files import load_films
from tools.real_video.record_clips import CLIPS, draw_clips
from tools.real_video.sources import SOURCES, STUDY_MIXTURE, Source, select_sources

BIGRAM_CLIPS = 3000
"""Training clips that the bigram is counted on."""
SMOOTHING = 0.05
"""Added to every count of the bigram."""
STUDY_CLIPS = 4
"""Clips of each source in the mixture on which an earlier study reported."""

Codes = NDArray[np.int64]


def count_bigram(sampler: ClipSampler, codec: PatchCodec, clips: int) -> NDArray[np.float64]:
    """log p(code | code in the same place one frame earlier), [K, K]: row is the earlier one."""
    counts = np.full((codec.num_codes, codec.num_codes), SMOOTHING)
    for _ in range(clips):
        codes = codec.encode(sampler.draw(2))
        np.add.at(counts, (codes[0], codes[1]), 1)
    return np.asarray(np.log(counts / counts.sum(axis=1, keepdims=True)))


def split_frames(codes: Codes) -> tuple[Codes, Codes]:
    """Each scored frame and the one before, [clips, frames, N] both."""
    frames = codes.reshape(len(codes), -1, GEOMETRY.tokens_per_frame)
    return frames[:, FIRST_SCORED_FRAME:], frames[:, FIRST_SCORED_FRAME - 1 : -1]


def run_forced(model: VideoModel, codes: Codes) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nats per token and top-1 of every clip, [clips] both."""
    begin = np.full((len(codes), 1), model.num_codes)
    rows = TokenRows(Prompts(begin, begin), codes, "clips")
    replay = ReplayConfig(model.tokens_per_frame)
    options = DecodeOptions(replay, engine=make_engine("numba"))
    result = decode_rows(model, rows, options, GEOMETRY.frames)
    quality = compute_quality(result.nats, result.top_1, model.tokens_per_frame)
    return quality.nats, quality.top_1


def measure_source(
    model: VideoModel, source: Source, clips: Float32Array, bigram: NDArray[np.float64]
) -> dict[str, Any]:
    """Everything about one source; lists have an entry per clip."""
    codes = model.codec.encode(clips).reshape(len(clips), -1)
    now, before = split_frames(codes)
    nats, top_1 = run_forced(model, codes)
    return {
        "shows": source.shows,
        "camera": source.camera,
        "rights_clear": source.rights_clear,
        "seen_in_training": bool(source.train) and source.rights_clear,
        "codec_psnr_db": measure_fidelity(model.codec, clips),
        "changed_codes": float((now != before).mean()),
        "nats": nats.round(5).tolist(),
        "top_1": top_1.round(5).tolist(),
        "copying_top_1": (now == before).mean(axis=(1, 2)).round(5).tolist(),
        "bigram_nats": (-bigram[before, now]).mean(axis=(1, 2)).round(5).tolist(),
    }


def summarise(sources: dict[str, Any], names: list[str], clips: int) -> dict[str, Any]:
    """Means over the first clips of some sources, with standard errors across clips."""
    summary: dict[str, Any] = {"sources": names, "clips": clips * len(names)}
    for field in ("nats", "top_1", "copying_top_1", "bigram_nats"):
        values = np.concatenate([sources[name][field][:clips] for name in names])
        summary[field] = float(values.mean())
        summary[f"{field}_error"] = compute_standard_error(values)
    return summary


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="directory of the model")
    parser.add_argument("--films", type=Path, default=OUT, help="folder of packages and films")
    arguments = parser.parse_args()
    model = load_video_model(arguments.checkpoint)
    films = load_films(SOURCES, arguments.films)
    sampler = ClipSampler(films, select_sources("clear"), np.random.default_rng(1))
    bigram = count_bigram(sampler, model.codec, BIGRAM_CLIPS)
    sources = {}
    for source in SOURCES:
        if source.held_out:
            clips = draw_clips(films, source, "held_out", CLIPS["held_out"])
            sources[source.name] = measure_source(model, source, clips, bigram)
            nats = np.mean(sources[source.name]["nats"])
            print(f"{source.name}: {nats:.3f} nats per token", file=sys.stderr, flush=True)
    clear = [name for name, measured in sources.items() if measured["rights_clear"]]
    evaluation = {
        "sources": sources,
        "clear": summarise(sources, clear, CLIPS["held_out"]),
        "study": summarise(sources, list(STUDY_MIXTURE), STUDY_CLIPS),
        "all": summarise(sources, list(sources), CLIPS["held_out"]),
    }
    path = arguments.checkpoint / "evaluation.json"
    path.write_text(json.dumps(evaluation, indent=1) + "\n")


if __name__ == "__main__":
    main()
