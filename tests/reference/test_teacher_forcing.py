"""The teacher-forced loop: given tokens are fed one after the other, and only when asked for."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.teacher_forcing import feed_tokens
from fastcar.strategies import make_run
from tests.reference.runs import Recorder, make_decoder


def test_equals_prefill_and_steps() -> None:
    run, recorder = make_run(0, padding=(0, 1, 2)), Recorder()
    by_hand = make_decoder(run)
    fed = feed_tokens(
        make_decoder(run), run.prompt_ids, run.forced_ids, recorder.observe, run.prompt_mask
    )
    assert np.array_equal(next(fed), by_hand.prefill(run.prompt_ids, run.prompt_mask))
    assert not recorder.observations
    for step, logits in enumerate(fed):
        assert logits.shape == (run.rows, 1, run.config.vocab_size)
        assert np.array_equal(logits[:, 0], by_hand.step(run.forced_ids[:, step]))
        assert recorder.observations[-1].token_index == step
    assert len(recorder.observations) == run.steps * run.config.num_hidden_layers


def test_refuses_more_tokens_than_there_is_room_for() -> None:
    run = make_run(0)
    token_ids = np.concatenate([run.forced_ids, run.forced_ids[:, :1]], axis=1)
    with pytest.raises(ArgumentError, match=r"^prompt plus generated tokens = 13: must be at most"):
        list(feed_tokens(make_decoder(run), run.prompt_ids, token_ids))
