"""Drawn sizes are those of accelerators: the compiler fills their queues, every slot retires."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.cycles.planner import Planner
from fastcar.cosim.cycles.workload import Workload
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.strategies import accelerator_configs, decisions
from tests.examples import examples


@examples(20)
@given(
    accelerator_configs(),
    st.data(),
    st.sampled_from(Dispatch),
    st.sampled_from(DecisionSource),
    st.integers(1, 9),
)
def test_every_slot_retires_once_and_no_run_is_longer_than_dense(
    config: AcceleratorConfig,
    data: st.DataObject,
    dispatch: Dispatch,
    source: DecisionSource,
    latency_cycles: int,
) -> None:
    flags = data.draw(decisions(config.num_slots)).tolist()
    workload = Workload(config.hidden_size, config.intermediate_size, config.query_size, 1, 0)
    planner = Planner(config, (workload.blank_layer,))
    found = planner.predict(flags, config.num_cores, dispatch, source, latency_cycles)
    assert sorted(one.slot for one in found.retirements) == list(range(len(flags)))
    assert found.cycles > 0
