"""Cache attentive replay (FastCar, arXiv:2505.14709v1) for autoregressive video generation.

The public names; everything else is reached through `reference`.

>>> import fastcar
>>> model = fastcar.load_model()
>>> videos = fastcar.generate(model, "3 right-down", frames=2, tau=(0.0,), repeats=1)
>>> videos.dense_pixels.shape, videos.replay_pixels.shape
((1, 2, 32, 32), (1, 2, 32, 32))
>>> 0 <= videos.replay.record.replay_ratio <= videos.choice.ceiling
True

A refusal names argument, value and limit:

>>> fastcar.generate(model, "3 right-down", frames=99)
Traceback (most recent call last):
reference.errors.ArgumentError: frames = 99: must be at most 32, the model's position limit
"""

from fastcar.generation import Generation, generate, run_generation
from fastcar.request import GenerationRequest
from reference.checkpoint import load_checkpoint
from reference.errors import ArgumentError, CheckpointError, FastCarError, OutputError
from reference.replay import ReplayConfig, Semantics
from reference.sampling import Sampling
from reference.trace import Trace, make_score_gate
from reference.trace import run_trace as trace
from reference.video.model import SHIPPED_MODEL, VideoModel
from reference.video.model import load_video_model as load_model

__all__ = [
    "SHIPPED_MODEL",
    "ArgumentError",
    "CheckpointError",
    "FastCarError",
    "Generation",
    "GenerationRequest",
    "OutputError",
    "ReplayConfig",
    "Sampling",
    "Semantics",
    "Trace",
    "VideoModel",
    "generate",
    "load_checkpoint",
    "load_model",
    "make_score_gate",
    "run_generation",
    "trace",
]
