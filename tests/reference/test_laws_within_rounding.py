"""Laws where the same sums are taken in another order: prefill against steps, padding against none,
fused against plain attention. Decisions are equal, numbers within `compute_decode_bound`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import given

from fastcar.strategies import Run, runs
from tests.examples import examples
from tests.reference.rounding import compute_decode_bound
from tests.reference.runs import decode, make_decoder
from tests.reference.strategies import GateSpec, attention_options, gate_specs

DOUBLE = (np.float64,)


@examples(30)
@given(runs(dtypes=DOUBLE), attention_options)
def test_prefill_is_step_by_step(run: Run, options: dict[str, Any]) -> None:
    stepped = decode(run, **options)
    decoder = make_decoder(run, **options)
    length = run.prompt_ids.shape[1]
    mask = np.concatenate([run.prompt_mask, np.ones_like(run.forced_ids, bool)], axis=1)
    filled = decoder.prefill(np.concatenate([run.prompt_ids, run.forced_ids], axis=1), mask)
    bound = compute_decode_bound(run)
    assert np.abs(filled[:, length:].swapaxes(0, 1) - stepped.logits).max() <= bound
    visible = run.prompt_mask[:, :, None]
    at_prompt = np.where(visible, filled[:, :length] - stepped.prefill_logits, 0)
    assert np.abs(at_prompt).max() <= bound
    assert np.abs(decoder.kv_cache.keys[..., length:, :] - stepped.keys[..., length:, :]).max() <= (
        bound
    )


@examples(30)
@given(runs(dtypes=DOUBLE), gate_specs)
def test_fused_attention_decides_and_computes_the_same(run: Run, spec: GateSpec) -> None:
    layers = run.config.num_hidden_layers
    plain = decode(run, spec.make(layers))
    fused = decode(run, spec.make(layers), fused=True)
    assert np.array_equal(plain.replayed, fused.replayed)
    assert np.abs(plain.logits - fused.logits).max() <= compute_decode_bound(run)


@examples(30)
@given(runs(dtypes=DOUBLE), gate_specs, attention_options)
def test_padding_at_the_left_changes_nothing(
    run: Run, spec: GateSpec, options: dict[str, Any]
) -> None:
    if spec.name == "random":
        run = run.select_rows([0])
    layers = run.config.num_hidden_layers
    padded = decode(run, spec.make(layers), **options)
    bound = compute_decode_bound(run)
    for row in range(run.rows):
        kept = run.prompt_mask[row]
        alone = replace(
            run.select_rows([row]),
            prompt_ids=run.prompt_ids[[row]][:, kept],
            prompt_mask=np.ones((1, kept.sum()), bool),
        )
        bare = decode(alone, spec.make(layers), **options)
        assert np.array_equal(bare.replayed[:, :, 0], padded.replayed[:, :, row])
        assert np.abs(bare.logits[:, 0] - padded.logits[:, row]).max() <= bound
