"""A run of `fastcar cosim`, of layers or of the whole decoder (docs/cosim_schema.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.run import Origin, read_origin

MLP_PHASES = ("decide", "compute", "replay", "stalled", "idle")
DECODER_PHASES = ("attention", "mlp", "pick", "idle")


@dataclass(frozen=True)
class Span:
    """What a core does for a slot, from cycle to cycle, both included."""

    core: int
    slot: int
    phase: str
    first_cycle: int
    last_cycle: int


@dataclass(frozen=True)
class Timeline:
    """One layer under both mappings.

    Attributes:
        layer_index: l.
        token_index: j.
        spans: by mapping, static and drs.
        cycles: of the layer, by mapping.
    """

    layer_index: int
    token_index: int
    spans: dict[str, list[Span]]
    cycles: dict[str, int]


@dataclass(frozen=True)
class CosimRun:
    """Cycles of the accelerator.

    Attributes:
        origin: where it came from.
        is_decoder: whether it ran from token to token.
        is_equal: hardware and reference never differed.
        failure: what ended it early.
        description: model, sizes and ratio.
        runs: layers, or tokens of the decoder.
        cycles: by name: measured, dense, and those of the mappings.
        phases: core-cycles by phase, or by section of the decoder.
        cores: of every core, phases and stalls by name.
        stalls: cycles spent waiting, by who waits; of the decoder only the cores'.
        timeline: of the layer that DRS shortens most; None for the decoder.
    """

    origin: Origin
    is_decoder: bool
    is_equal: bool
    failure: str | None
    description: str
    runs: int
    cycles: dict[str, int]
    phases: dict[str, int]
    cores: list[dict[str, int]]
    stalls: dict[str, int]
    timeline: Timeline | None


def is_cosim(values: dict[str, object]) -> bool:
    """Whether a report is one of `fastcar cosim`."""
    return {"accelerator", "equal", "cores", "core_cycles"} <= values.keys()


def read_cosim(path: Path, label: str, fields: Fields) -> CosimRun:
    """Read a report.

    Raises:
        CheckpointError: a field that cannot be.
    """
    is_decoder = fields.values.get("scope") == "decoder"
    names = DECODER_PHASES if is_decoder else MLP_PHASES
    cores, core_cycles = fields.get_objects("cores"), fields.get("core_cycles")
    stall_names = ("read_stall", "write_stall")
    settings = {**fields.get("request").values, **fields.get("accelerator").values}
    return CosimRun(
        origin=read_origin(path, label, fields, settings),
        is_decoder=is_decoder,
        is_equal=fields.get_flag("equal"),
        failure=fields.get_text("failure") if fields.has("failure") else None,
        description=_describe(fields),
        runs=fields.get_count("runs"),
        cycles=_read_cycles(fields.get("cycles")),
        phases={name: core_cycles.get_count(name) for name in names},
        cores=[{name: core.get_count(name) for name in (*names, *stall_names)} for core in cores],
        stalls=_read_stalls(fields, cores),
        timeline=_read_timeline(fields.get("timeline")) if fields.has("timeline") else None,
    )


def _describe(fields: Fields) -> str:
    sizes, ratio = fields.get("accelerator"), fields.find_number("replay_ratio")
    cores, lanes, slots = (sizes.get_count(f"num_{name}") for name in ("cores", "lanes", "slots"))
    shown = "nothing decided" if ratio is None else f"{100 * ratio:.1f} % replayed"
    return f"{cores} cores of {lanes} lanes, {slots} slots, {shown}"


def _read_cycles(cycles: Fields) -> dict[str, int]:
    names = ("measured", "drs", "static", "dense")
    return {name: cycles.get_count(name) for name in names if cycles.has(name)}


def _read_stalls(fields: Fields, cores: list[Fields]) -> dict[str, int]:
    if fields.has("stalls"):
        return fields.get_counts("stalls")
    return {way: sum(core.get_count(f"{way}_stall") for core in cores) for way in ("read", "write")}


def _read_timeline(timeline: Fields) -> Timeline:
    spans, cycles = {}, {}
    for mapping in ("static", "drs"):
        cycles[mapping] = timeline.get_count(f"{mapping}_cycles")
        spans[mapping] = [
            Span(
                span.get_count("core"),
                span.get_count("slot"),
                span.get_text("phase"),
                span.get_count("first_cycle"),
                span.get_count("last_cycle"),
            )
            for span in timeline.get_objects(mapping)
        ]
    layer, token = timeline.get_count("layer_index"), timeline.get_count("token_index")
    return Timeline(layer, token, spans, cycles)
