"""The cycle model at the paper's sizes, against the times that the paper published."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from fastcar.cosim.cycles.workload import WORKLOADS
from fastcar.cosim.prediction import predict
from fastcar.cosim.prediction_request import PredictionRequest
from fastcar.proofs.experiments.expected_rounds import ReplayChain, compute_dynamic_rounds
from tools.markdown import format_table
from tools.page import Claim

Json = dict[str, Any]

PRESET = "vila_u_7b_u280"
PAPER_SIZES = ((18, 8, 16, 64), (18, 8, 64, 256), (16, 8, 16, 64), (32, 8, 16, 64), (16, 4, 16, 64))
"""(slots, cores, lanes, latency in cycles): a fit to the published times guesses the first slots
and cores; lanes and latency matter little, other slots and cores show how much these do."""
MAX_SLOTS, MAX_CORES = 32, 16
NEAR = 0.02
"""Of a dense run's time: the largest difference that confirms."""


def predict_paper(draws: int) -> list[Json]:
    """Reports of `fastcar.cosim.prediction` for all sizes."""
    return [
        predict(PredictionRequest(PRESET, cores, lanes, batch, latency, draws=draws))
        for batch, cores, lanes, latency in PAPER_SIZES
    ]


def find_fits() -> list[list[int]]:
    """[slots, cores] whose expected rounds fit the published times, the nearest first."""
    workload = WORKLOADS[PRESET]
    share, published = workload.mlp_weight_share, dict(workload.published_seconds)
    dense = published.pop(0.0)
    chains = {
        ratio: ReplayChain(Fraction(ratio).limit_denominator(100), Fraction(0))
        for ratio in published
    }
    found = []
    for slots, cores in product(range(2, MAX_SLOTS + 1), range(1, MAX_CORES + 1)):
        differences = [
            1 + share * (_count_rounds(slots, cores, chains[ratio]) - 1) - seconds / dense
            for ratio, seconds in published.items()
        ]
        largest = max(map(abs, differences))
        if cores < slots and largest <= NEAR:
            found.append((largest, slots, cores))
    return [[slots, cores] for _, slots, cores in sorted(found)]


def _count_rounds(slots: int, cores: int, chain: ReplayChain) -> float:
    """Expected rounds of DRS over those of a dense step."""
    return float(compute_dynamic_rounds(slots, cores, chain) / -(-slots // cores))


def format_paper(reports: Sequence[Json]) -> str:
    """Time of a run against dense under DRS and static mapping."""
    rows = reports[0]["rows"]
    lines = [
        [
            f"{report['accelerator']['num_slots']}",
            f"{report['accelerator']['num_cores']}",
            f"{report['accelerator']['num_lanes']}",
            f"{report['latency']}",
            *(f"{row['drs_time']:.3f}" for row in report["rows"]),
            *(f"{row['static_time']:.3f}" for row in report["rows"]),
        ]
        for report in reports
    ]
    published = [f"{row['published_time']:.3f}" for row in rows]
    lines.append(["published", "", "", "", *published, *[""] * len(rows)])
    ratios = [f"{row['target_ratio']:.0%}" for row in rows]
    header = ["slots", "cores", "lanes", "latency"]
    header += [f"{mapping}, {ratio}" for mapping in ("DRS", "static") for ratio in ratios]
    return format_table(header, lines)


def claim_paper(reports: Sequence[Json], fits: Sequence[Sequence[int]]) -> Iterator[Claim]:
    """The verdict on the guess, and what it rests on."""
    guess = reports[0]
    largest = {name: _find_largest(guess, name) for name in ("drs", "static")}
    others = [_find_largest(report, "drs") for report in reports[2:]]
    yield Claim(f"`fastcar predict --preset {PRESET}`")
    yield Claim(
        "The cycle model confirms the guess that the published times are rounds of "
        f"{guess['accelerator']['num_slots']} slots on {guess['accelerator']['num_cores']} cores: "
        f"with DRS it differs by at most {largest['drs']:.3f} of a dense run's time, with static "
        f"mapping by {largest['static']:.3f}, with the other slots and cores above and DRS by "
        f"{min(others):.3f} to {max(others):.3f}.",
        largest["drs"] <= NEAR,
    )
    yield Claim(f"It rests on the MLP phase taking {guess['mlp_share']:.1%} of a dense run")
    listed = ", ".join(f"{slots} on {cores}" for slots, cores in fits)
    yield Claim(
        f"The guess is not the only one: of all 2 to {MAX_SLOTS} slots on 1 to {MAX_CORES} cores,",
        len(fits) > 1,
    )
    yield Claim(f"come within {NEAR} for {listed} (slots on cores, the nearest first).")


def _find_largest(report: Json, mapping: str) -> float:
    """Largest difference from the published times."""
    return max(
        abs(float(row[f"{mapping}_time"]) - float(row["published_time"])) for row in report["rows"]
    )
