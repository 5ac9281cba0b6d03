"""The recorded runs of the published code, and laws of a trace."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError, NonFiniteError
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.replay import Semantics
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.vila_u.trace import VilaUTrace, check_depth_logits, run_vila_u_trace
from tests.vila_u_files import (
    MODELS,
    get_thresholds,
    load_codes,
    load_model,
    load_prompt,
    load_vectors,
    make_options,
)

LIMITS = {"hidden": 2e-5, "depth_logits": 5e-5, "guided_logits": 2e-4, "tas": 2e-5}
RUNS = ("replay_mid50_forced", "replay_first_layer_off70_forced", "replay_all_forced")


def trace(model: str, thresholds: Any = (None,), **options: Any) -> VilaUTrace:
    ids, mask = load_prompt(model)
    chosen = make_options(model, thresholds, **options)
    return run_vila_u_trace(load_model(model), ids, load_codes(model), chosen, mask)


def check(found: VilaUTrace, recorded: dict[str, Any], *names: str) -> None:
    for name in names:
        ours, theirs = getattr(found, name), recorded[name]
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=LIMITS[name], equal_nan=True)


@pytest.mark.parametrize("model", MODELS)
def test_given_codes_give_the_recorded_states_and_logits(model: str) -> None:
    found, recorded = trace(model), load_vectors(model, "forced")
    check(found, recorded, "hidden", "depth_logits")
    assert not found.replayed.any()


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("run", RUNS)
def test_replay_decides_as_recorded(model: str, run: str) -> None:
    recorded = load_vectors(model, run)
    found = trace(model, get_thresholds(recorded))
    check(found, recorded, "hidden", "tas")
    np.testing.assert_array_equal(found.replayed, recorded["mask"])
    np.testing.assert_array_equal(found.eligible, ~np.isnan(recorded["tas"][:, 0]))
    if "mlp_used" in recorded:
        np.testing.assert_allclose(found.mlp_used, recorded["mlp_used"], rtol=0, atol=2e-5)


@pytest.mark.parametrize("model", MODELS)
def test_guided_logits_are_the_recorded_ones(model: str) -> None:
    recorded = load_vectors(model, "greedy_video")
    found = run_vila_u_trace(
        load_model(model),
        recorded["input_ids"],
        recorded["codes"],
        make_options(model),
        recorded["attention_mask"],
    )
    check(found, recorded, "hidden", "depth_logits", "guided_logits")
    np.testing.assert_array_equal(found.guided_logits.argmax(axis=-1), recorded["codes"])


def test_scores_are_written_down_without_any_threshold_too() -> None:
    dense = trace("A2")
    never = trace("A2", (np.inf, np.inf))
    np.testing.assert_array_equal(dense.tas, never.tas)
    assert np.isfinite(dense.tas[9:]).all()
    assert np.isnan(dense.tas[:9]).all()


@pytest.mark.parametrize("semantics", Semantics)
def test_a_gate_that_never_replays_is_bit_identical_to_none(semantics: Semantics) -> None:
    dense = trace("A2", semantics=semantics)
    never = trace("A2", (np.inf,), semantics=semantics)
    for name in ("hidden", "depth_logits", "guided_logits", "mlp_used"):
        np.testing.assert_array_equal(getattr(dense, name), getattr(never, name))


def test_both_semantics_agree_where_all_or_nothing_replays() -> None:
    for threshold in (None, -1e9):
        paper, published = (trace("A2", (threshold,), semantics=which) for which in Semantics)
        np.testing.assert_array_equal(paper.replayed, published.replayed)
        np.testing.assert_array_equal(paper.hidden, published.hidden)
    assert np.nanmax(abs(paper.tas - published.tas)) > 0.1  # the queries differ


def test_a_score_at_the_threshold_replays_in_the_papers_text_alone() -> None:
    for semantics, replays in ((Semantics.PAPER, True), (Semantics.PUBLISHED, False)):
        threshold = float(trace("A2", (np.inf, None), semantics=semantics).tas[9, 0, 0])
        found = trace("A2", (threshold, None), semantics=semantics)
        assert found.tas[9, 0, 0] == threshold
        assert found.replayed[9, 0, 0] == replays


def test_a_row_does_not_depend_on_its_neighbours() -> None:
    ids, mask = load_prompt("A2")
    model, codes, options = load_model("A2"), load_codes("A2"), make_options("A2", (0.1,))
    both = run_vila_u_trace(model, ids, codes, options, mask)
    alone = run_vila_u_trace(model, ids[1::2], codes[1:], options, mask[1::2])
    np.testing.assert_array_equal(both.hidden[1::2], alone.hidden)
    np.testing.assert_array_equal(both.guided_logits[1:], alone.guided_logits)
    np.testing.assert_array_equal(both.replayed[:, :, 1::2], alone.replayed)


def test_windows_and_rounded_caches_change_the_states_alone_by_what_they_leave_out() -> None:
    exact, wide = trace("A2"), trace("A2", sparse=SparseAttention(512, 4))
    np.testing.assert_allclose(exact.hidden, wide.hidden, rtol=0, atol=2e-5)
    narrow = trace("A2", sparse=SparseAttention(8, 4))
    rounded = trace("A2", cache_storage=CacheStorage.BFLOAT16)
    for found, least, most in ((narrow, 1e-3, 9.0), (rounded, 1e-5, 0.1)):
        assert least < abs(found.hidden - exact.hidden).max() < most


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_guidance_without_distance_is_one_of_the_two_rows(scale: float) -> None:
    found = trace("A2", guidance=scale)
    wanted = np.split(found.depth_logits, 2)[int(scale == 0)]
    np.testing.assert_allclose(found.guided_logits, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("video", [0, 1])
def test_last_codes_reach_only_their_own_position(video: int) -> None:
    ids, mask = load_prompt("A2")
    codes = load_codes("A2")
    options = make_options("A2")
    before = run_vila_u_trace(load_model("A2"), ids, codes, options, mask)
    codes[video, -1] = (codes[video, -1] + 1) % 33
    after = run_vila_u_trace(load_model("A2"), ids, codes, options, mask)
    np.testing.assert_array_equal(before.hidden, after.hidden)
    np.testing.assert_array_equal(before.depth_logits[:, -1, 0], after.depth_logits[:, -1, 0])
    assert (before.depth_logits[video, -1, 1:] != after.depth_logits[video, -1, 1:]).any()


def test_one_position_is_drawn_and_none_fed() -> None:
    ids, mask = load_prompt("A2")
    found = run_vila_u_trace(
        load_model("A2"), ids, load_codes("A2")[:, :1], make_options("A2"), mask
    )
    assert found.hidden.shape == (4, 1, 48)
    assert found.tas.shape == (0, 2, 4)


def refuse(limit: str, **changes: Any) -> None:
    ids, mask = load_prompt("A2")
    arguments = {"ids": ids, "codes": load_codes("A2"), "mask": mask} | changes
    with pytest.raises(ArgumentError, match=limit):
        run_vila_u_trace(
            load_model("A2"),
            arguments["ids"],
            arguments["codes"],
            make_options("A2"),
            arguments["mask"],
        )


def test_what_does_not_fit_is_refused() -> None:
    ids, mask = load_prompt("A2")
    codes = load_codes("A2")
    started = ids.copy()
    started[2, -1] = 361
    refuse(
        r"^last prompt id of row 2 = 361: must be <vi_start> = 362 \(vocab_size - 2\)$", ids=started
    )
    refuse(r"^prompt_ids shape = \(3, 90\): .* even number of rows", ids=ids[:3], mask=mask[:3])
    refuse(r"^videos of codes = 1: must be 2, half of the rows of prompt_ids$", codes=codes[:1])
    high, low = codes.copy(), codes.copy()
    high[1, 4, 2], low[0, 3, 1] = 33, -1
    refuse(r"^codes = 33: must be in \[0, n_embed = 33\)$", codes=high)
    refuse(r"^codes = -1: must be in \[0, n_embed = 33\)$", codes=low)
    refuse(r"^codes shape = \(2, 27, 3\): must be .*depth = 4", codes=codes[..., :3])
    long = np.zeros((2, 424, 4), np.int64)
    refuse(
        r"^positions of a video = 424: must be at most 423: max_position_embeddings = 512, 90 of",
        codes=long,
    )


def test_infinite_logits_are_named() -> None:
    with pytest.raises(
        NonFiniteError, match=r"^depth logits = inf under guidance, position 5, video 1"
    ):
        check_depth_logits(np.array([[0.0], [np.inf]]), 5)
