"""How similar are the MLP outputs of adjacent frames?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import add_legend, label_panel, make_panels, save_figure
from fastcar.analysis.finding import Finding, Json, Stance, Table, join_words
from fastcar.analysis.probe import Probe, ProbeRequest
from fastcar.metrics import Values, compute_standard_error

KEY = "output_similarity"
CLAIMED_COSINE = 0.6
PERCENTILES = (5, 25, 50, 75, 95)


def measure(bench: Workbench) -> Json:
    """Cosine similarity by layer, over all tokens and by whether the code changed."""
    settings = bench.settings
    (probe,) = bench.run_all([ProbeRequest(settings.clips, settings.frames)])
    layers = range(probe.cosine.shape[1])
    return {
        "num_pairs_per_layer": int(probe.changed.size),
        "changed_share": float(probe.changed.mean()),
        "layers": [_measure_layer(probe, layer_index) for layer_index in layers],
    }


def _measure_layer(probe: Probe, layer_index: int) -> Json:
    cosine = probe.cosine[:, layer_index]  # [J, B]
    percentiles = np.percentile(cosine, PERCENTILES)
    return {
        "layer": layer_index,
        "mean": float(cosine.mean()),
        "mean_error": compute_standard_error(cosine.mean(axis=0)),
        "percentiles": {
            str(rank): float(value) for rank, value in zip(PERCENTILES, percentiles, strict=True)
        },
        "changed_mean": _get_mean(cosine[probe.changed]),
        "unchanged_mean": _get_mean(cosine[~probe.changed]),
        "share_above_claim": float((cosine > CLAIMED_COSINE).mean()),
    }


def _get_mean(cosines: Values) -> float | None:
    return float(cosines.mean()) if cosines.size else None


def describe(result: Json) -> Finding:
    """The finding."""
    layers = result["layers"]
    means = [layer["mean"] for layer in layers]
    above = [mean > CLAIMED_COSINE for mean in means]
    lowest, highest = int(np.argmin(means)), int(np.argmax(means))
    spread = (
        f"mean cosine {means[lowest]:.2f} (layer {lowest}) to {means[highest]:.2f} "
        f"(layer {highest})"
    )
    if all(above):
        opening, stance = f"All {len(layers)} layers lie above {CLAIMED_COSINE}", Stance.AGREES
    elif any(above):
        below = [str(index) for index, is_above in enumerate(above) if not is_above]
        word = "layer" if len(below) == 1 else "layers"
        opening = f"{word.capitalize()} {join_words(below)} lie at or below {CLAIMED_COSINE}"
        opening = opening.replace(" lie ", " lies ") if len(below) == 1 else opening
        stance = Stance.PARTLY
    else:
        opening, stance = f"No layer lies above {CLAIMED_COSINE}", Stance.CONTRADICTS
    rows = [
        (
            str(layer["layer"]),
            f"{layer['mean']:.3f} ± {layer['mean_error']:.3f}",
            *(f"{layer['percentiles'][str(rank)]:.3f}" for rank in (5, 50, 95)),
            _to_cell(layer["unchanged_mean"]),
            _to_cell(layer["changed_mean"]),
        )
        for layer in layers
    ]
    header = ("layer", "mean", "5th percentile", "median", "95th percentile")
    return Finding(
        KEY,
        "How similar are MLP outputs of adjacent frames?",
        f"{opening}: {spread}.",
        f"the cosine similarity exceeds {CLAIMED_COSINE} in all 32 layers.",
        stance,
        (Table((*header, "same code", "changed code"), rows),),
        (
            f"{result['num_pairs_per_layer']:,} pairs per layer; in "
            f"{100 * result['changed_share']:.1f} % of them the fed code differs from the one at "
            "the same place one frame earlier.",
        ),
    )


def _to_cell(mean: float | None) -> str:
    return "-" if mean is None else f"{mean:.3f}"


def draw(result: Json, path: Path) -> None:
    """Percentile boxes by layer, with the means of changed and unchanged places."""
    figure, (panel,) = make_panels(1)
    boxes = []
    for layer in result["layers"]:
        ranks = [layer["percentiles"][str(rank)] for rank in PERCENTILES]
        names = ("whislo", "q1", "med", "q3", "whishi")
        boxes.append(dict(zip(names, ranks, strict=True)) | {"fliers": []})
    places = list(range(len(boxes)))
    panel.bxp(boxes, positions=places, showfliers=False, widths=0.4)
    for field, marker, label in (
        ("unchanged_mean", "^", "mean, same code"),
        ("changed_mean", "v", "mean, changed code"),
    ):
        shown = [
            (place, layer[field])
            for place, layer in zip(places, result["layers"], strict=True)
            if layer[field] is not None
        ]
        panel.plot(*zip(*shown, strict=True), marker, linestyle="none", label=label)
    panel.axhline(
        CLAIMED_COSINE, color="black", linestyle="--", linewidth=1, label="the paper's 0.6"
    )
    panel.set_xticks(places, [str(layer["layer"]) for layer in result["layers"]])
    title = "boxes: quartiles, whiskers: 5th and 95th percentile"
    label_panel(panel, title, "layer", "cosine of MLP outputs, adjacent frames")
    add_legend(figure, panel, columns=3)
    save_figure(figure, path)
