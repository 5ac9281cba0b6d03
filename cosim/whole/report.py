"""The report of a co-simulation of the whole decoder as one JSON object."""

from __future__ import annotations

from dataclasses import asdict

from fastcar.cosim.lockstep import LockstepError
from fastcar.cosim.report import (
    SCHEMA_VERSION,
    Report,
    describe_bytes,
    describe_request,
    describe_stalls,
    divide,
    list_run_warnings,
)
from fastcar.cosim.whole.compare import SECTIONS
from fastcar.cosim.whole.run import DecoderCosim
from fastcar.reference.errors import FastCarError


def build_decoder_report(cosim: DecoderCosim, failure: FastCarError | None = None) -> Report:
    """What a co-simulation found; everything of it is JSON.

    Args:
        cosim: after `run_decoder_cosim`.
        failure: the error that ended it, if one did.
    """
    statistics, totals = cosim.statistics, cosim.statistics.totals
    num_records = totals["decisions"] + totals["retirements"]
    return {
        "schema_version": SCHEMA_VERSION,
        "scope": "decoder",
        "equal": failure is None,
        "failure": None if failure is None else str(failure),
        "difference": _describe_difference(failure),
        "request": {
            **describe_request(cosim),
            "temperature": cosim.request.temperature,
            "barrier": cosim.request.barrier,
        },
        "accelerator": cosim.config.sizes,
        "memory_bytes": cosim.engine.hardware.image.beats.nbytes,
        "runs": totals["runs"],
        "prompt_runs": totals["prompt_runs"],
        "records": {
            "compared": num_records + isinstance(failure, LockstepError),
            "equal": num_records,
            "decisions": totals["decisions"],
            "retirements": totals["retirements"],
        },
        "warnings": list_run_warnings(cosim, totals["runs"] - totals["prompt_runs"]),
        "replay_ratio": divide(totals["replayed"], totals["replayed"] + totals["computed"]),
        "layers": [
            {"layer": index, **{name: sums[name] for name in _LAYER_SUMS}}
            for index, sums in sorted(statistics.layers.items())
        ],
        "cycles": _describe_cycles(cosim),
        "core_cycles": _describe_core_cycles(cosim),
        "mac": _describe_mac(cosim),
        "stalls": describe_stalls(statistics.cores, totals),
        "dropped": totals["dropped"],
        "cores": [_describe_core(cosim, number) for number in range(cosim.config.num_cores)],
        "bytes": describe_bytes(statistics.cores, cosim.config.beat_bytes),
        "token_ids": cosim.token_ids.tolist(),
        "simulation": {
            "seconds": cosim.simulation_seconds,
            "cycles_per_second": divide(totals["cycles"], cosim.simulation_seconds),
        },
    }


_LAYER_SUMS = "attention", "mlp", "computed", "replayed"


def _describe_difference(failure: FastCarError | None) -> Report | None:
    if not isinstance(failure, LockstepError):
        return None
    return {"token": failure.run.token_index, **asdict(failure.difference)}


def _describe_cycles(cosim: DecoderCosim) -> Report:
    """Measured, its bounds, and what the cycle model says of the same tokens without replay.

    The cycle model's memory does not stall.
    """
    totals = cosim.statistics.totals
    num_tokens = totals["runs"] - totals["prompt_runs"]
    return {
        "measured": totals["cycles"],
        "fewest": totals["fewest_cycles"],
        "most": totals["most_cycles"],
        "prompt": totals["prompt_cycles"],
        "per_token": divide(totals["cycles"] - totals["prompt_cycles"], num_tokens),
        "dense": totals["dense_cycles"],
        "speed_up_against_dense": divide(totals["dense_cycles"], totals["cycles"]),
    }


def _describe_core_cycles(cosim: DecoderCosim) -> Report:
    """Core-cycles by section, together C times the cycles, and their shares."""
    available = cosim.statistics.totals["cycles"] * cosim.config.num_cores
    spent = {section: cosim.statistics.sections[section] for section in SECTIONS}
    spent["idle"] = available - sum(spent.values())
    shares = {name: divide(cycles, available) for name, cycles in spent.items()}
    return {**spent, "shares": shares}


def _describe_mac(cosim: DecoderCosim) -> Report:
    """Of all core-cycles, and of those within a section."""
    statistics = cosim.statistics
    busy = sum(core["mac_busy"] for core in statistics.cores)
    available = statistics.totals["cycles"] * cosim.config.num_cores
    return {
        "busy": busy,
        "utilisation": divide(busy, available),
        "utilisation_in_sections": divide(busy, sum(statistics.sections.values())),
    }


def _describe_core(cosim: DecoderCosim, number: int) -> Report:
    core, num_bytes = cosim.statistics.cores[number], cosim.config.beat_bytes
    sections = {section: core[section] for section in SECTIONS}
    names = "dispatched", "mac_busy", "read_stall", "write_stall"
    return {
        "core": number,
        **sections,
        "idle": cosim.statistics.totals["cycles"] - sum(sections.values()),
        **{name: core[name] for name in names},
        "read_bytes": core["read_beats"] * num_bytes,
        "written_bytes": core["written_beats"] * num_bytes,
    }
