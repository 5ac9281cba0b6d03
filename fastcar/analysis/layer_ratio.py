"""Which layers replay more under one threshold for all?"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import label_panel, make_panels, save_figure
from fastcar.analysis.finding import Finding, Json, Stance, Table, to_percent
from fastcar.analysis.statistics import compare
from fastcar.analysis.threshold_curve import make_sweep
from fastcar.metrics import Values

KEY = "layer_ratio"


def measure(bench: Workbench) -> Json:
    """Ratio by layer of every run of the threshold curve; the same runs, not new ones."""
    _, runs = make_sweep(bench)
    rows = []
    for summary in bench.run_all(runs):
        outer = summary.layer_ratios[:, [0, -1]]  # [clips, 2]
        middle = get_middle(summary.layer_ratios.T).mean(axis=0)  # [clips]
        contrasts = [compare(outer[:, side], middle) for side in (0, 1)]
        rows.append(
            {
                "ratio": summary.ratio,
                "layer_ratios": [float(share) for share in summary.layer_ratios.mean(axis=0)],
                "first_minus_middle": contrasts[0].difference,
                "last_minus_middle": contrasts[1].difference,
                "verdicts": [contrast.verdict.value for contrast in contrasts],
            }
        )
    return {"rows": rows}


def get_middle(layers: Values) -> Values:
    """Entries of the layers between first and last; all of them if there are only two."""
    return layers[1:-1] if len(layers) > 2 else layers


def get_middle_row(result: Json) -> Json:
    """The run whose ratio is nearest to one half: at the ends all layers agree."""
    row: Json = min(result["rows"], key=lambda row: abs(row["ratio"] - 0.5))
    return row


def describe(result: Json) -> Finding:
    """The finding."""
    row = get_middle_row(result)
    ratios, verdicts = row["layer_ratios"], row["verdicts"]
    words = {"higher": "more", "lower": "less", "undecided": "neither more nor less"}
    between = get_middle(np.array(ratios))
    answer = (
        f"At {to_percent(row['ratio'])} overall the first layer replays {words[verdicts[0]]} "
        f"({to_percent(ratios[0])}) and the last {words[verdicts[1]]} ({to_percent(ratios[-1])}) "
        f"than the layers between ({to_percent(float(between.mean()))} on average)."
    )
    if verdicts == ["higher", "higher"] and min(ratios[0], ratios[-1]) > between.max():
        stance = Stance.AGREES
    elif "higher" in verdicts:
        stance = Stance.PARTLY
    elif verdicts == ["undecided", "undecided"]:
        stance = Stance.UNDECIDED
    else:
        stance = Stance.CONTRADICTS
    header = ("overall", *(f"layer {index}" for index in range(len(ratios))))
    table_rows = [
        (to_percent(entry["ratio"]), *(to_percent(share) for share in entry["layer_ratios"]))
        for entry in result["rows"][1:]
    ]
    return Finding(
        KEY,
        "Which layers replay more under one threshold?",
        answer,
        "shallow and deep layers replay more than middle ones.",
        stance,
        (Table(header, table_rows),),
        ("More and less mean a difference of more than two standard errors, paired across clips.",),
    )


def draw(result: Json, path: Path) -> None:
    """One line per threshold."""
    figure, (panel,) = make_panels(1)
    inner = result["rows"][1:-1]
    for index, row in enumerate(inner):
        shade = 0.15 + 0.75 * index / max(1, len(inner) - 1)
        layers = range(len(row["layer_ratios"]))
        heights = [100 * share for share in row["layer_ratios"]]
        label = to_percent(row["ratio"], 0)
        panel.plot(layers, heights, "o-", color=(0.0, 0.45 * shade, shade), label=label)
    panel.set_xticks(range(len(result["rows"][0]["layer_ratios"])))
    label_panel(panel, "TAS, one threshold for all layers", "layer", "replayed tokens [%]")
    panel.legend(title="overall", fontsize=7, title_fontsize=8)
    save_figure(figure, path)
