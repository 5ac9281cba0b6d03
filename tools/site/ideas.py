"""The ideas of the paper, and what stands for each; an empty cell has a reason (D-71)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

COLUMNS = {
    "reference": "reference function",
    "unit": "RTL unit",
    "test": "co-simulation test",
    "proof": "proof or statement",
}
"""Heading by attribute of an idea, in the order of the table."""


@dataclass(frozen=True)
class Idea:
    """One idea, and what stands for it; "" where nothing does.

    Attributes:
        name: in the words of the glossary.
        reference: function or class below `fastcar.reference`.
        unit: function below `fastcar.rtl`.
        test: `file::function` below `tests/cosim`.
        proof: number of a statement, a module of `fastcar.proofs.formal`, or both.
        open: reason of every empty cell by its attribute.
    """

    name: str
    reference: str = ""
    unit: str = ""
    test: str = ""
    proof: str = ""
    open: Mapping[str, str] = field(default_factory=dict)


_LAYERS = "test_engine.py::test_the_engine_does_what_the_reference_does"
_DECODER = "whole/test_lockstep.py::test_the_hardware_equals_the_reference"
_PROGRAMS = "program/test_compiler.py::test_programs_do_what_the_reference_does"
_BY_HOST = "the host decides, and hands decisions to the hardware by DECIDE"

IDEAS = (
    Idea(
        "Temporal Attention Score",
        "temporal_attention_score.compute_score_heads",
        "mac_array.make_mac_array",
        _LAYERS,
        "P-02, P-09",
    ),
    Idea(
        "mean of the scores over the heads",
        "temporal_attention_score.aggregate_heads",
        "mac_array.make_mac_array",
        _LAYERS,
        "P-05",
    ),
    Idea(
        "the score as a tap of attention",
        "engine.Engine",
        "attention.score_tap.make_score_tap",
        _DECODER,
        "score_tap",
    ),
    Idea(
        "decision by a threshold",
        "gates.score.TemporalAttentionScoreGate",
        "score_unit.make_score_unit",
        _PROGRAMS,
        "score_unit",
    ),
    Idea(
        "threshold calibrated to a ratio",
        "calibration.calibrate_uniform",
        open={
            "unit": "thresholds are calibrated on the host, once, and given to the hardware",
            "test": "no hardware to compare with",
            "proof": "ratios of other clips are measured ([findings.md](findings.md)), not bounded",
        },
    ),
    Idea(
        "replay of the MLP output of the same place one frame earlier",
        "replay.ReplayMLP",
        "dispatcher.make_dispatcher",
        _LAYERS,
        "P-08, dispatcher",
    ),
    Idea(
        "chain of replays, warm-up",
        "replay.ReplayRule",
        "",
        "test_lockstep.py::test_the_whole_decoder_closes_its_loop_over_the_hardware",
        "P-08",
        open={"unit": _BY_HOST},
    ),
    Idea(
        "Dynamic Resource Scheduling: Index and Mapping Registers",
        "scheduler.compute_schedule",
        "scheduler.make_scheduler",
        _PROGRAMS,
        "P-10, scheduler",
    ),
    Idea(
        "static mapping, to compare with",
        "scheduler.get_static_core",
        "scheduler.make_scheduler",
        "whole/test_lockstep.py::test_static_mapping_is_compared_as_such",
        "P-18",
    ),
    Idea(
        "normalisation before the MLP",
        "rms_norm.compute_rms_norm",
        "rms_norm.make_rms_norm",
        _LAYERS,
        "P-06, rms_norm",
    ),
    Idea(
        "MLP (SwiGLU) on the cores",
        "swiglu.compute_swiglu",
        "core.make_core",
        _LAYERS,
        "P-07, P-19, silu_multiply",
    ),
    Idea(
        "causal attention",
        "attention.compute_attention",
        "attention.attention.make_attention",
        _DECODER,
        "P-03, P-04, P-22, P-23",
    ),
    Idea(
        "rotary embedding",
        "rotary.RotaryTable",
        "attention.turn.make_turn",
        _DECODER,
        "P-11",
    ),
    Idea(
        "sparse attention: window and sinks",
        "sparse_attention.SparseAttention",
        "attention.block_walk.make_block_walk",
        "whole/test_lockstep.py::test_a_decode_is_equal_from_its_prompt_on",
        "P-12, block_walk",
    ),
    Idea(
        "next token",
        "sampling.Sampling",
        "attention.pick.make_pick",
        "whole/test_lockstep.py::test_tokens_are_those_of_the_reference_with_the_same_streams",
        "P-24, pick",
    ),
    Idea(
        "guidance",
        "guidance.combine_logits",
        open={
            "unit": "two rows of a video are two slots; their logits are combined on the host",
            "test": "no hardware to compare with",
            "proof": "no bound on how guidance enlarges the error of a replay",
        },
    ),
    Idea(
        "gate by input distance (ours)",
        "gates.input.InputGate",
        "score_unit.make_score_unit",
        _PROGRAMS,
        "P-17, score_unit",
    ),
    Idea(
        "certified gate (ours)",
        "certified_gate.CertifiedGate",
        proof="P-17",
        open={"unit": _BY_HOST, "test": "certificates are floats; the hardware has none"},
    ),
    Idea(
        "gates of others",
        "gate_factory.make_threshold_gate",
        open={
            "unit": f"{_BY_HOST} (O-50)",
            "test": "no hardware to compare with (O-50)",
            "proof": "measured ([replay_value.md](replay_value.md)), not bounded",
        },
    ),
    Idea(
        "correction of replayed outputs (ours)",
        "correction.Correction",
        proof="P-26",
        open={
            "unit": "its two small products are not in the hardware (O-51)",
            "test": "no hardware to compare with (O-51)",
        },
    ),
)
