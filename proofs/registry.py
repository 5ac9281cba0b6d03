"""All statements and counterexamples, in the order of their numbers."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from fastcar.proofs.counterexamples.counterexample import Counterexample
from fastcar.proofs.statement import Statement
from fastcar.reference.errors import ArgumentError

STEMS = {
    "P-01": "softmax",
    "P-02": "temporal_attention_score",
    "P-03": "attention",
    "P-04": "causal_attention",
    "P-05": "head_aggregation",
    "P-06": "rms_norm",
    "P-07": "swiglu",
    "P-08": "replay",
    "P-09": "fixed_point",
    "P-10": "scheduler",
    "P-11": "rotary",
    "P-12": "sparse_attention",
    "P-13": "multi_head_attention",
    "P-14": "query_projection",
    "P-15": "combined_bound",
    "P-16": "decoder.bound",
    "P-17": "certificate",
    "P-18": "static_mapping",
    "P-19": "integer_mlp",
    "P-20": "exponential_weight",
    "P-21": "reciprocal",
    "P-22": "integer_softmax",
    "P-23": "integer_context",
    "P-24": "integer_logit",
    "P-25": "value_spread",
    "P-26": "corrected_replay",
}
"""Module of every statement, below `proofs`; numbers are never given twice."""


def get_statement(number: str) -> Statement[Any]:
    """The statement of a number.

    Raises:
        ArgumentError: there is none.
    """
    if number not in STEMS:
        raise ArgumentError("statement", number, f"one of {', '.join(STEMS)}")
    statement: Statement[Any] = import_module(f"fastcar.proofs.{STEMS[number]}").STATEMENT
    return statement


def get_counterexamples() -> list[Counterexample]:
    """What every file of `fastcar.proofs.counterexamples` shows, by statement."""
    found: list[Counterexample] = []
    for number, stem in STEMS.items():
        if get_statement(number).has_counterexamples:
            concept = stem.partition(".")[0]
            found += import_module(
                f"fastcar.proofs.counterexamples.{concept}"
            ).get_counterexamples()
    return found
