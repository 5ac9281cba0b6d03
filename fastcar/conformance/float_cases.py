"""Cases in real numbers: dense decoding, scores, replay by score, by input distance, corrected."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import Case, Expected, Instance, Output
from fastcar.conformance.draws import Draws
from fastcar.conformance.tiny_models import (
    CONFIG,
    ONE_KEY,
    decode,
    make_model_arrays,
    make_settings,
    read_thresholds,
)
from fastcar.reference.arrays import Float
from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.input import InputGate
from fastcar.reference.replay import Semantics
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.trace import make_score_gate

LOGITS = Output("logits", "real", "[S, B, V]", "after each forced token")
PROMPT_LOGITS = Output(
    "prompt_logits", "real", "[B, P, V]", "of the prompt; padding is not looked at"
)
REPLAYED = Output(
    "replayed", "bool", "[S, L, B]", "decisions; False for tokens that may not replay"
)
MLP_USED = Output("mlp_used", "real", "[S, L, B, D]", "MLP output that was added to the stream")
SCORE_HEADS = Output(
    "score_heads", "real", "[S - N, L, B, H]", "score of every head, tokens j >= N"
)
TAS = Output("tas", "real", "[S - N, L, B]", "aggregated over heads as `aggregation` says")

Changes = dict[str, Any]


def make_instance(
    case: str, name: str, seed: int, changed: Changes, config: ModelConfig = CONFIG
) -> Instance:
    """A tiny model of its own; what is an array in `changed` is one of the inputs.

    `padding` pads the first row's prompt, `silent` zeroes the queries of the first layer.
    """
    given = dict(changed)
    arrays = make_model_arrays(config, seed)
    padding, is_silent = given.pop("padding", 0), given.pop("silent", False)
    arrays["prompt_mask"][0, :padding] = False
    if is_silent:
        arrays["layers.0.q_proj"][:] = 0
    extra = {key: value for key, value in given.items() if isinstance(value, np.ndarray)}
    settings = {key: value for key, value in given.items() if key not in extra}
    return Instance(case, name, make_settings(config, **settings), {**arrays, **extra})


def limit(*values: float | None) -> NDArray[np.float64]:
    """Thresholds as an array, NaN where the layer never replays."""
    return np.array([np.nan if value is None else value for value in values])


def make_decoder_instances() -> tuple[Instance, ...]:
    """Both kinds of grouped heads, a window with sinks, padding."""
    return (
        make_instance("decoder", "grouped_query", 1, {}),
        make_instance("decoder", "multi_query", 2, {}, ONE_KEY),
        make_instance("decoder", "window", 3, {"window": 5, "sinks": 2}),
        make_instance("decoder", "padded_window", 4, {"window": 5, "sinks": 2, "padding": 2}),
    )


def compute_decoder(instance: Instance, dtype: type[Float] = np.float64) -> Expected:
    """Dense decoding."""
    trace = decode(instance, None, dtype)
    mask = instance.arrays["prompt_mask"]
    counted = np.broadcast_to(mask[:, :, None], trace.prefill_logits.shape)
    answers = {"prompt_logits": trace.prefill_logits, "logits": trace.logits}
    return Expected(answers, {"prompt_logits": counted})


def make_score_instances() -> tuple[Instance, ...]:
    """Both semantics, both aggregations, an aligned key outside of the window, padding."""
    published: Changes = {"semantics": "published"}
    return (
        make_instance("scores", "paper_mean", 11, {}),
        make_instance("scores", "published_mean", 12, published),
        make_instance("scores", "paper_max", 13, {"aggregation": "max"}, ONE_KEY),
        make_instance("scores", "published_max", 14, published | {"aggregation": "max"}),
        make_instance("scores", "out_of_window", 15, {"window": 2, "sinks": 1}),
        make_instance("scores", "padded", 16, {"padding": 3}),
    )


def compute_scores(instance: Instance, dtype: type[Float] = np.float64) -> Expected:
    """Scores of a dense run: no score reaches infinity."""
    semantics = Semantics(instance.settings["semantics"])
    layers = instance.settings["config"]["num_hidden_layers"]
    trace = decode(instance, make_score_gate((np.inf,), layers, semantics), dtype)
    first = instance.settings["tokens_per_frame"]
    return Expected({"score_heads": trace.score_heads[first:], "tas": trace.tas[first:]})


def make_replay_instances() -> tuple[Instance, ...]:
    """Semantics, limits of chains and warm frames, scores that equal the threshold, a window."""
    published: Changes = {"semantics": "published"}
    silent: Changes = {"silent": True, "tau": limit(0.0, None)}
    return (
        make_instance("replay", "paper", 21, {"tau": limit(*TAUS["paper"])}),
        make_instance("replay", "published", 22, published | {"tau": limit(*TAUS["published"])}),
        make_instance(
            "replay", "max_chain", 23, {"max_chain": 2, "tau": limit(*TAUS["max_chain"])}
        ),
        make_instance(
            "replay", "warm_up", 24, {"warmup_frames": 2, "tau": limit(*TAUS["warm_up"])}
        ),
        make_instance(
            "replay",
            "padded_window",
            25,
            {"window": 2, "sinks": 1, "padding": 2, "tau": limit(*TAUS["padded_window"])},
        ),
        make_instance("replay", "tie_paper", 26, silent),
        make_instance("replay", "tie_published", 27, published | silent),
    )


def compute_replay(instance: Instance, dtype: type[Float] = np.float64) -> Expected:
    """Replay by score, corrected where factors are given."""
    tau = read_thresholds(instance, "tau")
    gate = make_score_gate(tau, len(tau), Semantics(instance.settings["semantics"]))
    trace = decode(instance, gate, dtype)
    answers = {"replayed": trace.replayed, "mlp_used": trace.mlp_used, "logits": trace.logits}
    return Expected(answers)


def make_input_instances() -> tuple[Instance, ...]:
    """Distance to the last computed input, without and with a limit on chains."""
    return (
        make_instance("input_gate", "plain", 31, {"delta": limit(*DELTAS["plain"])}),
        make_instance(
            "input_gate", "max_chain", 32, {"max_chain": 1, "delta": limit(*DELTAS["max_chain"])}
        ),
    )


def compute_input_gate(instance: Instance, dtype: type[Float] = np.float64) -> Expected:
    """Replay by the distance of normalised MLP inputs."""
    gate = InputGate(FixedThresholds(read_thresholds(instance, "delta")))
    trace = decode(instance, gate, dtype)
    answers = {"replayed": trace.replayed, "mlp_used": trace.mlp_used, "logits": trace.logits}
    return Expected(answers)


def make_corrected_instances() -> tuple[Instance, ...]:
    """Factors of rank 2; chains of any length, since a correction starts at what was computed."""
    draws = Draws(41)
    layers, width, rank = CONFIG.num_hidden_layers, CONFIG.hidden_size, 2
    factors = {
        "correction_down": draws.draw_uniform(-0.5, 0.5, (layers, rank, width)),
        "correction_up": draws.draw_uniform(-0.5, 0.5, (layers, width, rank)),
    }
    tau = limit(*TAUS["corrected"])
    return (make_instance("corrected", "rank_2", 42, {**factors, "tau": tau}),)


TAUS: dict[str, tuple[float | None, ...]] = {
    "paper": (0.109375, -0.0625),
    "published": (-0.265625, -0.5),
    "max_chain": (-0.28125, -0.625),
    "warm_up": (-0.1875, -0.296875),
    "padded_window": (-0.40625, -0.265625),
    "corrected": (-0.1875, -0.40625),
}
"""Thresholds in gaps of the scores, 16 float32 tolerances or more from any: a test measures it."""
DELTAS: dict[str, tuple[float | None, ...]] = {
    "plain": (3.8125, 3.828125),
    "max_chain": (5.09375, 3.578125),
}
"""Likewise, of the distances."""

FLOAT_CASES = (
    Case(
        "decoder",
        "logits of a prompt and of forced tokens, no replay",
        "D-08, D-12",
        (PROMPT_LOGITS, LOGITS),
        make_decoder_instances,
        compute_decoder,
    ),
    Case(
        "scores",
        "Temporal Attention Scores of a dense run",
        "D-01",
        (SCORE_HEADS, TAS),
        make_score_instances,
        compute_scores,
    ),
    Case(
        "replay",
        "decisions by score and `tau`, the outputs used in their place, and what follows",
        "D-01, D-02, D-03",
        (REPLAYED, MLP_USED, LOGITS),
        make_replay_instances,
        compute_replay,
    ),
    Case(
        "input_gate",
        "replay iff the normalised MLP input is at most `delta` from the last computed one's",
        "D-07",
        (REPLAYED, MLP_USED, LOGITS),
        make_input_instances,
        compute_input_gate,
    ),
    Case(
        "corrected",
        "replay by score, moved by up @ down @ (input - input of the last computed token)",
        "D-53",
        (REPLAYED, MLP_USED, LOGITS),
        make_corrected_instances,
        compute_replay,
    ),
)
