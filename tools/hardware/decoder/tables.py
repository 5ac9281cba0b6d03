"""Tables of docs/decoder_hardware.md."""

from __future__ import annotations

from typing import Any

from tools.hardware.decoder.counting import SECTIONS
from tools.hardware.decoder.settings import MODES, Json
from tools.hardware.tables import SOURCE_TITLES
from tools.markdown import format_rows, format_table

SECTION_TITLES = {"attention": "attention", "mlp": "MLP phase", "pick": "head and PICK"}
COMPLETE_MARK = "*"


def get_busy(dense: Json) -> int:
    """Core cycles with an instruction."""
    return sum(dense["busy"].values())


def get_utilisation(dense: Json) -> float:
    """MAC beats per busy core cycle."""
    return float(sum(dense["mac_beats"].values()) / get_busy(dense))


def get_speed_up(counted: Json) -> float:
    """Cycles of the same tokens of a dense run over those with replay."""
    return float(counted["dense_cycles"] / counted["cycles"])


def get_best_count(row: Json) -> Json:
    """All tokens where all were counted."""
    found: Json = row["complete"] or row["sampled"]
    return found


def find_row(report: Json, attention: str, source: str, ratio: float, mode: str) -> Json:
    """The numbers of one run."""
    wanted = attention, source, ratio, mode
    for row in report["replay"]:
        if (row["attention"], row["source"], row["target_ratio"], row["mode"]) == wanted:
            found: Json = row
            return found
    raise KeyError(wanted)


def list_places(report: Json) -> list[tuple[str, str, float]]:
    """Kind of attention, source and share of every run, in their order."""
    return list(
        dict.fromkeys(
            (row["attention"], row["source"], row["target_ratio"]) for row in report["replay"]
        )
    )


def title_attention(report: Json, attention: str) -> str:
    """What a token sees."""
    settings = report["settings"]
    return "full" if attention == "full" else f"{settings['window']} + {settings['sinks']}"


def bound_speed_ups(report: Json, row: Json) -> tuple[float, float]:
    """Largest speed-ups: with cores that never idle, and with replays that take no time at all.

    Both over the tokens that are counted in every mode. The second is Amdahl's law with the share
    of the MLP phase in the busy core cycles of a dense run.
    """
    counted, dense = row["sampled"], report["dense"][row["attention"]]["barrier dynamic"]
    idle_free = counted["dense_cycles"] * report["config"]["num_cores"] / counted["busy"]
    share = dense["busy"]["mlp"] / get_busy(dense)
    replayed = 1 - counted["computing"] / counted["slots"]
    return idle_free, 1 / (1 - share * replayed)


def format_area(report: Json) -> str:
    """Cells of one core with attention and without."""
    families = {"xilinx": "UltraScale+", "ecp5": "ECP5"}
    lines = [
        [
            title,
            {"with": "with", "without": "without"}[name],
            *(f"{cells[family][kind]:,}" for kind in ("lut", "ff", "dsp", "bram")),
        ]
        for family, title in families.items()
        for name, cells in report["area"].items()
    ]
    header = ["family", "attention", "LUT", "flip-flops", "DSP", "block RAM"]
    return format_table(header, lines)


def format_dense(report: Json) -> str:
    """Cycles of dense videos and where the cores spend them."""
    dense = report["dense"]
    first = [modes["barrier dynamic"] for modes in dense.values()]
    lines = [
        [
            f"cycles, {kind}",
            *(f"{modes[f'{kind} dynamic']['cycles']:,}" for modes in dense.values()),
        ]
        for kind in ("barrier", "flow")
    ]
    cores = report["config"]["num_cores"]
    lines.append(["busy core cycles / C", *(f"{get_busy(one) // cores:,}" for one in first)])
    for key in SECTIONS:
        shares = [f"{one['busy'][key] / get_busy(one):.1%}" for one in first]
        lines.append([f"{SECTION_TITLES[key]}, of the busy core cycles", *shares])
    lines.append(
        ["MAC beats, of the busy core cycles", *(f"{get_utilisation(one):.2%}" for one in first)]
    )
    for key in SECTIONS:
        shares = [f"{one['mac_beats'][key] / one['busy'][key]:.2%}" for one in first]
        lines.append([f"in {SECTION_TITLES[key]}", *shares])
    return format_table(["attention", *(title_attention(report, one) for one in dense)], lines)


def format_opcodes(report: Json) -> str:
    """Busy core cycles of dense videos by instruction, those without a MAC beat aside."""
    found = [modes["barrier dynamic"] for modes in report["dense"].values()]
    header, lines = ["instruction"], []
    for attention in report["dense"]:
        header += [title_attention(report, attention), "without MAC"]
    for kind in (one["opcode"] for one in found[0]["opcodes"]):
        cells = [kind]
        for one in found:
            counts = next(entry for entry in one["opcodes"] if entry["opcode"] == kind)
            busy = get_busy(one)
            cells += [f"{counts[key] / busy:.2%}" for key in ("cycles", "without_mac")]
        lines.append(cells)
    return format_table(header, lines)


def format_replay(report: Json) -> str:
    """Speed-up of every run, in every mode."""
    modes = [mode.name for mode in MODES]
    lines = []
    for attention, source, ratio in list_places(report):
        rows = [find_row(report, attention, source, ratio, mode) for mode in modes]
        cells = [
            f"{get_speed_up(get_best_count(row)):.3f}" + (COMPLETE_MARK if row["complete"] else "")
            for row in rows
        ]
        bounds = [f"{one:.3f}" for one in bound_speed_ups(report, rows[0])]
        title = f"{title_attention(report, attention)}, {SOURCE_TITLES[source]}"
        lines.append([title, f"{rows[0]['replayed']:.1%}", *cells, *bounds])
    header = ["attention, decided by", "replayed", "barrier, DRS", "static", "flow, DRS", "static"]
    return format_table([*header, "never idle", "Amdahl"], lines)


def compute_gains(report: Json, attention: str, source: str, ratio: float) -> dict[str, float]:
    """Quotients of the cycles of the same tokens in two modes."""
    cycles = {
        mode.name: find_row(report, attention, source, ratio, mode.name)["sampled"]["cycles"]
        for mode in MODES
    }
    return {
        "drs_barrier": cycles["barrier static"] / cycles["barrier dynamic"],
        "drs_flow": cycles["flow static"] / cycles["flow dynamic"],
        "flow_drs": cycles["barrier dynamic"] / cycles["flow dynamic"],
        "flow_static": cycles["barrier static"] / cycles["flow static"],
    }


def format_gains(report: Json) -> str:
    """What DRS is worth, and what the barrier costs."""
    columns = {
        "attention, decided by": "{title}",
        "replayed": "{replayed:.1%}",
        "static / DRS, barrier": "{drs_barrier:.3f}",
        "static / DRS, flow": "{drs_flow:.3f}",
        "barrier / flow, DRS": "{flow_drs:.3f}",
        "barrier / flow, static": "{flow_static:.3f}",
    }
    rows: list[dict[str, Any]] = []
    for attention, source, ratio in list_places(report):
        row = find_row(report, attention, source, ratio, MODES[0].name)
        title = f"{title_attention(report, attention)}, {SOURCE_TITLES[source]}"
        gains = compute_gains(report, attention, source, ratio)
        rows.append({"title": title, "replayed": row["replayed"]} | gains)
    return format_rows(columns, rows)


def format_complete(report: Json) -> str:
    """The runs of which every token was counted."""
    columns = {
        "attention": "{title}",
        "layers": "{mode}",
        "cycles": "{cycles:,}",
        "cycles, dense": "{dense_cycles:,}",
        "speed-up": "{speed_up:.4f}",
        "of the sample": "{sampled_speed_up:.4f}",
    }
    rows = [
        {
            "title": title_attention(report, row["attention"]),
            "mode": row["mode"].partition(" ")[0],
            "speed_up": get_speed_up(row["complete"]),
            "sampled_speed_up": get_speed_up(row["sampled"]),
        }
        | row["complete"]
        for row in report["replay"]
        if row["complete"]
    ]
    return format_rows(columns, rows)


def format_scores(report: Json) -> str:
    """What it costs to decide, per token of a slot and layer, and per layer step."""
    lines = []
    for row in report["scores"]:
        window = (
            "full" if row["window"] is None else f"{row['window']} + {report['settings']['sinks']}"
        )
        cells = [f"{row[key][0]:,.2f} to {row[key][1]:,.2f}" for key in ("core_cycles", "cycles")]
        mode = row["mode"].partition(" ")[0]
        lines.append([f"{SOURCE_TITLES[row['source']]}, {window}", mode, *cells])
    return format_table(["decided by, attention", "layers", "core cycles", "cycles"], lines)


def format_lockstep(report: Json) -> str:
    """What was run on simulated hardware."""
    run = report["lockstep"]
    lines = [
        ["tokens of all slots, prompt included", f"{run['tokens']:,}"],
        ["cycles", f"{run['cycles']:,}"],
        ["records compared, all equal", f"{run['records']:,}"],
        ["decisions by a score", f"{run['decided']:,}"],
        ["replays", f"{run['replayed']:,}"],
        ["cycles per processor second", f"{run['cycles_per_second']:,.0f}"],
        ["all of it, processor seconds", f"{run['processor_seconds']:,.0f}"],
        ["load of the machine and its cores", f"{run['load']:.1f} of {run['processors']}"],
    ]
    return format_table(["run", "number"], lines)
