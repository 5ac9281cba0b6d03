"""The case of the whole decoder on integers: from prompt to tokens, equal to the last bit."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import Arrays, Case, Expected, Instance, Output
from fastcar.conformance.integer_models import (
    EQUAL_HEADS,
    LOGIT_SCALE,
    SHARED_KEYS,
    STEPS,
    TOKENS_PER_FRAME,
    make_arrays,
    make_blank_weights,
    make_constants,
    make_gate,
    read_whole_model,
)
from fastcar.reference.arrays import FloatArray, Int8Array, Int16Array, Int64Array
from fastcar.reference.config import ModelConfig
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.model import IntegerModel
from fastcar.reference.integer.whole.attention import IntegerAttention
from fastcar.reference.integer.whole.cache import VisibleRuns
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.head import pick_tokens
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sparse_attention import make_sparse_attention

Changes = dict[str, Any]


def make_integer_instance(
    name: str, seed: int, changed: Changes, config: ModelConfig = EQUAL_HEADS
) -> Instance:
    """A tiny model of its own.

    `padding` pads the first row's prompt, `is_large` saturates, `is_greedy` leaves out the noise
    and makes every token equal to another one, so that the largest logit never stands alone.
    """
    given = dict(changed)
    is_large, padding = given.pop("is_large", False), given.pop("padding", 0)
    arrays = make_arrays(config, seed, is_large)
    arrays["prompt_mask"][0, :padding] = False
    if given.pop("is_greedy", False):
        arrays["noise"][:] = 0
        for part in ("weights", "multipliers"):
            arrays[f"head.{part}"][6:] = arrays[f"head.{part}"][1:6]
    sizes = {key: value for key, value in asdict(config).items() if key != "rope_scaling"}
    settings = {
        "config": sizes,
        "num_lanes": 4,
        "tokens_per_frame": TOKENS_PER_FRAME,
        "warmup_frames": 1,
        "max_chain": None,
        "window": None,
        "sinks": None,
        "decided_by": "score",
        "thresholds": [None] * config.num_hidden_layers,
        **make_constants(config, is_large),
        **given,
    }
    return Instance("integer_decoder", name, settings, arrays)


def make_integer_instances() -> tuple[Instance, ...]:
    """Dense and saturating, shared keys, sinks and window, replay by score and by distance."""
    changes: dict[str, tuple[Changes, ModelConfig]] = {
        "greedy": ({"is_greedy": True}, EQUAL_HEADS),
        "large": ({"is_large": True}, EQUAL_HEADS),
        "grouped": ({}, SHARED_KEYS),
        "padded_window": ({"window": 4, "sinks": 1, "padding": 2}, EQUAL_HEADS),
        "max_chain": ({"max_chain": 1, "warmup_frames": 2}, EQUAL_HEADS),
        "distance": ({"decided_by": "distance"}, EQUAL_HEADS),
    }
    return tuple(
        make_integer_instance(name, SEEDS[name], {**changed, "thresholds": THRESHOLDS[name]}, sizes)
        for name, (changed, sizes) in changes.items()
    )


SEEDS = {
    "greedy": 82,
    "large": 181,
    "grouped": 288,
    "padded_window": 387,
    "max_chain": 483,
    "distance": 586,
}
THRESHOLDS: dict[str, list[int | None]] = {
    "greedy": [None, None],
    "large": [0, -2_598_902],
    "grouped": [0, 178_232],
    "padded_window": [0, 144_175],
    "max_chain": [None, 24_779],
    "distance": [81_000_000, 517_620_713],
}
"""But for `greedy`, in layer 1 a token's score or distance equals the threshold: it replays."""


@dataclass(frozen=True)
class _WatchedAttention(IntegerAttention):
    """Keeps queries and contexts of every token."""

    seen: list[tuple[Int16Array, Int16Array]] = field(default_factory=list)

    def attend(
        self,
        query: Int16Array,
        keys: Int8Array,
        values: Int8Array,
        runs: VisibleRuns,
        num_lanes: int,
    ) -> tuple[Int16Array, Int64Array]:
        context, accumulators = super().attend(query, keys, values, runs, num_lanes)
        self.seen.append((query, context))
        return context, accumulators


class _WatchedEngine(IntegerMlpEngine):
    """Keeps what it was asked for and what it did."""

    def __init__(self, model: IntegerModel, num_lanes: int) -> None:
        super().__init__(model, num_lanes)
        self.seen: list[tuple[MlpRequest, MlpResult]] = []

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        result = super().run_layer(layer_index, request)
        self.seen.append((request, result))
        return result


def compute_integer_decoder(instance: Instance) -> Expected:
    """Every quantity of every generated token, and the cache of all tokens."""
    arrays, (attention, engine, decoder) = instance.arrays, _make_decoder(instance)
    prompt_logits = _read_logits(decoder.prefill(arrays["prompt_ids"], arrays["prompt_mask"]))
    for layer in attention:
        layer.seen.clear()
    noise, logits = arrays["noise"], []
    tokens = [pick_tokens(prompt_logits[:, -1], noise[0])]
    for given in noise[1:]:
        logits.append(_read_logits(decoder.step(tokens[-1])))
        tokens.append(pick_tokens(logits[-1], given))
    answers: dict[str, NDArray[Any]] = {
        "keys": _order_by_token(decoder.integer_cache.keys),
        "values": _order_by_token(decoder.integer_cache.values),
        "prompt_logits": prompt_logits,
        **{
            key: np.stack([[pair[place] for pair in layer.seen] for layer in attention], axis=1)
            for place, key in enumerate(("query", "context"))
        },
        **_stack_layers(engine, len(attention)),
        "logits": np.stack(logits),
        "tokens": np.stack(tokens),
    }
    decided = answers.pop("is_decided")
    return Expected(answers, {"score": decided, **_count_fed(arrays["prompt_mask"], answers)})


def _order_by_token(cache: Int8Array) -> Int8Array:
    """[L, B, H_kv, T, d] to [T, L, B, H_kv, d]: the first place that differs is the earliest."""
    return np.moveaxis(cache, 3, 0)


def _stack_layers(engine: _WatchedEngine, num_layers: int) -> dict[str, NDArray[Any]]:
    """What the MLP phases were asked for and did, [S, L, B, ...] by key."""
    requests, results = zip(*engine.seen, strict=True)
    by_layer = {
        "attended": [request.residual for request in requests],
        "is_decided": [request.is_decided for request in requests],
        "score": [result.scores for result in results],
        "replayed": [result.replayed for result in results],
        "mlp_used": [result.output for result in results],
        "residual": [result.residual for result in results],
    }
    return {
        key: np.stack(rows).reshape(-1, num_layers, *rows[0].shape)
        for key, rows in by_layer.items()
    }


def _count_fed(mask: NDArray[np.bool_], answers: Arrays) -> dict[str, NDArray[np.bool_]]:
    """Places of the prompt that are no padding, and of the cache that a token has filled."""
    shape = answers["keys"].shape
    held = np.arange(shape[0])[:, None] < mask.sum(axis=1) + STEPS  # [T, B]
    filled = np.broadcast_to(held[:, None, :, None, None], shape)
    shown = np.broadcast_to(mask[..., None], answers["prompt_logits"].shape)
    return {"keys": filled, "values": filled, "prompt_logits": shown}


def _read_logits(logits: FloatArray) -> Int16Array:
    """The integers that the decoder's logits stand for."""
    return quantize(logits, LOGIT_SCALE)


def _make_decoder(
    instance: Instance,
) -> tuple[tuple[_WatchedAttention, ...], _WatchedEngine, WholeDecoder]:
    """The reference, watched."""
    settings, arrays = instance.settings, instance.arrays
    config, model = read_whole_model(instance)
    attention = tuple(_WatchedAttention(**vars(layer)) for layer in model.attention)
    engine = _WatchedEngine(model.mlp, settings["num_lanes"])
    rows, prompt_tokens = arrays["prompt_ids"].shape
    decoder = WholeDecoder(
        config,
        make_blank_weights(config),
        rows=rows,
        capacity_tokens=prompt_tokens + STEPS,
        replay=ReplayConfig(
            settings["tokens_per_frame"],
            warmup_frames=settings["warmup_frames"],
            max_chain=settings["max_chain"],
        ),
        model=WholeModel(model.embedding, attention, model.mlp, model.head),
        num_lanes=settings["num_lanes"],
        gate=make_gate(instance, config),
        engine=engine,
        sparse=make_sparse_attention(settings["window"], settings["sinks"]),
    )
    return attention, engine, decoder


INTEGER_DECODER_CASE = Case(
    "integer_decoder",
    "the whole decoder on integers, from a prompt to the tokens it picks and is fed",
    "D-46, D-47",
    (
        Output(
            "keys", "integer", "[T, L, B, H_kv, d]", "cache; of the token at position t of its row"
        ),
        Output("values", "integer", "[T, L, B, H_kv, d]", "likewise"),
        Output("prompt_logits", "integer", "[B, P, V]", "of the prompt; padding is not looked at"),
        Output("query", "integer", "[S, L, B, H, d]", "after ROPE"),
        Output("context", "integer", "[S, L, B, H, d]", "of every query head"),
        Output("attended", "integer", "[S, L, B, D]", "stream after attention"),
        Output("score", "integer", "[S, L, B]", "score or distance; looked at where it may replay"),
        Output("replayed", "bool", "[S, L, B]", "decisions; False for tokens that may not replay"),
        Output("mlp_used", "integer", "[S, L, B, D]", "MLP output that was added to the stream"),
        Output("residual", "integer", "[S, L, B, D]", "stream after the MLP phase"),
        Output("logits", "integer", "[S, B, V]", "after each token, without noise"),
        Output("tokens", "integer", "[S + 1, B]", "picked; all but the last one are fed"),
    ),
    make_integer_instances,
    compute_integer_decoder,
)
