"""Train the real-video model and write it as a Hugging Face Llama directory.

    python -m tools.real_video.train --out DIR --cpu-minutes 90

Clips are drawn from the training spans of the sources (`--sources clear`: those whose rights are
clear, which is what is shipped; D-56). They start short and grow: copying from the frame before is
found on short clips within minutes. What is written are weights averaged over the last steps.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_file as load_torch_file
from torch.nn import functional

from fastcar.reference.config import ModelConfig
from fastcar.reference.video.codec import PatchCodec
from tools.real_video.clip_sampler import GEOMETRY, ClipSampler
from tools.real_video.codebook import fit_joint, sample_patches
from tools.real_video.fetch import OUT
from tools.real_video.film_files import load_films
from tools.real_video.films import Films
from tools.real_video.record_clips import draw_clips
from tools.real_video.sources import SOURCES, select_sources
from tools.training.arguments import describe_arguments
from tools.training.checkpoints import read_stages, write_checkpoint
from tools.training.optimisation import compute_learning_rate, make_optimiser, step_optimiser
from tools.training.torch_llama import TorchLlama

NUM_CODES = 512
TOKENS_PER_FRAME = GEOMETRY.tokens_per_frame
SCHEDULE = ((0.0, 3), (0.15, 6), (0.35, 12), (0.6, 16))
"""(share of the time, frames of a clip from then on); tokens per step stay the same."""
FIRST_FRAME_WEIGHT = 0.3
"""Of the first frame in the loss: it cannot be copied, and is not what is measured."""
AVERAGING = 0.998
"""Decay per step of the averaged weights."""


def make_config(width: int, layers: int, intermediate: int, rope_theta: float) -> ModelConfig:
    """Sizes of the decoder: heads of 32, one prompt token."""
    return ModelConfig(
        vocab_size=NUM_CODES + 1,
        hidden_size=width,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        num_key_value_heads=width // 32,
        head_dim=32,
        rms_norm_eps=1e-5,
        rope_theta=rope_theta,
        max_position_embeddings=1 + GEOMETRY.frames * TOKENS_PER_FRAME,
    )


def compute_losses(model: torch.nn.Module, codes: torch.Tensor) -> torch.Tensor:
    """Nats of every token, [clips, frames, N]; bfloat16 products, float32 losses."""
    begin = torch.full((len(codes), 1), NUM_CODES)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(torch.cat([begin, codes[:, :-1]], dim=1))
    flat = logits.float().reshape(-1, logits.shape[-1])
    losses = functional.cross_entropy(flat, codes.reshape(-1), reduction="none")
    return losses.view(len(codes), -1, TOKENS_PER_FRAME)


def evaluate(model: torch.nn.Module, codes: torch.Tensor) -> float:
    """Nats per token from the third frame on."""
    with torch.no_grad():
        losses = [compute_losses(model, part)[:, 2:].mean(dim=(1, 2)) for part in codes.split(8)]
    return torch.cat(losses).mean().item()


def draw_codes(films: Films, codec: PatchCodec, split: str, clips: int) -> torch.Tensor:
    """Codes of as many clips of every source that has the split, [sources * clips, frames * N]."""
    having = [source for source in SOURCES if getattr(source, split)]
    drawn = [draw_clips(films, source, split, clips) for source in having]
    codes = codec.encode(np.concatenate(drawn))
    return torch.from_numpy(codes.reshape(len(codes), -1))


def train(arguments: argparse.Namespace) -> None:
    """Fit codebook and model; log lines every 50 steps, a checkpoint every 500."""
    out: Path = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(arguments.seed)
    films = load_films(SOURCES, arguments.films)
    sources = select_sources(arguments.sources)
    sampler = ClipSampler(films, sources, np.random.default_rng(arguments.seed))
    if arguments.start_from is None:
        codec = fit_joint(sample_patches(sampler), NUM_CODES, arguments.seed)
    else:
        codec = PatchCodec(load_file(arguments.start_from / "codebook.safetensors")["codebook"])
    write_video_files(codec, out)
    config = make_config(
        arguments.width, arguments.layers, arguments.intermediate, arguments.rope_theta
    )
    model = TorchLlama(config)
    if arguments.start_from is not None:
        model.load_state_dict(load_torch_file(arguments.start_from / "model.safetensors"))
    averaging = torch.optim.swa_utils.get_ema_multi_avg_fn(AVERAGING)
    averaged = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=averaging)
    optimiser = make_optimiser(model, arguments.peak_learning_rate)
    checked = draw_codes(films, codec, "calibration", 2)
    parameters = sum(p.numel() for p in model.parameters())
    print(json.dumps({"parameters": parameters, **vars(arguments)}, default=str), flush=True)
    trained = torch.compile(model, dynamic=False) if arguments.compile else model
    start, step, used, log, recent = time.process_time(), 0, 0.0, [], []
    while used < 1.0:
        used = (time.process_time() - start) / (60 * arguments.cpu_minutes)
        scheduled = next(frames for share, frames in reversed(SCHEDULE) if used >= share)
        frames = max(scheduled, arguments.min_frames)
        clips = max(1, arguments.tokens_per_step // (frames * TOKENS_PER_FRAME))
        losses = compute_losses(trained, torch.from_numpy(sampler.sample(codec, clips, frames)))
        weights = torch.ones_like(losses)
        weights[:, 0] = FIRST_FRAME_WEIGHT
        rate = compute_learning_rate(used, arguments.peak_learning_rate, step)
        step_optimiser(optimiser, model, (losses * weights).mean(), rate)
        averaged.update_parameters(model)
        step += 1
        recent.append([losses[:, 0].mean().item(), losses[:, min(2, frames - 1) :].mean().item()])
        if step % 50 == 0:
            first, later = np.mean(recent, axis=0)
            recent = []
            line = {
                "step": step,
                "cpu_minutes": round((time.process_time() - start) / 60, 2),
                "frames": frames,
                "first_frame": round(float(first), 4),
                "from_third_frame": round(float(later), 4),
            }
            if step % 500 == 0:
                line["calibration_from_third_frame"] = round(evaluate(averaged, checked), 4)
                write_checkpoint(averaged.module, config, out)
            log.append(line)
            print(json.dumps(line), flush=True)
    write_checkpoint(averaged.module, config, out)
    stage = {
        "arguments": describe_arguments(arguments),
        "steps": step,
        "cpu_hours": round((time.process_time() - start) / 3600, 3),
        "calibration_from_third_frame": evaluate(averaged, checked),
        "log": log[:: max(1, len(log) // 40)],
    }
    stages = [*read_stages(arguments.start_from), stage]
    summary = {"parameters": parameters, "stages": stages}
    (out / "training.json").write_text(json.dumps(summary, indent=1) + "\n")
    print(json.dumps({name: stage[name] for name in list(stage)[1:4]}), flush=True)


def write_video_files(codec: PatchCodec, out: Path) -> None:
    """Codebook and sizes of the videos beside the weights."""
    save_file({"codebook": codec.codebook}, out / "codebook.safetensors")
    sizes = {name: getattr(GEOMETRY, name) for name in ("frames", "canvas_pixels", "patch_pixels")}
    (out / "video.json").write_text(json.dumps(sizes, indent=1) + "\n")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="directory of the checkpoint")
    parser.add_argument("--films", type=Path, default=OUT, help="folder of packages and films")
    parser.add_argument("--sources", choices=("clear", "all"), default="clear")
    parser.add_argument(
        "--cpu-minutes", type=float, default=90.0, help="processor time of all threads"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peak-learning-rate", type=float, default=2e-3)
    parser.add_argument("--start-from", type=Path, help="directory of a model to train further")
    parser.add_argument("--tokens-per-step", type=int, default=8192)
    parser.add_argument("--min-frames", type=int, default=1, help="shortest clips of the schedule")
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--intermediate", type=int, default=432)
    parser.add_argument("--rope-theta", type=float, default=41.0)
    parser.add_argument(
        "--compile", action="store_true", help="torch.compile, where a C++ compiler is at hand"
    )
    train(parser.parse_args())


if __name__ == "__main__":
    main()
