"""The report of a co-simulation as one JSON object."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Protocol

from fastcar.cosim.cycles.timeline import PHASES
from fastcar.cosim.lockstep import LockstepError
from fastcar.cosim.request import CosimRequest
from fastcar.cosim.run import Cosim
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import FastCarError
from fastcar.reference.files.json_file import to_json_number
from fastcar.reference.gates.gate import ThresholdGate
from fastcar.reference.inert import list_warnings
from fastcar.reference.records import ReplayRecord
from fastcar.reference.thresholds import spread_thresholds

Report = dict[str, Any]

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; new fields leave it."""


class Decided(Protocol):
    """What a co-simulation of any scope was asked for, and what was decided in it."""

    @property
    def request(self) -> CosimRequest:
        """What is simulated."""

    @property
    def model(self) -> ClipModel:
        """What decodes."""

    @property
    def window(self) -> range:
        """Generated indices of the simulated tokens."""

    @property
    def gate(self) -> ThresholdGate | None:
        """What decides; None if nothing does."""

    @property
    def record(self) -> ReplayRecord:
        """Decisions of the simulated tokens."""


def build_report(cosim: Cosim, failure: FastCarError | None = None) -> Report:
    """What a co-simulation found; everything of it is JSON.

    Args:
        cosim: after `run_cosim`.
        failure: the error that ended it, if one did.
    """
    statistics, totals = cosim.statistics, cosim.statistics.totals
    num_records = totals["decisions"] + totals["retirements"]
    return {
        "schema_version": SCHEMA_VERSION,
        "equal": failure is None,
        "failure": None if failure is None else str(failure),
        "difference": asdict(failure.difference) if isinstance(failure, LockstepError) else None,
        "request": describe_request(cosim),
        "accelerator": cosim.config.sizes,
        "runs": totals["runs"],
        "records": {
            "compared": num_records + isinstance(failure, LockstepError),
            "equal": num_records,
            "decisions": totals["decisions"],
            "retirements": totals["retirements"],
        },
        "warnings": list_run_warnings(cosim, totals["runs"]),
        "replay_ratio": divide(totals["replayed"], totals["decisions"]),
        "layers": [{"layer": layer, **sums} for layer, sums in sorted(statistics.layers.items())],
        "cycles": _describe_cycles(cosim),
        "core_cycles": _describe_core_cycles(cosim),
        "compute_cycles": dict(statistics.compute_cycles.most_common()),
        "mac": _describe_mac(cosim),
        "stalls": describe_stalls(statistics.cores, totals),
        "dropped": totals["dropped"],
        "cores": [_describe_core(cosim, number) for number in range(cosim.config.num_cores)],
        "bytes": describe_bytes(statistics.cores, cosim.config.beat_bytes),
        "timeline": _describe_timeline(cosim),
        "simulation": {
            "seconds": cosim.simulation_seconds,
            "cycles_per_second": divide(totals["cycles"], cosim.simulation_seconds),
        },
    }


def list_run_warnings(cosim: Decided, num_runs: int) -> list[str]:
    """Lines on a run whose decisions say nothing; none under a mode that decides nothing."""
    if cosim.gate is None or not num_runs:
        return []
    record, chosen = cosim.record, cosim.request.tau
    thresholds: Sequence[float | None] = ()
    if chosen is not None:
        thresholds = spread_thresholds("tau", chosen, record.replayed.shape[1])
    return list_warnings(record.eligible, record.replayed, record.measures, thresholds)


def describe_request(cosim: Decided) -> Report:
    """What was asked for, and what was chosen where nobody asked."""
    request = cosim.request
    return {
        "model": cosim.model.name,
        "backend": request.backend,
        "mode": request.mode.value,
        "source": request.source.value,
        "tau": None if request.tau is None else [to_json_number(one) for one in request.tau],
        "target_ratio": _get_target(cosim),
        "budget": request.budget,
        "thresholds": _describe_thresholds(cosim),
        "latency": request.latency,
        "stall": request.stall,
        "window": request.window,
        "sinks": request.sinks,
        "seed": request.seed,
        "first_token": cosim.window.start,
        "tokens": len(cosim.window),
        "given_frames": request.given_frames,
        "calibration_clips": request.calibration_clips,
    }


def _describe_timeline(cosim: Cosim) -> Report | None:
    timeline = cosim.statistics.timeline
    if timeline is None:
        return None
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in asdict(timeline).items()
    }


def _get_target(cosim: Decided) -> float | None:
    """Ratio that was calibrated to; None where the thresholds were given or nothing decides."""
    is_calibrated = cosim.gate is not None and cosim.request.tau is None
    return cosim.request.get_ratio(cosim.model.config) if is_calibrated else None


def _describe_thresholds(cosim: Decided) -> list[float | str | None]:
    """Of every layer, in floats; empty if nothing decides."""
    if cosim.gate is None:
        return []
    thresholds = cosim.gate.thresholds
    return [
        to_json_number(float(thresholds.get(index))) if thresholds.is_active(index) else None
        for index in range(thresholds.num_layers)
    ]


def _describe_cycles(cosim: Cosim) -> Report:
    """Measured, its bounds, and what the cycle model says of other modes for the same decisions.

    The cycle model's memory does not stall.
    """
    totals = cosim.statistics.totals
    dense = cosim.dense_cycles * totals["runs"]
    return {
        "measured": totals["cycles"],
        "fewest": totals["fewest_cycles"],
        "most": totals["most_cycles"],
        "drs": totals["drs_cycles"],
        "static": totals["static_cycles"],
        "dense": dense,
        "speed_up_against_dense": divide(dense, totals["cycles"]),
        "static_against_drs": divide(totals["static_cycles"], totals["drs_cycles"]),
        "rounds": totals["rounds"],
    }


def _describe_core_cycles(cosim: Cosim) -> Report:
    """Core-cycles by phase; together C times the cycles.

    `stalled` is what random stalls add to the other phases.
    """
    statistics = cosim.statistics
    available = statistics.totals["cycles"] * cosim.config.num_cores
    phases = {phase: statistics.phase_cycles[phase] for phase in (*PHASES.values(), "stalled")}
    totals = statistics.totals
    return {
        **phases,
        "idle": available - sum(phases.values()),
        "per_computed_slot": divide(phases["compute"], totals["computed"]),
        "per_replayed_slot": divide(phases["replay"], totals["replayed"]),
    }


def _describe_mac(cosim: Cosim) -> Report:
    statistics = cosim.statistics
    busy = sum(core["mac_busy"] for core in statistics.cores)
    available = statistics.totals["cycles"] * cosim.config.num_cores
    compute = statistics.phase_cycles["compute"]
    return {
        "busy": busy,
        "utilisation": divide(busy, available),
        "utilisation_computing": divide(statistics.phase_macs["compute"], compute),
    }


def _describe_core(cosim: Cosim, number: int) -> Report:
    core, num_bytes = cosim.statistics.cores[number], cosim.config.beat_bytes
    phases = {phase: core[phase] for phase in (*PHASES.values(), "stalled")}
    names = "computed", "replayed", "dispatched", "mac_busy", "read_stall", "write_stall"
    return {
        "core": number,
        **phases,
        "idle": cosim.statistics.totals["cycles"] - sum(phases.values()),
        **{name: core[name] for name in names},
        "read_bytes": core["read_beats"] * num_bytes,
        "written_bytes": core["written_beats"] * num_bytes,
    }


def describe_stalls(cores: Sequence[Counter[str]], totals: Counter[str]) -> dict[str, int]:
    """Cycles of waiting: cores for memory, all of them together, and the dispatcher."""
    return {
        "read": sum(core["read_stall"] for core in cores),
        "write": sum(core["write_stall"] for core in cores),
        "wait_decision": totals["wait_decision"],
        "wait_queue": totals["wait_queue"],
    }


def describe_bytes(cores: Sequence[Counter[str]], beat_bytes: int) -> dict[str, int]:
    """What all cores read from memory and wrote to it."""
    return {
        way: sum(core[f"{way}_beats"] for core in cores) * beat_bytes for way in ("read", "written")
    }


def divide(part: float, whole: float) -> float | None:
    """None where there is nothing to divide by."""
    return part / whole if whole else None
