"""Where does the decode time go, dense and with replay?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from fastcar.analysis.bench import Workbench
from fastcar.analysis.figures import add_legend, label_panel, make_panels, save_figure
from fastcar.analysis.finding import Finding, Json, Stance, Table, to_percent
from fastcar.analysis.runs import RunRequest, Setup
from fastcar.reference.config import ModelConfig
from fastcar.reference.laps import PARTS

KEY = "decode_time"
PAPER_SIZES = {"hidden": 4096, "inner": 11008, "kv_width": 4096, "mean_context_tokens": 1024}
"""The paper's 7B body: 8 frames of 256 tokens, so a token sees 1,024 keys on average."""


def measure(bench: Workbench) -> Json:
    """Time by part for each batch size, dense and at the few ratios.

    These runs go one after the other in this process: several at once would share caches.
    """
    settings = bench.settings
    setup = Setup("tas")
    (calibrated,) = bench.calibrate([setup], settings.ratios)
    rows = []
    for batch in settings.batch_rows:
        requests = [RunRequest(batch, settings.frames)]
        for ratio in settings.few_ratios:
            thresholds = calibrated[ratio].thresholds
            requests.append(RunRequest(batch, settings.frames, setup, thresholds))
        for request in requests:
            clips = min(request.clips, len(bench.model.load_rows("held_out")))
            summary = replace(request, clips=clips).execute(bench.model)
            rows.append({"batch": clips, "ratio": summary.ratio, "seconds": summary.seconds})
    config = bench.model.config
    context = settings.frames * bench.model.tokens_per_frame / 2
    return {
        "rows": rows,
        "mlp_share_of_products": compute_mlp_share(*_get_sizes(config), context),
        "mlp_share_of_products_at_7b": compute_mlp_share(*PAPER_SIZES.values()),
    }


def _get_sizes(config: ModelConfig) -> tuple[int, int, int]:
    kv_width = config.num_key_value_heads * config.head_dim
    return config.hidden_size, config.intermediate_size, kv_width


def compute_mlp_share(hidden: int, inner: int, kv_width: int, mean_context_tokens: float) -> float:
    """Share of the MLP in the multiplications of one decoder layer and token.

    MLP 3 D F; attention: projections 2 D D + 2 D D_kv, scores and context 2 D each key.

    >>> round(compute_mlp_share(4096, 11008, 4096, 1024), 2)
    0.64
    """
    mlp = 3 * hidden * inner
    attention = 2 * hidden * (hidden + kv_width) + 2 * hidden * mean_context_tokens
    return mlp / (mlp + attention)


def get_shares(row: Json) -> dict[str, float]:
    """Share of each part in the time of a run."""
    total = sum(row["seconds"].values())
    return {part: row["seconds"][part] / total for part in PARTS}


def describe(result: Json) -> Finding:
    """The finding."""
    rows = result["rows"]
    dense = {row["batch"]: row for row in rows if row["ratio"] == 0}
    largest = max(dense)
    shares = get_shares(dense[largest])
    first = max(shares, key=lambda part: shares[part])
    verb = "takes most of" if shares[first] > 0.5 else "takes the largest part of"
    name = "the MLP" if first == "mlp" else first
    answer = (
        f"At batch {largest}, {name} {verb} the dense decode time ({to_percent(shares[first])}); "
        f"the MLP has {to_percent(shares['mlp'])}, the score {to_percent(shares['score'])}."
    )
    table_rows = []
    for row in rows:
        total = sum(row["seconds"].values())
        dense_total = sum(dense[row["batch"]]["seconds"].values())
        parts = get_shares(row)
        cells = [to_percent(parts[part]) for part in PARTS]
        table_rows.append(
            (
                f"{row['batch']}",
                "dense" if row["ratio"] == 0 else to_percent(row["ratio"]),
                *cells,
                f"{total:.2f}",
                f"{dense_total / total:.2f}",
            )
        )
    header = ("batch", "replayed", *PARTS, "seconds", "speed-up")
    return Finding(
        KEY,
        "Where does the decode time go?",
        answer,
        "MLP modules, not attention, dominate the latency of decoding.",
        Stance.AGREES if first == "mlp" else Stance.CONTRADICTS,
        (Table(header, table_rows),),
        (
            f"Of the multiplications of a layer, {to_percent(result['mlp_share_of_products'])} "
            "belong to the MLP here; the same count at the paper's 7B sizes gives "
            f"{to_percent(result['mlp_share_of_products_at_7b'])}. The time is that of the NumPy "
            "reference with TAS, one run each; `make bench` measures speed-up at larger widths.",
        ),
    )


def draw(result: Json, path: Path) -> None:
    """Stacked bars: seconds by part."""
    batches = sorted({row["batch"] for row in result["rows"]})
    figure, panels = make_panels(len(batches))
    for panel, batch in zip(panels, batches, strict=True):
        rows = [row for row in result["rows"] if row["batch"] == batch]
        labels = ["dense" if not row["ratio"] else to_percent(row["ratio"], 0) for row in rows]
        base = [0.0] * len(rows)
        for part in PARTS:
            heights = [row["seconds"][part] for row in rows]
            panel.bar(labels, heights, bottom=base, label=part, width=0.6)
            base = [low + height for low, height in zip(base, heights, strict=True)]
        label_panel(panel, f"batch {batch}", "replayed tokens and layers", "decode time [s]")
    add_legend(figure, panels[0], columns=4)
    save_figure(figure, path)
