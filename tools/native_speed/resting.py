"""What it is worth to leave out what rests: the same programs with and without, in turns."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from statistics import median
from unittest import mock

from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.cosim.native import groups
from fastcar.cosim.native.netlist import make_netlist
from fastcar.cosim.whole.request import DecoderRequest
from fastcar.cosim.whole.run import prepare_decoder_cosim, run_decoder_cosim
from fastcar.reference.token_model import load_clip_model
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.rtl.config import DEMO, AcceleratorConfig
from tools.native_speed.accelerator import (
    REQUEST,
    Json,
    LayerProgram,
    ProgramRecorder,
    record_layers,
    run_all,
)
from tools.native_speed.clock import time_call

ROUNDS = 5
NUM_LAYERS = 8
"""Layer steps of a turn without attention: about the cycles of a token of all layers with it."""
DECODER_REQUEST = DecoderRequest(batch=16, cores=4, lanes=16, first_token=64, num_tokens=1)
LIMITS = {"all": sys.maxsize, "skipping": 0}
"""Nets from which on groups that rest are left out."""


def measure_resting(
    request: DecoderRequest = DECODER_REQUEST, rounds: int = ROUNDS, num_layers: int = NUM_LAYERS
) -> list[Json]:
    """A row for the accelerator without attention and with it.

    Raises:
        AssertionError: results differ.
    """
    rows = []
    layers = record_layers(REQUEST)[:num_layers]
    tokens, config = record_tokens(request)
    for title, sizes, programs in (
        ("MLP phase", DEMO, layers),
        ("whole decoder", config, tokens),
    ):
        rows.append({"accelerator": title, **_compare(sizes, programs, rounds)})
    return rows


def record_tokens(request: DecoderRequest) -> tuple[list[LayerProgram], AcceleratorConfig]:
    """Programs of whole tokens of the shipped model, and the accelerator that runs them."""
    cosim = prepare_decoder_cosim(request, load_clip_model(SHIPPED_MODEL))
    recorder = ProgramRecorder(cosim.engine.hardware.backend)
    cosim.engine.hardware.backend = recorder
    run_decoder_cosim(cosim)
    return recorder.programs, cosim.config


def _compare(config: AcceleratorConfig, programs: Sequence[LayerProgram], rounds: int) -> Json:
    backends = {}
    for name, limit in LIMITS.items():
        with mock.patch.object(groups, "SKIPPING_NETS", limit):
            backends[name] = NativeBackend(config)
    found = [run_all(backend, programs) for backend in backends.values()]
    assert found[0] == found[1], "results differ"
    num_cycles = sum(result.num_steps for result, _ in found[0])
    seconds: dict[str, list[float]] = {name: [] for name in backends}
    for _ in range(rounds):
        for name, backend in backends.items():
            seconds[name].append(time_call(partial(run_all, backend, programs))[0])
    quotients = [one / other for one, other in zip(*seconds.values(), strict=True)]
    return {
        "nets": len(make_netlist(backends["all"].block).nets),
        "cycles": num_cycles,
        **{f"{name}_microseconds": 1e6 * median(seconds[name]) / num_cycles for name in LIMITS},
        "times": median(quotients),
    }
