"""Multiplications of a run, counted again one decision at a time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import GATES
from fastcar.reference.gates.cost import GateCost
from fastcar.reference.multiplications import count_run
from fastcar.reference.records import ReplayRecord
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.strategies import Run, make_config, make_run, runs
from tests.reference.runs import decode
from tests.reference.strategies import GateSpec, gate_specs

CONFIG = make_config()
D, BLOCK = CONFIG.hidden_size, 3 * CONFIG.hidden_size * CONFIG.intermediate_size
SCORE = CONFIG.num_attention_heads * CONFIG.head_dim

COSTS = {
    "tas": GateCost(scored=SCORE),
    "input": GateCost(measured=D),
    "input-relative": GateCost(measured=2 * D),
    "accumulated": GateCost(),
    "accumulated-frame": GateCost(),
    "motion": GateCost(measured=1),
    "skip-cosine": GateCost(computed=3 * D),
    "codes": GateCost(),
    "oracle": GateCost(replayed=BLOCK),
    "random": GateCost(),
    "periodic": GateCost(),
}


@pytest.mark.parametrize("name", sorted(GATES))
def test_what_a_gate_costs(name: str) -> None:
    assert GATES[name].compute_cost(CONFIG) == COSTS[name]


def record_run(run: Run, spec: GateSpec, sparse: SparseAttention | None = None) -> ReplayRecord:
    record = ReplayRecord(run.config, run.steps, run.rows, run.weights.dtype)
    gate = spec.make(run.config.num_hidden_layers)
    for observation in decode(run, gate, sparse=sparse).observations:
        record.observe(observation)
    return record


@given(
    runs(padded=False),
    gate_specs,
    st.none() | st.builds(SparseAttention, st.integers(1, 9), st.integers(0, 3)),
    st.integers(0, 50),
)
def test_a_run_is_counted_token_by_token(
    run: Run, spec: GateSpec, sparse: SparseAttention | None, correction: int
) -> None:
    record, config = record_run(run, spec, sparse), run.config
    prompt, cost = run.prompt_ids.shape[1], GATES[spec.name].compute_cost(run.config)
    found = count_run(
        config, record, cost, prompt_tokens=prompt, sparse=sparse, correction=correction
    )
    block = 3 * config.hidden_size * config.intermediate_size
    spent = attention = 0
    for step in range(run.steps):
        for layer in range(config.num_hidden_layers):
            for row in range(run.rows):
                is_replay = record.replayed[step, layer, row]
                spent += correction + cost.replayed if is_replay else block + cost.computed
                if record.measures[step, layer, row] == record.measures[step, layer, row]:
                    spent += cost.measured
                attention += count_token(run, step + 1 + prompt, sparse)
    spent += record.num_extra_scores * run.rows * cost.scored
    dense = record.replayed.size * block
    assert found.mlp_share == pytest.approx(spent / dense)
    assert found.layer_share == pytest.approx((spent + attention) / (dense + attention))


def count_token(run: Run, entries: int, sparse: SparseAttention | None) -> int:
    """Projections and attention of one token that is the last of so many entries."""
    layer = run.weights.layers[0]
    sizes: list[int] = [getattr(layer, f"{name}_proj").size for name in "qkvo"]
    seen = set(range(entries))
    if sparse is not None:
        window = range(max(0, entries - sparse.window_tokens), entries)
        seen = {*window, *range(min(sparse.sink_tokens, entries))}
    return sum(sizes) + 2 * len(seen) * run.config.num_attention_heads * run.config.head_dim


def test_a_dense_run_takes_all_and_an_empty_one_nothing() -> None:
    run = make_run(0)
    record = ReplayRecord(run.config, run.steps, run.rows, run.weights.dtype)
    found = count_run(run.config, record, GateCost(), prompt_tokens=4)
    assert (found.mlp_share, found.layer_share) == (1, 1)
    empty = ReplayRecord(run.config, 0, 1, run.weights.dtype)
    nothing = count_run(run.config, empty, GateCost(), prompt_tokens=4)
    assert (nothing.mlp_share, nothing.layer_share, nothing.attention) == (1, 1, 0)


@pytest.mark.parametrize(
    ("name", "value", "least"), [("prompt_tokens", 0, 1), ("correction", -1, 0)]
)
def test_refuses_numbers_of_nothing(name: str, value: int, least: int) -> None:
    run = make_run(0)
    record = ReplayRecord(run.config, run.steps, run.rows, run.weights.dtype)
    given: Any = {"prompt_tokens": 4, name: value}
    with pytest.raises(ArgumentError, match=rf"^{name} = {value}: must be at least {least}$"):
        count_run(run.config, record, GateCost(), **given)
