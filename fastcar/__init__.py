"""Cache attentive replay (FastCar, arXiv:2505.14709v1) for autoregressive video generation.

The public names. What they are made of lies below: `fastcar.reference` (the specification),
`fastcar.rtl`, `fastcar.cosim` and `fastcar.proofs`. A name is imported when it is first used, so
that `import fastcar` costs nothing.

>>> import fastcar
>>> model = fastcar.load_model()
>>> videos = fastcar.generate(model, "3 right-down", frames=2, tau=0, repeats=1)
>>> videos.dense_pixels.shape, videos.replay_pixels.shape
((1, 2, 32, 32), (1, 2, 32, 32))
>>> 0 <= videos.replay.record.replay_ratio <= videos.choice.ceiling
True

A refusal names argument, value and limit:

>>> fastcar.generate(model, "3 right-down", frames=99)
Traceback (most recent call last):
fastcar.reference.errors.ArgumentError: frames = 99: must be at most 32, the model's position limit
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `as` says to type checkers that the name is public
    from fastcar.analysis.settings import AnalysisSettings as AnalysisSettings
    from fastcar.api.analyze import analyze as analyze
    from fastcar.api.cosim import cosimulate as cosimulate
    from fastcar.api.export import export as export
    from fastcar.api.generate import generate as generate
    from fastcar.api.predict import predict as predict
    from fastcar.api.prove import prove as prove
    from fastcar.api.quantize import quantize as quantize
    from fastcar.api.sweep import sweep as sweep
    from fastcar.api.trace import trace as trace
    from fastcar.generation import Generation as Generation
    from fastcar.generation import run_generation as run_generation
    from fastcar.reference.errors import ArgumentError as ArgumentError
    from fastcar.reference.errors import CheckpointError as CheckpointError
    from fastcar.reference.errors import FastCarError as FastCarError
    from fastcar.reference.errors import OutputError as OutputError
    from fastcar.reference.files.checkpoint import load_checkpoint as load_checkpoint
    from fastcar.reference.replay import ReplayConfig as ReplayConfig
    from fastcar.reference.replay import Semantics as Semantics
    from fastcar.reference.sampling import Sampling as Sampling
    from fastcar.reference.trace import Trace as Trace
    from fastcar.reference.trace import make_score_gate as make_score_gate
    from fastcar.reference.trace import run_trace as run_trace
    from fastcar.reference.video.model import SHIPPED_MODEL as SHIPPED_MODEL
    from fastcar.reference.video.model import VideoModel as VideoModel
    from fastcar.reference.video.model import load_video_model
    from fastcar.reference.video.shipped_models import shipped_model as shipped_model
    from fastcar.request import GenerationRequest as GenerationRequest

    load_model = load_video_model
    __version__: str

_HOMES = {
    "SHIPPED_MODEL": "reference.video.model",
    "AnalysisSettings": "analysis.settings",
    "ArgumentError": "reference.errors",
    "CheckpointError": "reference.errors",
    "FastCarError": "reference.errors",
    "Generation": "generation",
    "GenerationRequest": "request",
    "OutputError": "reference.errors",
    "ReplayConfig": "reference.replay",
    "Sampling": "reference.sampling",
    "Semantics": "reference.replay",
    "Trace": "reference.trace",
    "VideoModel": "reference.video.model",
    "analyze": "api.analyze",
    "cosimulate": "api.cosim",
    "export": "api.export",
    "generate": "api.generate",
    "load_checkpoint": "reference.files.checkpoint",
    "load_model": "reference.video.model:load_video_model",
    "make_score_gate": "reference.trace",
    "predict": "api.predict",
    "prove": "api.prove",
    "quantize": "api.quantize",
    "run_generation": "generation",
    "run_trace": "reference.trace",
    "shipped_model": "reference.video.shipped_models",
    "sweep": "api.sweep",
    "trace": "api.trace",
}
"""Module of every public name, and the name there if it is another."""

__all__ = [*_HOMES, "cosim"]


def __getattr__(name: str) -> Any:
    """A public name, from the module that defines it."""
    if name == "__version__":
        return import_module("importlib.metadata").version("fastcar")
    if name == "cosim":  # the package, which can be called
        return import_module("fastcar.cosim")
    if name not in _HOMES:
        raise AttributeError(f"module 'fastcar' has no attribute {name!r}")
    home, _, other = _HOMES[name].partition(":")
    value = getattr(import_module(f"fastcar.{home}"), other or name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, whether they have been used or not."""
    return sorted({*globals(), *__all__})
