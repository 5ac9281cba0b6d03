"""DRS in the exported accelerator: order of commits, round robin, balance, Index and Mapping.

Proven without any assumption, for all runs: cores are free (see `fastcar.proofs.formal.control`),
so decisions may arrive in any order, at any time, and even twice.
"""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.formal.control_task import Bug, ControlProof
from fastcar.proofs.formal.task import FormalTask

_MODULE = "fastcar.rtl.scheduler"

_FLOW = """
always @(posedge clk) if (was_reset) begin
    invariant_first_turn: assert (is_static | (first_turn < C));
    invariant_first_round: assert (is_static | (num_rounds != 0) | (first_turn <= turn));
    a_layer_flows: cover (begins & is_flowing & takes_turn);
end
"""
"""With attention: a layer that flows begins with any core."""

PROOF = ControlProof(
    unit="scheduler",
    claim="decisions are committed once and in the order of the slots, mapped round robin, loads "
    "within one (static: b mod C), and kept in Index and Mapping until BEGIN",
    argument="counters of the checker follow the registers; cores and decisions are free",
    bugs=(
        Bug(
            "the pointer wraps one core late",
            _MODULE,
            "is_last_core = pointer_q == config.num_cores - 1",
            "is_last_core = pointer_q == config.num_cores",
        ),
        Bug(
            "replayed slots take a turn as well",
            _MODULE,
            "drive(pointer_q, (is_mapped,",
            "drive(pointer_q, (is_commit,",
        ),
        Bug(
            "slots are committed beyond those of the run",
            _MODULE,
            "(is_commit, is_more_open),",
            "(is_commit, 1),",
        ),
        Bug(
            "BEGIN keeps the decisions of the layer before",
            _MODULE,
            '_make_marks(config, "index_valid", is_commit, commit_slot_q, forget)',
            '_make_marks(config, "index_valid", is_commit, commit_slot_q, inputs.reset)',
        ),
        Bug(
            "Mapping keeps b mod C in place of the pointer",
            _MODULE,
            "_make_mappings(config, mapped_core, is_mapped,",
            "_make_mappings(config, static_core, is_mapped,",
        ),
    ),
    with_attention=_FLOW,
    attention_bugs=(
        Bug(
            "a layer that flows begins with core 0",
            _MODULE,
            "is_restart = inputs.reset | inputs.is_begin & ~inputs.flows",
            "is_restart = inputs.reset | inputs.is_begin",
        ),
    ),
    shown=(
        "reset",
        "dispatcher_is_begin",
        "decision_valid",
        "decision_slot",
        "decision_computes",
        "decision_core",
        "num_commits",
        "turn",
        "slot",
        "mapping",
        "index_register",
        "index_valid_register",
    ),
)


def list_tasks() -> Iterator[FormalTask]:
    """One task for each C and B."""
    return PROOF.list_tasks()
