"""Do the score and the input distance predict how much the MLP output really changes?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import COLOURS, add_legend, label_panel, make_panels, save_figure
from fastcar.analysis.finding import Finding, Json, Stance, Table
from fastcar.analysis.probe import Probe, ProbeRequest
from fastcar.analysis.statistics import compare, compute_auc, compute_rank_correlation
from fastcar.metrics import Values, compute_standard_error

KEY = "predictive_power"
PREDICTORS = {
    "tas": "TAS, mean of heads",
    "tas_max": "TAS, maximum of heads",
    "input": "input distance",
}
"""Predictors and their names in text."""


def measure(bench: Workbench) -> Json:
    """AUC and rank correlation with the true output distance, per clip and layer.

    AUC: the probability that a token of the safer half (output distance below the median of its
    clip and layer) is ranked above one of the other half.
    """
    settings = bench.settings
    (probe,) = bench.run_all([ProbeRequest(settings.clips, settings.frames)])
    rows = []
    clip_auc, pooled_auc = {}, {}
    for name, safety in get_safeties(probe).items():
        auc, correlation = compute_power(safety, probe.output_distance)
        pooled_auc[name] = float(compute_pooled_auc(safety, probe.output_distance).mean())
        clip_auc[name] = auc.mean(axis=1)
        for layer_index in range(auc.shape[1]):
            rows.append(
                {
                    "predictor": name,
                    "layer": layer_index,
                    "auc": float(auc[:, layer_index].mean()),
                    "auc_error": compute_standard_error(auc[:, layer_index]),
                    "rank_correlation": float(correlation[:, layer_index].mean()),
                }
            )
    against_chance = compare(clip_auc["tas"], np.full(settings.clips, 0.5))
    against_input = compare(clip_auc["tas"], clip_auc["input"])
    return {
        "rows": rows,
        "mean_auc": {name: float(auc.mean()) for name, auc in clip_auc.items()},
        "pooled_auc": pooled_auc,
        "tas_against_chance": against_chance.verdict.value,
        "tas_against_input": against_input.verdict.value,
    }


def get_safeties(probe: Probe) -> dict[str, Values]:
    """Predictors turned so that higher means safer, each [J, L, B]."""
    return {
        "tas": probe.scores,
        "tas_max": probe.score_heads.max(axis=-1),
        "input": -probe.input_distance,
    }


def compute_power(safety: Values, output_distance: Values) -> tuple[Values, Values]:
    """AUC and rank correlation with a small output distance, each [B, L]; inputs [J, L, B]."""
    _, layers, rows = safety.shape
    auc, correlation = np.empty((rows, layers)), np.empty((rows, layers))
    for row in range(rows):
        for layer_index in range(layers):
            truth = output_distance[:, layer_index, row]
            predictor = safety[:, layer_index, row]
            auc[row, layer_index] = compute_auc(predictor, truth < np.median(truth))
            correlation[row, layer_index] = compute_rank_correlation(predictor, -truth)
    return auc, correlation


def compute_pooled_auc(safety: Values, output_distance: Values) -> Values:
    """AUC over the tokens of all layers together, as one threshold sees them, [B]."""
    tokens, layers, rows = safety.shape
    pooled = (tokens * layers, 1, rows)
    auc, _ = compute_power(safety.reshape(pooled), output_distance.reshape(pooled))
    return auc[:, 0]


def describe(result: Json) -> Finding:
    """The finding."""
    mean_auc = result["mean_auc"]
    words = {
        "higher": "ranks safe tokens first better than chance",
        "lower": "ranks safe tokens first worse than chance",
        "undecided": "does not rank safe tokens first measurably better than chance",
    }
    versus = {"higher": "above", "lower": "below", "undecided": "level with"}
    answer = (
        f"TAS {words[result['tas_against_chance']]} (AUC {mean_auc['tas']:.3f}, chance 0.5), "
        f"{versus[result['tas_against_input']]} the input distance ({mean_auc['input']:.3f})."
    )
    stance = {
        "higher": Stance.AGREES,
        "lower": Stance.CONTRADICTS,
        "undecided": Stance.UNDECIDED,
    }[result["tas_against_chance"]]
    by_place = {(row["predictor"], row["layer"]): row for row in result["rows"]}
    layers = sorted({row["layer"] for row in result["rows"]})
    rows = [
        (
            str(layer),
            *(_to_cell(by_place[name, layer]) for name in PREDICTORS),
        )
        for layer in layers
    ]
    pooled = [f"{result['pooled_auc'][name]:.3f}" for name in PREDICTORS]
    rows.append(("all together", *pooled))
    return Finding(
        KEY,
        "Do TAS and the input distance predict the output distance?",
        answer,
        "a high TAS bounds the change of the attention output, and with it that of the MLP output.",
        stance,
        (Table(("layer", *PREDICTORS.values()), rows),),
        (
            "Cells: AUC ± standard error (rank correlation with a small output distance). 1 would "
            "be a perfect ranking. Each layer ranks its own tokens; the last row ranks the tokens "
            "of all layers together, as one threshold for all layers does.",
        ),
    )


def _to_cell(row: Json) -> str:
    return f"{row['auc']:.3f} ± {row['auc_error']:.3f} ({row['rank_correlation']:+.2f})"


def draw(result: Json, path: Path) -> None:
    """AUC by layer."""
    figure, (panel,) = make_panels(1)
    styles = {
        "tas": ("o-", COLOURS["tas"]),
        "tas_max": ("s--", COLOURS["tas"]),
        "input": ("o-", COLOURS["input"]),
    }
    for name, (style, colour) in styles.items():
        rows = [row for row in result["rows"] if row["predictor"] == name]
        panel.errorbar(
            [row["layer"] for row in rows],
            [row["auc"] for row in rows],
            [row["auc_error"] for row in rows],
            fmt=style,
            color=colour,
            label=PREDICTORS[name],
            capsize=2,
        )
    panel.axhline(0.5, color="black", linewidth=1, linestyle=":", label="chance")
    panel.set_xticks(sorted({row["layer"] for row in result["rows"]}))
    label_panel(panel, "ranking of tokens by safety of replay", "layer", "AUC")
    add_legend(figure, panel, columns=2)
    save_figure(figure, path)
