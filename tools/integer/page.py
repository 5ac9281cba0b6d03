"""Tables and claims of docs/integer_quality.md."""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.proofs.integer_mlp_steps import STEP_NAMES
from tools.integer.caches import ROUNDED
from tools.integer.measures import GATE_NAMES, Json
from tools.markdown import format_table
from tools.page import Claim, Page

TOP_1_TARGET = 0.99
WHOLE_TARGETS = {
    "dense": {"top_1_agreement": 0.999, "decision_agreement": 1.0, "nats": 0.0005},
    "tas": {"top_1_agreement": 0.99, "decision_agreement": 0.993, "nats": 0.02},
}
"""Of the whole decoder: least agreement, largest difference of nats."""
CACHE_TARGETS = {"top_1_agreement": 0.999, "nats": 0.0005}
"""Of dense runs with a cache in fewer bits, likewise."""
GATE_TITLES = {"dense": "dense", "tas": "SCORE (tas)", "input": "DISTANCE (input)"}


def make_tables(report: Json) -> dict[str, str]:
    """Every block of the page by name."""
    return {
        "forced": format_forced(report["gates"]),
        "generated": format_free(report["gates"]),
        "errors": format_errors(report),
        "whole forced": format_forced(report["whole"]),
        "whole generated": format_free(report["whole"]),
        "caches": format_caches(report["caches"]),
    }


def make_claims(report: Json) -> Iterator[Claim]:
    """Every claim of the page, section by section."""
    settings, errors = report["settings"], report["errors"]
    yield Claim(f"Model {report['model']['name']}; scales from {settings['calibration_clips']} ")
    yield Claim(f"{settings['clips']} held-out clips of {settings['frames']} frames.")
    yield Claim(f"those that replay {settings['ratio']:.0%} of all decisions")
    yield Claim(f"Target: at least {TOP_1_TARGET:.0%} of the tokens.")
    yield Claim(
        f"{settings['videos']} videos of {settings['frames']} frames drawn at temperature "
        f"{settings['temperature']} with equal seeds"
    )
    yield Claim(f"Dense run, {errors[0]['rows']} rows of every layer.")
    saturated = ", ".join(f"{entry['saturated']:.1e}" for entry in errors)
    layers = ", ".join(str(entry["layer"]) for entry in errors)
    yield Claim(
        f"At the end of the int16 range stand {saturated} of the numbers of layers {layers}."
    )
    dense, tas = WHOLE_TARGETS["dense"], WHOLE_TARGETS["tas"]
    yield Claim(
        f"dense at least {dense['top_1_agreement']:.1%} of the tokens and {dense['nats']} nats, "
        f"SCORE {tas['top_1_agreement']:.1%}, {tas['decision_agreement']:.1%} of the decisions and "
        f"{tas['nats']} nats. All are met.",
        not find_misses(report["whole"]),
    )
    top_1, nats = CACHE_TARGETS["top_1_agreement"], CACHE_TARGETS["nats"]
    yield Claim(f"take {report['caches']['exact']['bytes_per_token']} bytes of each token")
    yield Claim(
        f"at least {top_1:.1%} of the tokens and {nats} nats, which both meet.",
        not find_cache_misses(report["caches"]),
    )


def find_misses(whole: Json) -> list[str]:
    """Targets of the whole decoder that its teacher-forced runs miss."""
    misses = []
    for name, targets in WHOLE_TARGETS.items():
        forced = whole[name]["forced"]
        drift = abs(forced["nats_integer"] - forced["nats_float"])
        reached = {
            "top_1_agreement": forced["top_1_agreement"] >= targets["top_1_agreement"],
            "decision_agreement": forced["decision_agreement"] >= targets["decision_agreement"],
            "nats": drift <= targets["nats"],
        }
        misses += [f"{name}: {key}" for key, is_reached in reached.items() if not is_reached]
    return misses


def find_cache_misses(caches: Json) -> list[str]:
    """Caches whose dense runs miss their targets."""
    misses = []
    for storage in ROUNDED:
        forced = caches[storage.value]["gates"]["dense"]["forced"]
        drift = abs(forced["nats_integer"] - forced["nats_float"])
        is_near = forced["top_1_agreement"] >= CACHE_TARGETS["top_1_agreement"]
        if not is_near or drift > CACHE_TARGETS["nats"]:
            misses.append(storage.value)
    return misses


def format_caches(caches: Json) -> str:
    """Table of the teacher-forced runs with keys and values in fewer bits."""
    lines = []
    for storage in ROUNDED:
        cache = caches[storage.value]
        for name in GATE_NAMES:
            cells = list_forced(name, cache["gates"][name]["forced"])
            lines.append([storage.value, f"{cache['bytes_per_token']}", *cells])
    header = ["cache", "bytes", "gate", "top-1 agreement", "nats, exact", "with it", "decisions"]
    return format_table([*header, "replayed, exact", "with it"], lines)


def format_forced(gates: Json) -> str:
    """Table of the teacher-forced runs."""
    lines = [list_forced(name, gates[name]["forced"]) for name in GATE_NAMES]
    header = ["gate", "top-1 agreement", "nats, float", "integer", "decisions", "replayed, float"]
    return format_table([*header, "integer"], lines)


def list_forced(gate_name: str, forced: Json) -> list[str]:
    """Cells of a pair of teacher-forced runs."""
    return [
        GATE_TITLES[gate_name],
        f"{forced['top_1_agreement']:.3%}",
        f"{forced['nats_float']:.5f}",
        f"{forced['nats_integer'] - forced['nats_float']:+.5f}",
        f"{forced['decision_agreement']:.2%}" if gate_name != "dense" else "-",
        f"{forced['ratio_float']:.2%}",
        f"{forced['ratio_integer']:.2%}",
    ]


def format_free(gates: Json) -> str:
    """Table of the generated videos."""
    lines = []
    for name in GATE_NAMES:
        free = gates[name]["free"]
        shares = [f"{free[key]:.1%}" for key in ("same_tokens", "same_videos")]
        decibels = [
            f"{free[key]:.1f}"
            for key in ("psnr_mean_db", "psnr_first_frame_db", "psnr_worst_frame_db")
        ]
        lines.append([GATE_TITLES[name], *shares, *decibels])
    header = ["gate", "equal tokens", "equal videos", "PSNR, dB", "first frame", "worst frame"]
    return format_table(header, lines)


def format_errors(report: Json) -> str:
    """Table of errors and bounds."""
    lines = []
    for entry in report["errors"]:
        for name in STEP_NAMES:
            step = entry["steps"][name]
            numbers = [step[key] for key in ("mean_error", "largest_error", "largest_bound")]
            cells = [f"{number:.2e}" for number in numbers]
            lines.append([f"{entry['layer']}", name, *cells, f"{step['largest_ratio']:.3f}"])
    header = ["layer", "step", "mean error", "largest error", "largest bound", "share of its bound"]
    return format_table(header, lines)


PAGE = Page("integer_quality.md", make_tables, make_claims)
