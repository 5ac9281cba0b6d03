"""What the prose of docs/bounds.md says about its numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fastcar.proofs.experiments.corrected_replay import (
    DERIVATIVE,
    FULL,
    PLAIN,
    PLAIN_DISTANCE,
)
from fastcar.proofs.experiments.integer_attention import (
    SMALL_DISTANCE,
    TARGET_MEAN,
    TARGET_WORST,
)
from fastcar.proofs.integer_context import STEPS
from fastcar.proofs.registry import STEMS
from tools.bounds.page import make_tables
from tools.page import Claim, Json, Page


def make_claims(report: Json) -> Iterator[Claim]:
    """Every claim of the page, section by section."""
    model, real = report["model"], report["real"]
    yield Claim(f"as executable statements: {len(STEMS)} claims, each one file")
    cases, violations = (
        sum(line[key] for line in report["attacks"]) for key in ("cases", "violations")
    )
    yield Claim(f"{cases:,} cases, {violations} violations.", violations == 0)
    yield Claim(
        f"the model `{model['name']}` (weights {model['weights_sha256'][:12]}), "
        f"{real['tokens']['source']}, {real['tokens']['rows']} rows of "
        f"{real['tokens']['fed_tokens']} tokens, dense and with {real['replay_ratio']:.0%} replayed"
    )
    yield Claim(describe_vacuity(real["statements"]))
    yield from _claim_thresholds(report["thresholds"])
    decoder = report["decoder"]
    *counts, never = decoder["first_vacuous"]
    found = [f"{count} after layer {index}" for index, count in enumerate(counts) if count]
    found += [f"{never} after none"] if never else []
    yield Claim(f"For {decoder['tokens']} replayed tokens the bound first says no more than")
    yield Claim(f"after these layers, counted from 0: {', '.join(found)}.")
    yield from _claim_latency(report["latency"])
    guarantees = report["guarantees"]
    broken = sum(result["num_broken"] for result in guarantees["results"])
    yield Claim(
        f"{guarantees['clips']} clips of {guarantees['frames']} frames, teacher-forced, nats from "
        f"the third frame on; {broken} replays exceeded what was certified.",
        broken == 0,
    )
    yield from _claim_corrections(report["corrections"])
    yield from _claim_attention(report["attention"])


def _claim_corrections(corrections: Json) -> Iterator[Claim]:
    yield Claim(f"{corrections['pairs']} pairs of every layer.")
    shares = {
        name: _compute_certified(corrections, name)
        for name in (PLAIN, FULL, PLAIN_DISTANCE, DERIVATIVE)
    }
    plain, full, crude, derivative = shares.values()
    yield Claim(
        f"An error of 1 can be guaranteed for {plain:.1%} of the pairs of all layers by P-26 "
        f"without a correction, for {full:.1%} with the full one, for {crude:.1%} by P-17, and "
        f"for {derivative:.1%} if the correction were the derivative itself.",
        full < plain and crude < plain <= derivative,
    )


def _compute_certified(corrections: Json, name: str, share: float = 1.0) -> float:
    """Share of the pairs of all layers that a correction certifies at a guarantee."""
    index = corrections["guarantees"].index(share)
    lines = [line for line in corrections["results"] if line["correction"] == name]
    return float(sum(line["certified"][index] for line in lines) / len(lines))


def _claim_attention(attention: Json) -> Iterator[Claim]:
    layers = attention["layers"]
    worst, context = (
        max(line[name] for line in layers) for name in ("largest_distance", "largest_context")
    )
    mean = attention["mean_distance"]
    yield Claim(
        f"{attention['queries']:,} queries: {attention['clips']} held-out clips of "
        f"{attention['frames']} frames"
    )
    yield Claim(
        f"Asked were distances of {TARGET_MEAN:g} in the mean and {TARGET_WORST:g} at most; they "
        f"are {mean:.2e} and {worst:.2e}: the first is met, the second missed.",
        mean <= TARGET_MEAN and worst > TARGET_WORST,
    )
    yield Claim(
        f"{attention['share_within']:.1%} of the queries stay within {SMALL_DISTANCE:g}, not all.",
        worst > SMALL_DISTANCE,
    )
    yield Claim(
        f"The largest error of a context, {context:.0f} steps, is below half a step of the cached "
        "values.",
        context < STEPS / 2,
    )


def describe_vacuity(statements: Sequence[Json]) -> str:
    """Which bounds say something about real tokens.

    >>> describe_vacuity([{"number": "P-01", "vacuous_share": 0.0}])
    'On the real tokens the bound is vacuous for every instance of none, for some of none.'
    """
    shares = {line["number"]: line["vacuous_share"] or 0.0 for line in statements}
    always = ", ".join(number for number, share in shares.items() if share == 1) or "none"
    sometimes = ", ".join(number for number, share in shares.items() if 0 < share < 1) or "none"
    return (
        f"On the real tokens the bound is vacuous for every instance of {always}, for some of "
        f"{sometimes}."
    )


def _claim_thresholds(thresholds: Sequence[Json]) -> Iterator[Claim]:
    outside = [line for line in thresholds if line["tau"] < -1]
    yield Claim(
        "at tau = -1 and below that is nothing, and scores of "
        f"{', '.join(format(line['tau'], 'g') for line in outside)} cannot occur at all.",
        all(
            line["normalised"] >= line["normalised_trivial"]
            for line in thresholds
            if line["tau"] <= -1
        ),
    )
    counted, layers = (
        max(line[f"{name}_tokens"] for line in thresholds) for name in ("query", "layer")
    )
    yield Claim(f"(up to {counted} heads, {layers} layers drawn)")


def _claim_latency(latency: Json) -> Iterator[Claim]:
    times = ", ".join(f"{time:.3f}" for time in latency["times"])
    yield Claim(f"Published, relative to dense: {times}.")
    yield Claim(f"Of {latency['searches'][0]['num_sizes']} pairs: how many others fit at least")
    line = next(fit for fit in latency["without_rounds"] if fit["law"] == "line")
    best = min(latency["searches"], key=lambda search: search["hypothesis"]["rms"])
    found = best["best"]["parameters"]
    yield Claim(
        f"Where 18 on 8 fits best (rms {best['hypothesis']['rms']:.4f}), the number of other pairs "
        f"that fit at least as well is {best['num_as_good'] - 1}, the best of all is "
        f"{found['slots']:.0f} on {found['cores']:.0f}, and a straight line, which knows no "
        f"rounds, fits better (rms {line['rms']:.4f}).",
        line["rms"] < best["hypothesis"]["rms"],
    )


PAGE = Page("bounds.md", make_tables, make_claims)
