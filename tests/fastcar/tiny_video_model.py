"""A random video model small enough to analyse in seconds, and settings to match."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from fastcar.analysis.settings import AnalysisSettings
from fastcar.reference.config import ModelConfig
from fastcar.reference.files.checkpoint import save_checkpoint
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import DIRECTIONS, PromptVocabulary
from fastcar.reference.video.vocabulary import make_vocabulary
from fastcar.reference.weights import make_random_weights

NUM_CODES = 12
FRAMES = 5
TOKENS_PER_FRAME = 4
NUM_CLIPS = 6
TINY_SETTINGS = AnalysisSettings(
    clips=3,
    calibration_clips=2,
    frames=4,
    long_frames=FRAMES,
    long_clips=2,
    ratios=(0.3, 0.6),
    few_ratios=(0.3, 0.6),
    windows_tokens=(2, 8),
    sweep_points=3,
    corrective_runs=1,
    batch_rows=(1, 2),
)
TINY_CONFIG = ModelConfig(
    vocab_size=PromptVocabulary(NUM_CODES, places=2).vocab_size,
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=3,
    num_attention_heads=2,
    num_key_value_heads=2,
    head_dim=8,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
    max_position_embeddings=64,
)


def save_tiny_video_model(
    directory: Path,
    seed: int = 0,
    patch_pixels: int = 4,
    frames: int = 4,
    takes_prompts: bool = True,
    splits: tuple[str, ...] = ("calibration", "held_out"),
) -> Path:
    """Write a random model with random clips; 8x8 canvas, 4 tokens per frame, or 1."""
    rng = np.random.default_rng(seed)
    places = 8 // patch_pixels
    geometry = VideoGeometry(frames, 8, patch_pixels, patch_pixels if takes_prompts else None)
    config = replace(TINY_CONFIG, vocab_size=make_vocabulary(NUM_CODES, geometry).vocab_size)
    save_checkpoint(directory, config, make_random_weights(config, rng))
    codebook = rng.uniform(0, 1, (NUM_CODES, patch_pixels**2)).astype(np.float32)
    save_file({"codebook": codebook}, directory / "codebook.safetensors")
    sizes = {name: size for name, size in vars(geometry).items() if size is not None}
    (directory / "video.json").write_text(json.dumps(sizes))
    directions = np.array(list(DIRECTIONS.values()), np.int8)
    arrays = {}
    for name in splits:
        shape = (NUM_CLIPS, (frames + 1) * places**2)
        arrays[f"{name}.token_ids"] = rng.integers(0, NUM_CODES, shape).astype(np.uint8)
        velocities = directions[rng.integers(0, len(directions), NUM_CLIPS)]
        digits = rng.integers(0, 10, (NUM_CLIPS, 1)).astype(np.int8)
        if takes_prompts:
            arrays[f"{name}.prompts"] = np.concatenate([digits, velocities], axis=1)
    save_file(arrays, directory / "clips.safetensors")
    return directory
