"""docs/bounds.md from its numbers: every sentence with a value is chosen by code."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from fastcar.proofs.registry import STEMS, get_statement
from tools.markdown import fill_paragraphs, format_table

Json = dict[str, Any]

TIGHT_RATIO = 0.95
"""A bound that the search does not approach this far is loose."""

NEAR_RATIO = 0.5
"""A bound whose median ratio on real tokens is below this is loose there."""


def is_loose(attack: Json, real: Json) -> bool:
    """Whether the search or the median real token stays far below the bound."""
    median = 0.0 if real["median_ratio"] is None else real["median_ratio"]
    return bool(attack["tightest"] < TIGHT_RATIO or median < NEAR_RATIO)


def make_page(report: Json) -> str:
    """The whole page.

    Args:
        report: content of docs/bounds.json.
    """
    sections = [
        _make_introduction(report),
        _make_overview(report),
        *_make_statements(report),
        _make_counterexamples(report["counterexamples"]),
        _make_thresholds(report["thresholds"]),
        _make_tightness(report["tightness"]),
        _make_decoder(report["decoder"]),
        _make_rounds(report["rounds"]),
        _make_latency(report["latency"]),
        _make_guarantees(report["guarantees"]),
    ]
    return "\n".join(sections)


def get_claim(number: str) -> str:
    """The claim of a statement, as its docstring has it, without the word itself.

    >>> get_claim("P-01").splitlines()[0]
    'For logits x, y in R^n: TV(softmax x, softmax y) <= tanh(osc(x - y) / 4), where'
    """
    text = import_module(f"fastcar.proofs.{STEMS[number]}").__doc__ or ""
    return text.partition("\nClaim. ")[2].partition("\n\nProof.")[0]


def _fill(*paragraphs: str) -> str:
    return fill_paragraphs("\n\n".join(paragraphs))


def _make_introduction(report: Json) -> str:
    model, real = report["model"], report["real"]
    tokens = real["tokens"]
    violations = sum(line["violations"] for line in report["attacks"])
    cases = sum(line["cases"] for line in report["attacks"])
    return _fill(
        "# Bounds",
        f"The error bounds of replay as executable statements: {len(STEMS)} claims, each one file "
        "of `proofs/` with its proof in the docstring, a function that computes both sides, and a "
        "test that attacks it. `make bounds` writes this page; no number is typed by hand. "
        "`fastcar prove` repeats the checks on decoded tokens.",
        "How to read the numbers:",
        "- *Attack*: random and near-extreme small instances at many scales, half of the cases a "
        "climb towards the highest left / right. "
        f"{cases:,} cases, {violations} violations.\n"
        "- *Real tokens*: instances from teacher-forced tokens of the model "
        f"`{model['name']}` (weights {model['weights_sha256'][:12]}), {tokens['source']}, "
        f"{tokens['rows']} rows of {tokens['fed_tokens']} tokens, dense and with "
        f"{real['replay_ratio']:.0%} replayed.\n"
        "- *Ratio*: left / right, rounding allowed for: 1 is tight, above 1 would be a violation.\n"
        "- *Vacuous*: the bound is not below what is known without it (a total variation of at "
        "most 1, a difference of at most the sum of the norms).\n"
        "- *Certified*: both sides computed in ball arithmetic from the exact float inputs; holds "
        "/ undecided / violated. The scheduler is proved for all index words instead.",
    )


def _make_overview(report: Json) -> str:
    attacks = {line["number"]: line for line in report["attacks"]}
    lines = []
    for real in report["real"]["statements"]:
        number = real["number"]
        lines.append(
            [
                f"[{number}](#{number.lower()})",
                real["source"],
                f"{attacks[number]['tightest']:.4f}",
                format_ratio(real["worst_ratio"]),
                format_ratio(real["median_ratio"]),
                f"{real['vacuous_share']:.0%}",
                format_certified(real),
            ]
        )
    header = ["statement", "source", "attack", "real, worst", "real, median", "vacuous"]
    table = format_table([*header, "certified"], lines)
    return f"## Overview\n\n{table}\n\n{_fill(describe_vacuity(report['real']['statements']))}"


def describe_vacuity(statements: Sequence[Json]) -> str:
    """Which bounds say something about real tokens.

    >>> describe_vacuity([{"number": "P-01", "vacuous_share": 0.0}])
    'On the real tokens the bound is vacuous for every instance of none, for some of none.'
    """
    shares = {line["number"]: line["vacuous_share"] for line in statements}
    always = ", ".join(number for number, share in shares.items() if share == 1) or "none"
    sometimes = ", ".join(number for number, share in shares.items() if 0 < share < 1) or "none"
    return (
        f"On the real tokens the bound is vacuous for every instance of {always}, for some of "
        f"{sometimes}."
    )


def format_ratio(ratio: float | None) -> str:
    """Four digits; '-' where there is none.

    >>> format_ratio(0.5), format_ratio(None)
    ('0.5000', '-')
    """
    return "-" if ratio is None else f"{ratio:.4f}"


def format_certified(real: Json) -> str:
    """Verdicts or obligations of a statement of the report of `fastcar prove`."""
    if real["obligations"] is not None:
        counts = real["obligations"]
        return f"{counts['discharged']} of {counts['expected']} obligations"
    counts = real["certified"]
    return " / ".join(str(counts[verdict]) for verdict in ("holds", "undecided", "violated"))


def _make_statements(report: Json) -> list[str]:
    attacks = {line["number"]: line for line in report["attacks"]}
    real = {line["number"]: line for line in report["real"]["statements"]}
    return [_make_statement(number, attacks[number], real[number]) for number in STEMS]


def _make_statement(number: str, attack: Json, real: Json) -> str:
    statement = get_statement(number)
    path = f"proofs/{STEMS[number].replace('.', '/')}.py"
    names = "; ".join(hypothesis.name for hypothesis in statement.hypotheses)
    head = f"### {number}\n\n{statement.title[0].upper()}{statement.title[1:]}"
    sentences = (
        f"Proof in [{path}](../{path}); source: {statement.source}. Hypotheses: {names}.",
        f"Attack: {attack['cases']:,} cases, {attack['violations']} violations, tightest ratio "
        f"{attack['tightest']:.4f}.",
        f"Real tokens: {real['num_instances']} instances, {real['num_violations']} violations, "
        f"worst ratio {format_ratio(real['worst_ratio'])}, median "
        f"{format_ratio(real['median_ratio'])}, {real['vacuous_share']:.0%} vacuous; certified "
        f"{format_certified(real)}. {statement.looseness if is_loose(attack, real) else ''}",
    )
    heading = "## Statements\n\n" if number == next(iter(STEMS)) else ""
    return f"{heading}{head}.\n\n```text\n{get_claim(number)}\n```\n\n{_fill(*sentences)}"


def _make_counterexamples(examples: Sequence[Json]) -> str:
    lines = [
        f"- {example['number']}, dropped: `{example['dropped']}`. For `{example['instance']}` left "
        f"is {example['left']:.6g}, right {example['right']:.6g}."
        for example in examples
    ]
    text = (
        "Hypotheses and terms that look as if they could go. Without them the claim is false for "
        "these numbers: what it would bound is above the bound."
    )
    return f"## Counterexamples\n\n{_fill(text, chr(10).join(lines))}"


def format_share(share: float | None) -> str:
    """Whole percents; '-' where there was nothing to count."""
    return "-" if share is None else f"{share:.0%}"


def _make_thresholds(thresholds: Sequence[Json]) -> str:
    lines = [
        [
            f"{line['tau']:g}",
            f"{line['normalised']:.3f}",
            "yes" if line["normalised"] >= line["normalised_trivial"] else "no",
            f"{line['replayed']:.1%}",
            format_share(line["query_at_tau"]),
            format_share(line["query_own"]),
            format_share(line["layer_at_tau"]),
            format_share(line["layer_own"]),
        ]
        for line in thresholds
    ]
    header = ["tau", "sqrt(2 (1 - tau))", "vacuous", "replay", "P-02 at tau", "P-02 own score"]
    table = format_table([*header, "P-15 at tau", "P-15 own score"], lines)
    outside = [f"{line['tau']:g}" for line in thresholds if line["tau"] < -1]
    counted = max(line["query_tokens"] for line in thresholds)
    layers = max(line["layer_tokens"] for line in thresholds)
    return (
        "## Outside the normalised regime\n\n"
        + _fill(
            "With the paper's normalised queries and keys, |q|^2 = |k|^2 = sqrt(d), a score lies "
            "in [-1, 1] and |q_j - k| is d^(1/4) sqrt(2 (1 - s)); without any score it is at most "
            "2 d^(1/4). A threshold replays whatever scores at least tau, so it guarantees no more "
            "than the value at s = tau: at tau = -1 and below that is nothing, and scores of "
            f"{', '.join(outside)} cannot occur at all. A model for which such a threshold decides "
            "anything is outside that regime. P-02 with the true norms holds there too, and so do "
            "all statements of this page: none of them assumes normalisation.",
            "The true norms on decoded tokens: share of the eligible tokens that replay at tau, "
            f"and share of these (up to {counted} heads, {layers} layers drawn) for which P-02 and "
            "P-15 are vacuous, once with every head's score lowered to tau, which is all that the "
            "threshold guarantees, and once with the scores as they are.",
        )
        + f"\n{table}\n"
    )


def _make_tightness(layers: Sequence[Json]) -> str:
    parts = []
    for key, title in (("norm", "RMS norm (P-06)"), ("mlp", "MLP (P-07)")):
        names = [level["name"] for level in layers[0][key]]
        lines = [
            [str(line["layer"]), *(f"{level['median']:.3g}" for level in line[key])]
            for line in layers
        ]
        parts.append(f"{title}:\n\n{format_table(['layer', *names], lines)}\n")
    text = (
        "Median of bound / true distance on aligned tokens of each layer, for constants from one "
        "that holds for all inputs to one that knows the pair (`proofs/experiments/tightness.py` "
        "defines and "
        "orders them). Rounding is not added here."
    )
    return f"## How loose the constants are\n\n{_fill(text)}\n" + "\n".join(parts)


def _make_decoder(decoder: Json) -> str:
    lines = [
        [str(index), *(f"{line[name]:.4g}" for name in ("measured", "bound", "trivial"))]
        for index, line in enumerate(decoder["layers"])
    ]
    *counts, never = decoder["first_vacuous"]
    found = [f"{count} after layer {index}" for index, count in enumerate(counts) if count]
    found += [f"{never} after none"] if never else []
    text = (
        f"P-16 carries the error of a replay through all layers. For {decoder['tokens']} replayed "
        "tokens the bound first says no more than |x| + |x~| after these layers, counted from 0: "
        f"{', '.join(found)}. Medians of the distance between the residual streams of both runs:"
    )
    table = format_table(["after layer", "measured", "bound", "trivial"], lines)
    return f"## Through the layers\n\n{_fill(text)}\n{table}\n"


def _make_rounds(rounds: Sequence[Json]) -> str:
    lines = [
        [
            f"{line['slots']} on {line['cores']}",
            f"{line['replay']:.0%}",
            f"{line['persistence']:g}",
            str(line["dense"]),
            f"{line['dynamic']:.3f}",
            f"{line['static']:.3f}",
            f"{line['speed_up']:.3f}",
        ]
        for line in rounds
    ]
    header = ["slots", "replay", "persistence", "dense", "scheduled", "static", "speed-up"]
    text = (
        "Expected rounds of Dynamic Resource Scheduling and of a static mapping (slot b on core "
        "b mod C), exact; persistence is the correlation of neighbouring slots (P-18 has "
        "independent ones, `proofs/experiments/expected_rounds.py` both)."
    )
    return f"## Rounds of cores\n\n{_fill(text)}\n{format_table(header, lines)}\n"


def _make_latency(latency: Json) -> str:
    times = ", ".join(f"{time:.3f}" for time in latency["times"])
    fits = [_format_fit(fit, "") for fit in latency["without_rounds"]]
    counts = []
    for search in latency["searches"]:
        share = "share fitted" if search["is_share_free"] else "Llama's share"
        note = f"{search['expectation']}, {share}"
        fits += [_format_fit(search[key], share) for key in ("hypothesis", "best")]
        counts.append(
            [
                note,
                str(search["num_as_good"] - 1),
                str(search["num_near_best"]),
                str(search["num_within_rounding"]),
                f"{search['chance']:.1%}",
            ]
        )
    text = (
        "Hypothesis: the published latencies fall in whole rounds of cores, and 18 slots on 8 "
        f"cores explain them. Published, relative to dense: {times}. Three points are fitted with "
        "two or three numbers, chosen after the fact; the paper names neither slots nor cores. "
        "First laws without rounds, then for each model of the rounds 18 on 8 and the best pair:"
    )
    others = (
        f"Of {latency['searches'][0]['num_sizes']} pairs: how many others fit at least as well as "
        "18 on 8; how many are as good as the best within the rounding of the published latencies; "
        "how many meet all three points within rounding; and the share of random triples that some "
        "pair fits as well as the best fits these:"
    )
    header = ["model", "others as good", "near best", "within rounding", "random triples"]
    return (
        f"## The published latencies\n\n{_fill(text)}\n"
        f"{format_table(['law', 'size', 'at 20 %', '50 %', '80 %', 'rms'], fits)}\n\n"
        f"{_fill(others)}\n{format_table(header, counts)}\n\n{_fill(_judge_latency(latency))}"
    )


def _judge_latency(latency: Json) -> str:
    line = next(fit for fit in latency["without_rounds"] if fit["law"] == "line")
    best = min(latency["searches"], key=lambda search: search["hypothesis"]["rms"])
    found = best["best"]["parameters"]
    better = "better" if line["rms"] < best["hypothesis"]["rms"] else "no better"
    return (
        f"Where 18 on 8 fits best (rms {best['hypothesis']['rms']:.4f}), the number of other pairs "
        f"that fit at least as well is {best['num_as_good'] - 1}, the best of all is "
        f"{found['slots']:.0f} on {found['cores']:.0f}, and a straight line, which knows no "
        f"rounds, fits {better} (rms {line['rms']:.4f}). The three latencies agree with the "
        "hypothesis and are no evidence for it."
    )


def _format_fit(fit: Json, note: str) -> list[str]:
    parameters = fit["parameters"]
    size = ""
    if "slots" in parameters:
        size = f"{parameters['slots']:.0f} on {parameters['cores']:.0f}"
    name = fit["law"] + (f" ({note})" if note else "")
    return [name, size, *(f"{time:.3f}" for time in fit["times"]), f"{fit['rms']:.4f}"]


def _make_guarantees(guarantees: Json) -> str:
    lines = [
        [
            result["gate"],
            "-" if result["guaranteed"] is None else f"{result['guaranteed']:g}",
            f"{result['ratio']:.1%}",
            f"{result['mean_error']:.3g}",
            f"{result['percentile_99_error']:.3g}",
            f"{result['largest_error']:.3g}",
            f"{round(result['saved_share'], 3) + 0.0:.1%}",  # never -0.0
            f"{result['nats']:.4f}",
        ]
        for result in guarantees["results"]
    ]
    broken = sum(result["num_broken"] for result in guarantees["results"])
    header = ["gate", "guaranteed", "replayed", "mean", "99 %", "largest", "MLP saved", "nats"]
    text = (
        "The certified gate replays where P-17 bounds the error by a chosen limit. Below each "
        "guarantee stand gates without one at the same replay ratio. Errors of the replayed "
        "outputs are relative to the mean norm of the layer's MLP output; the MLP multiplications "
        f"saved have the gate's own cost deducted. {guarantees['clips']} clips of "
        f"{guarantees['frames']} frames, teacher-forced, nats from the third frame on; {broken} "
        "replays exceeded what was certified."
    )
    return f"## What a guarantee costs\n\n{_fill(text)}\n{format_table(header, lines)}\n"
