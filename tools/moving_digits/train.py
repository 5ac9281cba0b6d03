"""Train the moving-digits model and write it as a Hugging Face Llama directory.

    python -m tools.moving_digits.train --out DIR --minutes 90

Clips of real digits (training split only) are composed in token space on the fly. A share of them
shows a block of random codes instead of a digit: what moves must then be copied, it cannot be
recognised. A share of the prompts is replaced by the null prompt, which guidance needs. Clips
start short and grow: copying from the frame before is found on short clips within minutes. Every
step also sees clips of two frames: drawing the digit is learned from first frames alone, and the
velocity of the prompt matters in the second alone.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch_file
from torch.nn import functional

from fastcar.reference.config import ModelConfig
from fastcar.reference.video.codec import PatchCodec
from fastcar.reference.video.prompt import PROMPT_TOKENS, PromptVocabulary
from tools.moving_digits.clip_sampler import GEOMETRY, MAX_FRAMES, ClipSampler
from tools.moving_digits.digit_images import augment, encode_digits, fit_codec, load_split
from tools.training.arguments import describe_arguments
from tools.training.checkpoints import read_stages, write_checkpoint
from tools.training.optimisation import compute_learning_rate, make_optimiser, step_optimiser
from tools.training.torch_llama import TorchLlama

AUGMENTED_COPIES = 15
SCHEDULE = ((0.0, 4), (0.2, 8), (0.4, 16), (0.85, 32))
"""(share of the time, frames of a clip from then on); tokens per step stay the same."""
DRAWING_WEIGHT = 0.25
"""Weight of the first frame of two-frame clips in the loss; their second has weight 1."""


def model_config(vocab_size: int) -> ModelConfig:
    """Sizes of the shipped model.

    rope_theta makes rotary pair 4 turn once in exactly one frame of 64 tokens (D-13).
    """
    head_dim, pair, tokens_per_frame = 32, 4, GEOMETRY.tokens_per_frame
    rope_theta = (tokens_per_frame / (2 * math.pi)) ** (head_dim / (2 * pair))
    return ModelConfig(
        vocab_size=vocab_size,
        hidden_size=128,
        intermediate_size=352,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=4,
        head_dim=head_dim,
        rms_norm_eps=1e-5,
        rope_theta=round(rope_theta, 3),
        max_position_embeddings=PROMPT_TOKENS + MAX_FRAMES * tokens_per_frame,
    )


def clip_losses(model: torch.nn.Module, ids: torch.Tensor) -> torch.Tensor:
    """Nats of every visual token, [clips, frames, N]; bfloat16 products, float32 losses."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(ids[:, :-1])[:, PROMPT_TOKENS - 1 :]
    targets = ids[:, PROMPT_TOKENS:]
    losses = functional.cross_entropy(
        logits.float().reshape(-1, logits.shape[-1]), targets.reshape(-1), reduction="none"
    )
    return losses.view(len(ids), -1, GEOMETRY.tokens_per_frame)


def evaluate(model: torch.nn.Module, ids: torch.Tensor) -> dict[str, float]:
    """Nats per token: first frame, second frame, and from the third frame on."""
    model.eval()
    with torch.no_grad():
        losses = torch.cat([clip_losses(model, part) for part in ids.split(8)])
    model.train()
    return {
        "first_frame": losses[:, 0].mean().item(),
        "second_frame": losses[:, 1].mean().item(),
        "from_third_frame": losses[:, 2:].mean().item(),
    }


def compute_loss(
    model: torch.nn.Module, sampler: ClipSampler, clips: int, frames: int, start_clips: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Nats of every token [clips, frames, N], and the loss of a step.

    The loss is the mean over all clips' tokens, the first frame of random codes left out, plus
    the weighted means over first and second frames of short clips.
    """
    ids, is_random = sampler.sample(clips, frames)
    losses = clip_losses(model, torch.from_numpy(ids))
    learnable = torch.ones_like(losses)
    learnable[torch.from_numpy(is_random), 0] = 0
    starts, _ = sampler.sample(start_clips, frames=2, random_block_share=0.0)
    start_losses = clip_losses(model, torch.from_numpy(starts))
    drawing, first_step = start_losses[:, 0].mean(), start_losses[:, 1].mean()
    return losses, (losses * learnable).mean() + DRAWING_WEIGHT * drawing + first_step


def train(arguments: argparse.Namespace, out: Path) -> None:
    """Fit codebook and model; a checkpoint every few minutes, a log line every 25 steps."""
    torch.manual_seed(arguments.seed)
    rng = np.random.default_rng(arguments.seed)
    (images, labels), (held_images, held_labels) = load_split()
    if arguments.start_from is None:
        codec = fit_codec(images, GEOMETRY, arguments.seed)
    else:
        codec = PatchCodec(load_file(arguments.start_from / "codebook.safetensors")["codebook"])
    vocabulary = PromptVocabulary(codec.num_codes, GEOMETRY.positions_per_axis)
    copies = [images] + [
        np.stack([augment(image, rng) for image in images]) for _ in range(AUGMENTED_COPIES)
    ]
    digit_codes = encode_digits(np.concatenate(copies), codec, GEOMETRY)
    sampler = ClipSampler(digit_codes, np.tile(labels, len(copies)), vocabulary, GEOMETRY, rng)
    held_codes = encode_digits(held_images, codec, GEOMETRY)
    held_stream = np.random.default_rng(1)
    held_sampler = ClipSampler(held_codes, held_labels, vocabulary, GEOMETRY, held_stream)
    held = torch.from_numpy(held_sampler.sample(32, GEOMETRY.frames, random_block_share=0.0)[0])
    config = model_config(vocabulary.vocab_size)
    model = TorchLlama(config)
    if arguments.start_from is not None:
        load_grown(model, load_torch_file(arguments.start_from / "model.safetensors"))
    parameters = sum(p.numel() for p in model.parameters())
    write_codebook(codec, out)
    write_checkpoint(model, config, out)
    optimiser = make_optimiser(model, arguments.peak_learning_rate)
    compiled = torch.compile(model, dynamic=False) if arguments.compile else model
    print(json.dumps({"parameters": parameters, **vars(arguments)}, default=str), flush=True)
    start, step, used, log = time.monotonic(), 0, 0.0, []
    while used < 1.0:
        used = (time.monotonic() - start) / (60 * arguments.minutes)
        scheduled = next(frames for share, frames in reversed(SCHEDULE) if used >= share)
        frames = max(scheduled, arguments.min_frames)
        clips = arguments.tokens_per_step // (frames * GEOMETRY.tokens_per_frame)
        losses, loss = compute_loss(compiled, sampler, clips, frames, arguments.start_clips)
        rate = compute_learning_rate(used, arguments.peak_learning_rate, step)
        step_optimiser(optimiser, model, loss, rate)
        step += 1
        if step % 25 == 0:
            line = {
                "step": step,
                "minutes": round((time.monotonic() - start) / 60, 2),
                "frames": frames,
                "first_frame": round(losses[:, 0].mean().item(), 4),
                "second_frame": round(losses[:, 1].mean().item(), 4),
                "from_third_frame": round(losses[:, 2:].mean().item(), 5),
            }
            if step % 100 == 0:
                held_losses = evaluate(model, held)
                line |= {f"held_out_{name}": round(nats, 5) for name, nats in held_losses.items()}
                write_checkpoint(model, config, out)
            log.append(line)
            print(json.dumps(line), flush=True)
    write_checkpoint(model, config, out)
    stage = {
        "arguments": describe_arguments(arguments),
        "steps": step,
        "hours": round((time.monotonic() - start) / 3600, 3),
        "held_out_nats_per_token": evaluate(model, held),
        "log": log[:: max(1, len(log) // 40)],
    }
    stages = [*read_stages(arguments.start_from), stage]
    summary = {"parameters": parameters, "stages": stages}
    (out / "training.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps({"steps": step, "hours": stage["hours"]}), flush=True)


def load_grown(model: TorchLlama, weights: dict[str, torch.Tensor]) -> None:
    """Load weights of a model whose vocabulary may have been smaller; new tokens stay random."""
    grown = model.state_dict()
    for name, tensor in weights.items():
        grown[name][: len(tensor)] = tensor
    model.load_state_dict(grown)


def write_codebook(codec: PatchCodec, out: Path) -> None:
    """Codebook and geometry beside the weights."""
    save_file({"codebook": codec.codebook}, out / "codebook.safetensors")
    (out / "video.json").write_text(json.dumps(asdict(GEOMETRY), indent=1) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="directory of the checkpoint")
    parser.add_argument("--minutes", type=float, default=90.0, help="time to train")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peak-learning-rate", type=float, default=2e-3)
    parser.add_argument("--start-from", type=Path, help="directory of a model to train further")
    parser.add_argument("--tokens-per-step", type=int, default=6144, help="of the growing clips")
    parser.add_argument("--start-clips", type=int, default=48, help="two-frame clips in a step")
    parser.add_argument("--min-frames", type=int, default=1, help="shortest clips of the schedule")
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile, where a C++ compiler is at hand"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    train(arguments, arguments.out)


if __name__ == "__main__":
    main()
