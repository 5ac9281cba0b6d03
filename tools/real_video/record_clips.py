"""Record clips as tokens, for a model to be measured on.

    python -m tools.real_video.record_clips --checkpoint DIR
    python -m tools.real_video.record_clips --checkpoint DIR --sources all --into OTHER

Without `--into`, the clips whose rights are clear are written beside the weights. With it, the
model is copied to another directory with the clips of all sources, which is what
`fastcar analyze --checkpoint` then measures; those clips stay outside of the repository (D-56).
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from fastcar.reference.arrays import Float32Array
from fastcar.reference.video.codec import PatchCodec
from tools.real_video.clip_sampler import GEOMETRY, draw_clip
from tools.real_video.fetch import OUT
from tools.real_video.film_files import load_films
from tools.real_video.films import Films
from tools.real_video.sources import SOURCES, STUDY_MIXTURE, Source

CLIPS = {"held_out": 12, "calibration": 8}
"""Of every source."""
SEEDS = {"held_out": 100, "calibration": 200}
"""Of the first source; the next ones follow."""
MODEL_FILES = ("config.json", "model.safetensors", "codebook.safetensors", "video.json")


def draw_clips(films: Films, source: Source, split: str, count: int) -> Float32Array:
    """Clips of a split of a source, the same in every run, [count, 16, 32, 32] in [0, 1]."""
    rng = np.random.default_rng(SEEDS[split] + SOURCES.index(source))
    spans = getattr(source, split)
    drawn = [draw_clip(films, source, spans, GEOMETRY.frames, rng) for _ in range(count)]
    clips = [clip for clip in drawn if clip is not None]
    if len(clips) < count:
        raise SystemExit(f"{source.name}: no {split} span of {GEOMETRY.frames} frames")
    pixels: Float32Array = np.stack(clips).astype(np.float32) / np.float32(255)
    return pixels


def encode_sources(
    films: Films, codec: PatchCodec, sources: tuple[Source, ...], split: str
) -> dict[str, NDArray[np.uint16]]:
    """Codes of every source that has the split, [clips, 16 * N] by name."""
    return {
        source.name: codec.encode(draw_clips(films, source, split, CLIPS[split]))
        .reshape(CLIPS[split], -1)
        .astype(np.uint16)
        for source in sources
        if getattr(source, split)
    }


def interleave(clips: list[NDArray[np.uint16]]) -> NDArray[np.uint16]:
    """The first clip of every source, then the second of every source, and so on."""
    return np.stack(clips, axis=1).reshape(-1, clips[0].shape[-1])


def record(films: Films, codec: PatchCodec, which: str) -> dict[str, NDArray[np.uint16]]:
    """All splits of `clips.safetensors`: one of each source, and the two mixtures.

    Args:
        films: of the sources.
        codec: of the model.
        which: "clear": the mixtures are of all sources with clear rights; "all": of those on which
            an earlier study reported.
    """
    chosen = tuple(source for source in SOURCES if which == "all" or source.rights_clear)
    tensors = {}
    for split in ("calibration", "held_out"):
        by_name = encode_sources(films, codec, chosen, split)
        mixed = [name for name in by_name if which == "clear" or name in STUDY_MIXTURE]
        tensors[f"{split}.token_ids"] = interleave([by_name[name] for name in mixed])
        suffix = "" if split == "held_out" else f"_{split}"
        tensors |= {f"{name}{suffix}.token_ids": codes for name, codes in by_name.items()}
    return tensors


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoint", type=Path, required=True, help="directory of the model")
    parser.add_argument("--films", type=Path, default=OUT, help="folder of packages and films")
    parser.add_argument("--sources", choices=("clear", "all"), default="clear")
    parser.add_argument("--into", type=Path, help="copy the model there, and write the clips there")
    arguments = parser.parse_args()
    if arguments.sources == "all" and arguments.into is None:
        parser.error("--sources all needs --into: these clips do not go beside the weights")
    into: Path = arguments.into or arguments.checkpoint
    into.mkdir(parents=True, exist_ok=True)
    if into.resolve() != arguments.checkpoint.resolve():
        for name in MODEL_FILES:
            shutil.copyfile(arguments.checkpoint / name, into / name)
    codec = PatchCodec(load_file(into / "codebook.safetensors")["codebook"])
    films = load_films(SOURCES, arguments.films)
    partial = into / "clips.safetensors.partial"
    save_file(record(films, codec, arguments.sources), partial)
    partial.replace(into / "clips.safetensors")


if __name__ == "__main__":
    main()
