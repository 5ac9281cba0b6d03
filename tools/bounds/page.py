"""Tables of docs/bounds.md; `tools.bounds.claims` checks its prose."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from fastcar.proofs.registry import STEMS, get_statement
from tools.markdown import fill_paragraphs, format_rows, format_table
from tools.page import Json

TIGHT_RATIO = 0.95
"""A bound that the search does not approach this far is loose."""

NEAR_RATIO = 0.5
"""A bound whose median ratio on real tokens is below this is loose there."""


def is_loose(attack: Json, real: Json) -> bool:
    """Whether the search or the median real token stays far below the bound."""
    median = 0.0 if real["median_ratio"] is None else real["median_ratio"]
    return bool(attack["tightest"] < TIGHT_RATIO or median < NEAR_RATIO)


def make_tables(report: Json) -> dict[str, str]:
    """Every block of the page by name.

    Args:
        report: content of docs/bounds.json.
    """
    attacks = {line["number"]: line for line in report["attacks"]}
    real = {line["number"]: line for line in report["real"]["statements"]}
    statements = [_make_statement(number, attacks[number], real[number]) for number in STEMS]
    return {
        "overview": _format_overview(report),
        "statements": "\n".join(statements).strip(),
        "counterexamples": _list_counterexamples(report["counterexamples"]),
        "thresholds": _format_thresholds(report["thresholds"]),
        "levels of the norm": _format_levels(report["tightness"], "norm"),
        "levels of the MLP": _format_levels(report["tightness"], "mlp"),
        "levels of attention": _format_levels(report["attention_levels"], "attention"),
        "layers": _format_layers(report["decoder"]),
        "corrections": _format_corrections(report["corrections"]),
        "rounds": _format_rounds(report["rounds"]),
        "laws": _format_laws(report["latency"]),
        "searches": _format_searches(report["latency"]),
        "guarantees": _format_guarantees(report["guarantees"]),
        "attention": _format_attention(report["attention"]),
    }


def get_claim(number: str) -> str:
    """The claim of a statement, as its docstring has it, without the word itself.

    >>> get_claim("P-01").splitlines()[0]
    'For logits x, y in R^n: TV(softmax x, softmax y) <= tanh(osc(x - y) / 4), where'
    """
    text = import_module(f"fastcar.proofs.{STEMS[number]}").__doc__ or ""
    return text.partition("\nClaim. ")[2].partition("\n\nProof.")[0]


def _format_overview(report: Json) -> str:
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
                format_share(real["vacuous_share"]),
                format_certified(real),
            ]
        )
    header = ["statement", "source", "attack", "real, worst", "real, median", "vacuous"]
    return format_table([*header, "certified"], lines)


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
        f"{format_ratio(real['median_ratio'])}, {format_share(real['vacuous_share'])} vacuous; "
        f"certified {format_certified(real)}. "
        f"{statement.looseness if is_loose(attack, real) else ''}",
    )
    paragraphs = fill_paragraphs("\n\n".join(sentences))
    return f"{head}.\n\n```text\n{get_claim(number)}\n```\n\n{paragraphs}"


def _list_counterexamples(examples: Sequence[Json]) -> str:
    lines = [
        f"- {example['number']}, dropped: `{example['dropped']}`. For `{example['instance']}` left "
        f"is {example['left']:.6g}, right {example['right']:.6g}."
        for example in examples
    ]
    return fill_paragraphs("\n".join(lines)).strip()


def format_share(share: float | None) -> str:
    """Whole percents; '-' where there was nothing to count."""
    return "-" if share is None else f"{share:.0%}"


def _format_thresholds(thresholds: Sequence[Json]) -> str:
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
    return format_table([*header, "P-15 at tau", "P-15 own score"], lines)


def _format_levels(layers: Sequence[Json], key: str) -> str:
    names = [level["name"] for level in layers[0][key]]
    lines = [
        [str(line["layer"]), *(f"{level['median']:.3g}" for level in line[key])] for line in layers
    ]
    return format_table(["layer", *names], lines)


def _format_layers(decoder: Json) -> str:
    numbers = {name: f"{{{name}:.4g}}" for name in ("measured", "bound", "trivial")}
    rows = [{"layer": index, **line} for index, line in enumerate(decoder["layers"])]
    return format_rows({"after layer": "{layer}", **numbers}, rows)


def _format_rounds(rounds: Sequence[Json]) -> str:
    columns = {
        "slots": "{slots} on {cores}",
        "replay": "{replay:.0%}",
        "persistence": "{persistence:g}",
        "dense": "{dense}",
        "scheduled": "{dynamic:.3f}",
        "static": "{static:.3f}",
        "speed-up": "{speed_up:.3f}",
    }
    return format_rows(columns, rounds)


def _format_laws(latency: Json) -> str:
    fits = [_format_fit(fit, "") for fit in latency["without_rounds"]]
    for search in latency["searches"]:
        fits += [_format_fit(search[key], _name_share(search)) for key in ("hypothesis", "best")]
    return format_table(["law", "size", "at 20 %", "50 %", "80 %", "rms"], fits)


def _name_share(search: Json) -> str:
    return "share fitted" if search["is_share_free"] else "Llama's share"


def _format_fit(fit: Json, note: str) -> list[str]:
    parameters = fit["parameters"]
    size = ""
    if "slots" in parameters:
        size = f"{parameters['slots']:.0f} on {parameters['cores']:.0f}"
    name = fit["law"] + (f" ({note})" if note else "")
    return [name, size, *(f"{time:.3f}" for time in fit["times"]), f"{fit['rms']:.4f}"]


def _format_searches(latency: Json) -> str:
    columns = {
        "model": "{expectation}, {share}",
        "others as good": "{others}",
        "near best": "{num_near_best}",
        "within rounding": "{num_within_rounding}",
        "random triples": "{chance:.1%}",
    }
    rows = [
        {**search, "share": _name_share(search), "others": search["num_as_good"] - 1}
        for search in latency["searches"]
    ]
    return format_rows(columns, rows)


def _format_guarantees(guarantees: Json) -> str:
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
    header = ["gate", "guaranteed", "replayed", "mean", "99 %", "largest", "MLP saved", "nats"]
    return format_table(header, lines)


def _format_corrections(corrections: Json) -> str:
    columns = {
        "layer": "{layer}",
        "correction": "{correction}",
        "error": "{error:.3g}",
        "input": "{known_input}",
        "distance": "{distance_bound:.3g}",
    }
    columns |= {
        f"within {share:g}": f"{{certified[{index}]:.0%}}"
        for index, share in enumerate(corrections["guarantees"])
    }
    rows = [
        line | {"known_input": "-" if bound is None else f"{bound:.3g}"}
        for line in corrections["results"]
        for bound in (line["input_bound"],)
    ]
    return format_rows(columns, rows)


def _format_attention(attention: Json) -> str:
    columns = {
        "layer": "{index}",
        "shares, mean": "{mean_distance:.2e}",
        "shares, largest": "{largest_distance:.2e}",
        "P-22, mean": "{mean_distance_bound:.2e}",
        "P-22, largest": "{largest_distance_bound:.2e}",
        "context, mean": "{mean_context:.2f}",
        "context, largest": "{largest_context:.1f}",
        "P-23, mean": "{mean_context_bound:.1f}",
        "P-23, largest": "{largest_context_bound:.1f}",
        "of its bound": "{largest_ratio:.3f}",
    }
    rows = [{"index": index, **line} for index, line in enumerate(attention["layers"])]
    return format_rows(columns, rows)
