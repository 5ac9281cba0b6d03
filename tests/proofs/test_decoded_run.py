"""Decoded tokens are those of the reference decoder, and every recorded array fits the others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from fastcar.proofs.decoded_run import DecodedPair, DecodedRun, decode, load_rows
from fastcar.proofs.registry import get_statement
from fastcar.reference.attention import compute_attention
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.linear import compute_linear
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.rms_norm import compute_rms_norm
from fastcar.reference.rope_scaling import YarnScaling
from fastcar.reference.swiglu import compute_swiglu
from fastcar.reference.temporal_attention_score import compute_score_heads
from fastcar.reference.trace import Trace, make_score_gate, run_trace
from tests.checkpoint_files import CONFIG, write_checkpoint
from tests.fastcar.tiny_video_model import FRAMES, TOKENS_PER_FRAME, save_tiny_video_model


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> DecodedPair:
    """Two rows of a random video model."""
    directory = save_tiny_video_model(tmp_path_factory.mktemp("proofs") / "model")
    return decode(load_rows(directory, num_rows=2))


def trace(pair: DecodedPair, threshold: float | None) -> Trace:
    """The same tokens by `fastcar.reference.trace`."""
    given = pair.given
    gate = make_score_gate([threshold], given.config.num_hidden_layers, Semantics.PAPER)
    replay = ReplayConfig(given.tokens_per_frame)
    return run_trace(given.config, given.weights, given.prompt_ids, given.forced_ids, replay, gate)


def test_dense_run_is_bit_identical_to_the_decoder(pair: DecodedPair) -> None:
    wanted = trace(pair, None)
    assert np.array_equal(pair.dense.logits.swapaxes(0, 1), wanted.logits)
    assert np.array_equal(pair.dense.mlp_outputs.transpose(2, 0, 1, 3), wanted.mlp_used)
    assert not pair.dense.replayed.any()


def test_replay_run_is_bit_identical_to_the_decoder(pair: DecodedPair) -> None:
    wanted = trace(pair, pair.threshold)
    assert np.array_equal(pair.replay.logits.swapaxes(0, 1), wanted.logits)
    assert np.array_equal(pair.replay.replayed.transpose(2, 0, 1), wanted.replayed)
    assert np.array_equal(pair.replay.scores.transpose(2, 0, 1), wanted.tas, equal_nan=True)
    assert 0.2 < pair.replay.replayed.mean() < 0.6


@pytest.mark.parametrize("name", ["dense", "replay"])
def test_queries_keys_and_values_give_attention_and_score(pair: DecodedPair, name: str) -> None:
    run: DecodedRun = getattr(pair, name)
    given = pair.given
    prompt_tokens, token = given.prompt_ids.shape[1], 3 * TOKENS_PER_FRAME + 1
    slot = prompt_tokens + token
    for layer_index, layer in enumerate(given.weights.layers):
        keys = run.keys[layer_index, :, :, : slot + 1]
        values = run.values[layer_index, :, :, : slot + 1]
        query = run.queries[layer_index, :, token]
        context, _ = compute_attention(query, keys, values)
        projected = compute_linear(context.reshape(len(context), -1), layer.o_proj)
        x = run.layer_inputs[layer_index, :, token] + projected
        np.testing.assert_allclose(run.mlp_inputs[layer_index, :, token], x, rtol=0, atol=1e-13)
        aligned = keys[:, :, slot - TOKENS_PER_FRAME]
        score = compute_score_heads(query, aligned).mean(axis=-1)
        np.testing.assert_allclose(run.scores[layer_index, :, token], score, rtol=0, atol=1e-13)
    assert np.isnan(run.scores[:, :, :TOKENS_PER_FRAME]).all()


def test_rotation_keeps_the_norm_of_queries_and_changes_them(pair: DecodedPair) -> None:
    plain, queries = pair.dense.plain_queries, pair.dense.queries
    np.testing.assert_allclose(np.linalg.norm(queries, axis=-1), np.linalg.norm(plain, axis=-1))
    assert not np.allclose(plain, queries)


def test_outputs_are_computed_or_those_of_the_frame_before(pair: DecodedPair) -> None:
    run, given = pair.replay, pair.given
    steps = given.forced_ids.shape[1]
    for layer_index, layer in enumerate(given.weights.layers):
        for token in range(steps):
            x = run.mlp_inputs[layer_index, :, token]
            normed = compute_rms_norm(x, layer.mlp_norm, given.config.rms_norm_eps)
            fresh = compute_swiglu(normed, layer)
            earlier = run.mlp_outputs[layer_index, :, token - TOKENS_PER_FRAME]
            replayed = run.replayed[layer_index, :, token, None]
            wanted = np.where(replayed, earlier, fresh)
            assert np.array_equal(run.mlp_outputs[layer_index, :, token], wanted)


def test_layers_follow_each_other(pair: DecodedPair) -> None:
    for run in (pair.dense, pair.replay):
        assert np.array_equal(run.layer_inputs[1:], (run.mlp_inputs + run.mlp_outputs)[:-1])
        embedded = pair.given.weights.embedding[pair.given.forced_ids]
        assert np.array_equal(run.layer_inputs[0], embedded)


def test_clips_are_fed_and_named(pair: DecodedPair) -> None:
    assert pair.given.forced_ids.shape == (2, FRAMES * TOKENS_PER_FRAME)
    assert pair.given.source.endswith(" of the recorded held_out clips")


def test_the_seed_chooses_the_clips(tmp_path: Path) -> None:
    directory = save_tiny_video_model(tmp_path / "model")
    sources = {load_rows(directory, seed, num_rows=2).source for seed in range(8)}
    assert len(sources) > 1
    assert load_rows(directory, 3, num_rows=2).source == load_rows(directory, 3, num_rows=2).source


def test_checkpoint_without_clips_is_fed_random_tokens(tmp_path: Path) -> None:
    given = load_rows(write_checkpoint(tmp_path), num_rows=2)
    assert given.source == "random tokens (the checkpoint has no clips)"
    assert given.forced_ids.shape == (2, 3 * given.tokens_per_frame)
    pair = decode(given)
    assert np.isfinite(pair.dense.logits).all()
    assert pair.replay.replayed.any()


YARN = {
    "rope_type": "yarn",
    "factor": 4.0,
    "original_max_position_embeddings": 8,
    "attention_factor": 1.5,
}


def test_an_attention_factor_is_in_the_projections_and_the_rotation_keeps_norms(
    tmp_path: Path,
) -> None:
    write_checkpoint(tmp_path, {**CONFIG, "rope_scaling": YARN})
    given = load_rows(tmp_path, num_rows=2)
    assert given.source.endswith("; W_Q and W_K times the attention factor 1.5")
    run = decode(given).dense
    before, after = (np.linalg.norm(x, axis=-1) for x in (run.plain_queries, run.queries))
    np.testing.assert_allclose(after, before, rtol=1e-13)
    config, weights = load_checkpoint(tmp_path, np.float64)
    assert isinstance(config.rope_scaling, YarnScaling)
    assert config.rope_scaling.attention_factor == 1.5
    replay = ReplayConfig(given.tokens_per_frame)
    wanted = run_trace(config, weights, given.prompt_ids, given.forced_ids, replay)
    np.testing.assert_allclose(run.logits.swapaxes(0, 1), wanted.logits, rtol=0, atol=1e-12)
    # the factor matters, so the agreement is no accident
    plain = replace(config, rope_scaling=replace(config.rope_scaling, attention_factor=1.0))
    other = run_trace(plain, weights, given.prompt_ids, given.forced_ids, replay)
    assert np.abs(other.logits - wanted.logits).max() > 0.1


@pytest.mark.parametrize("number", ["P-02", "P-11", "P-14", "P-15", "P-16"])
def test_statements_about_turned_vectors_hold_with_an_attention_factor(
    tmp_path: Path, number: str
) -> None:
    write_checkpoint(tmp_path, {**CONFIG, "rope_scaling": YARN})
    pair = decode(load_rows(tmp_path, num_rows=2))
    statement = get_statement(number)
    assert statement.draw_decoded is not None
    for seed in range(5):
        found = statement.check(statement.draw_decoded(pair, np.random.default_rng(seed)))
        assert found.holds


def test_position_limit_without_room_for_two_frames_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, {**CONFIG, "max_position_embeddings": 19})
    message = r"^max_position_embeddings = 19: must be at least 20: a prompt and two frames$"
    with pytest.raises(ArgumentError, match=message):
        load_rows(tmp_path)


def test_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"config\.json"):
        load_rows(tmp_path / "none")


def test_clips_of_one_frame_are_refused(tmp_path: Path) -> None:
    """There is no frame before it that a score could look at."""
    directory = save_tiny_video_model(tmp_path / "model", frames=1)
    clips = load_file(directory / "clips.safetensors")
    for name in ("calibration.token_ids", "held_out.token_ids"):
        clips[name] = np.ascontiguousarray(clips[name][:, :TOKENS_PER_FRAME])
    save_file(clips, directory / "clips.safetensors")
    with pytest.raises(
        ArgumentError, match=r"^tokens of a row = 4: must be at least 8, two frames$"
    ):
        load_rows(directory)
