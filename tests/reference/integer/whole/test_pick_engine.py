"""The loop closed on integers: the same tokens whether or not anybody else is in the batch."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

from fastcar.reference.arrays import TokenIds
from fastcar.reference.decoder import Decoder
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.records import DecodeResult
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.thresholds import FixedThresholds
from fastcar.strategies import Run, make_config, make_run
from tests.reference.integer.whole.runs import quantize_whole_run, to_integers

RUN = make_run(4, make_config("grouped-query"), frames=4)
MODEL = quantize_whole_run(RUN)


def draw_videos(
    run: Run, engine: Any, temperature: float, make_decoder: Any, gate: Any = None
) -> DecodeResult:
    """Four frames behind each prompt."""
    return generate(
        run.config,
        run.weights,
        Prompts(run.prompt_ids, run.prompt_ids),
        DecodeOptions(ReplayConfig(run.tokens_per_frame), gate, engine=engine),
        num_frames=4,
        num_codes=run.config.vocab_size,
        sampling=Sampling(temperature),
        make_decoder=make_decoder,
    )


class GreedyRecorder(WholeDecoder):
    """A whole decoder that keeps the integers of its logits."""

    kept: list[TokenIds]

    def _compute_logits(self, x: Any) -> Any:
        logits = super()._compute_logits(x)
        self.kept.append(to_integers(logits, self.whole).argmax(axis=-1))
        return logits


def test_greedy_loop_takes_the_largest_integer_logit() -> None:
    GreedyRecorder.kept = []
    engine = PickEngine(MODEL.head.scale)
    found = draw_videos(RUN, engine, 0.0, partial(GreedyRecorder, model=MODEL, num_lanes=4))
    assert np.array_equal(found.token_ids[:, 1:], np.array(GreedyRecorder.kept).T)


def test_closed_loop_replays_and_does_not_depend_on_the_batch() -> None:
    def draw(run: Run) -> DecodeResult:
        gate = TemporalAttentionScoreGate(FixedThresholds([0.0, 0.0]))
        make_decoder = partial(WholeDecoder, model=MODEL, num_lanes=4)
        return draw_videos(run, PickEngine(MODEL.head.scale), 0.7, make_decoder, gate)

    together, alone = draw(RUN), draw(RUN.select_rows([0]))
    assert 0.1 < together.record.replay_ratio < 0.9
    assert np.array_equal(together.token_ids[:1], alone.token_ids)
    assert len(set(map(tuple, together.token_ids.tolist()))) == RUN.rows


def test_float_decoder_draws_by_the_same_noise() -> None:
    engine = PickEngine(MODEL.head.scale)
    exact = draw_videos(RUN, engine, 0.3, Decoder).token_ids
    found = draw_videos(RUN, engine, 0.3, partial(WholeDecoder, model=MODEL)).token_ids
    assert (exact == found).mean() > 0.8


def test_what_an_argmax_does_not_have_is_refused() -> None:
    engine, streams = PickEngine(0.5), [np.random.default_rng(0)]
    for sampling, text in (
        (Sampling(1.0, top_k=3), "^top_k = 3: must be None"),
        (Sampling(1.0, top_p=0.5), "^top_p = 0.5: must be 1"),
    ):
        with pytest.raises(ArgumentError, match=text):
            engine.draw(sampling, np.zeros((1, 4)), streams)
    with pytest.raises(ArgumentError, match=r"^logits = nan: must be finite$"):
        engine.draw(Sampling(1.0), np.full((1, 4), np.nan), streams)
    with pytest.raises(ArgumentError, match=r"^scale of logits = 0.0: "):
        PickEngine(0.0)
