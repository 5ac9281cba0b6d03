"""A search in report.json."""

from __future__ import annotations

from typing import Any

from fastcar.budget_search.search import BudgetSearch


def describe_search(search: BudgetSearch) -> dict[str, Any]:
    """Every candidate of a search, and which was chosen, as JSON values (docs/report_schema.md)."""
    return {
        "budget": search.budget,
        "chosen": search.trials.index(search.chosen),
        "best_single": search.trials.index(search.best_single),
        "candidates": [
            {
                "gate": trial.candidate.gate,
                "rank": trial.candidate.rank,
                "warmup_frames": trial.candidate.warmup_frames,
                "layers": trial.candidate.allocation.value,
                "ratio": trial.ratio,
                "mlp_share": trial.mlp_share,
                "nats_above_dense": trial.loss,
                "nats_error": trial.error,
                "keeps_budget": trial.keeps(search.budget),
            }
            for trial in search.trials
        ],
    }
