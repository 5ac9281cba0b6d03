"""Random integer models and decodes, for the tests of everything that is integer."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.gate import Gate
from fastcar.reference.integer.decoder import IntegerDecoder
from fastcar.reference.integer.fixed_point import MAX_ACTIVATION
from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix, LayerScales
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.quantization import quantize_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.strategies import Run, make_config
from tests.reference.runs import Decoded, decode_with


def make_matrix(rng: np.random.Generator, num_outputs: int, num_inputs: int) -> IntegerMatrix:
    """Any weights, multipliers and shift; results that often saturate and often do not."""
    weights = rng.integers(-127, 128, (num_outputs, num_inputs)).astype(np.int8)
    multipliers = rng.integers(0, 65536, num_outputs).astype(np.uint16)
    return IntegerMatrix(weights, multipliers, int(rng.integers(18, 28)))


def make_layer(rng: np.random.Generator, hidden_size: int, intermediate_size: int) -> IntegerLayer:
    """A layer of random constants, not quantised from anything."""
    return IntegerLayer(
        gains=rng.integers(-MAX_ACTIVATION, MAX_ACTIVATION + 1, hidden_size).astype(np.int16),
        epsilon=int(rng.integers(1, 2**20)),
        gate_proj=make_matrix(rng, intermediate_size, hidden_size),
        up_proj=make_matrix(rng, intermediate_size, hidden_size),
        down_proj=make_matrix(rng, hidden_size, intermediate_size),
        gate_shift=int(rng.integers(0, 4)),
        hidden_multiplier=int(rng.integers(0, 65536)),
        hidden_shift=int(rng.integers(24, 36)),
        scales=LayerScales(*(2.0 ** rng.uniform(-14, -8, 6)).tolist()),
    )


def make_model(seed: int, config: ModelConfig | None = None) -> IntegerModel:
    """A model of random constants."""
    config = make_config() if config is None else config
    rng = np.random.default_rng(seed)
    sizes = config.hidden_size, config.intermediate_size
    return IntegerModel(
        config, tuple(make_layer(rng, *sizes) for _ in range(config.num_hidden_layers))
    )


def quantize_run(run: Run) -> IntegerModel:
    """The model of a run, quantised with ranges of that run."""
    return quantize_checkpoint(run.config, run.weights, run.prompt_ids, run.forced_ids)


def make_integer_decoder(
    run: Run, model: IntegerModel, gate: Gate | None = None, **options: Any
) -> IntegerDecoder:
    """An integer decoder with room for the whole run."""
    options.setdefault("replay", ReplayConfig(run.tokens_per_frame))
    capacity = run.prompt_ids.shape[1] + run.steps
    return IntegerDecoder(
        run.config,
        run.weights,
        rows=run.rows,
        capacity_tokens=capacity,
        model=model,
        gate=gate,
        **options,
    )


def decode_integers(
    run: Run, model: IntegerModel, gate: Gate | None = None, **options: Any
) -> Decoded:
    """Feed a run to a fresh integer decoder."""
    return decode_with(make_integer_decoder(run, model, gate, **options), run)


def are_equal(one: Decoded, two: Decoded) -> bool:
    """Whether two decodes gave the same bits, measures aside."""
    return (
        np.array_equal(one.logits, two.logits)
        and np.array_equal(one.outputs, two.outputs)
        and np.array_equal(one.keys, two.keys)
        and np.array_equal(one.values, two.values)
        and np.array_equal(one.replayed, two.replayed)
        and np.array_equal(one.chains, two.chains)
    )
