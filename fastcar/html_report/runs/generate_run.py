"""A run of `fastcar generate` (docs/report_schema.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fastcar.html_report.fields import Fields
from fastcar.html_report.runs.run import Origin, read_origin
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe_path
from fastcar.run_records import RECORDS_NAME, RunRecords, read_records


@dataclass(frozen=True)
class Quality:
    """Frames of a run against others.

    Attributes:
        first_frame: first one that counts.
        psnr_decibels: over all frames; 100 if all are the same.
        ssim: mean.
        psnr_by_frame: from `first_frame` on.
        ssim_by_frame: likewise.
    """

    first_frame: int
    psnr_decibels: float
    ssim: float
    psnr_by_frame: list[float]
    ssim_by_frame: list[float]


@dataclass(frozen=True)
class GenerateRun:
    """Videos, decisions and time of a run.

    Attributes:
        origin: where it came from.
        model: name of its directory.
        gate: name.
        method: how its thresholds were found.
        thresholds: per layer.
        measure_kind: what the gate compares; None for nothing.
        ratio: replayed share of all decisions; None without any.
        saved_share: of the MLP multiplications, what gate and correction cost deducted.
        by_layer: ratio of every layer.
        by_frame: ratio of every frame.
        age_shares: share of the decisions by age of the output that was used.
        curve: thresholds and ratios of the calibration.
        quality: by name of the comparison.
        seconds: decode time by part, dense and with replay.
        speed_up: measured.
        tokens_per_frame: N.
        titles: of the videos.
        warnings: lines of the report.
        records: frames and decisions; None where the run is older than they are.
    """

    origin: Origin
    model: str
    gate: str
    method: str
    thresholds: list[float | None]
    measure_kind: str | None
    ratio: float | None
    saved_share: float | None
    by_layer: list[float | None]
    by_frame: list[float | None]
    age_shares: list[float]
    curve: list[tuple[float | None, float]]
    quality: dict[str, Quality]
    seconds: dict[str, dict[str, float]]
    speed_up: float | None
    tokens_per_frame: int
    titles: tuple[str, ...]
    warnings: tuple[str, ...]
    records: RunRecords | None

    @property
    def description(self) -> str:
        """Gate, threshold and ratio in a few words."""
        values = ["none" if value is None else f"{value:.4g}" for value in self.thresholds]
        shown = ", ".join(values[:1] if len(set(values)) == 1 else values) or self.method
        ratio = "nothing decided" if self.ratio is None else f"{100 * self.ratio:.1f} % replayed"
        return f"gate {self.gate}, threshold {shown}, {ratio}"


def is_generate(values: dict[str, object]) -> bool:
    """Whether a report is one of `fastcar generate`."""
    return {"videos", "gate", "replay", "request"} <= values.keys()


def read_generate(path: Path, label: str, fields: Fields) -> GenerateRun:
    """Read report and records.

    Raises:
        CheckpointError: a field or an array that cannot be.
    """
    gate, replay, model = fields.get("gate"), fields.get("replay"), fields.get("model")
    directory = model.get_text("directory")
    settings = {
        **fields.get("request").values,
        "model": directory,
        "dtype": model.get_text("dtype"),
    }
    if fields.has("engine"):
        settings["computed by"] = fields.get_text("engine")
    videos = fields.get_objects("videos")
    time, measures = fields.get("time"), fields.get("measures")
    run = GenerateRun(
        origin=read_origin(path, label, fields, settings),
        model=Path(directory).name,
        gate=gate.get_text("name"),
        method=gate.get_text("method"),
        thresholds=gate.get_thresholds("thresholds"),
        measure_kind=measures.get_text("kind") if measures.has("kind") else None,
        ratio=replay.find_number("ratio"),
        saved_share=fields.get("mlp_work").find_number("saved_share"),
        by_layer=replay.find_numbers("by_layer"),
        by_frame=replay.find_numbers("by_frame"),
        age_shares=fields.get("staleness").get_numbers("shares"),
        curve=_read_curve(gate),
        quality=_read_quality(fields.get("quality")),
        seconds={kind: time.get_amounts(f"{kind}_seconds") for kind in ("dense", "replay")},
        speed_up=time.find_number("speed_up"),
        tokens_per_frame=model.get_count("tokens_per_frame"),
        titles=tuple(_get_title(video) for video in videos),
        warnings=_read_warnings(fields),
        records=_read_records(path, fields),
    )
    _check_records(run)
    return run


def _get_title(video: Fields) -> str:
    label = video.get_text("label")
    prompt = video.get_text("prompt") if video.has("prompt") else label
    return label if prompt == label else f"{label} ({prompt})"


def _read_warnings(fields: Fields) -> tuple[str, ...]:
    lines = fields.values.get("warnings", [])
    return tuple(str(line) for line in lines) if isinstance(lines, list) else ()


def _read_curve(gate: Fields) -> list[tuple[float | None, float]]:
    if not gate.has("curve"):
        return []
    curve = gate.get("curve")
    pairs = zip(curve.get_thresholds("thresholds"), curve.get_numbers("ratios"), strict=False)
    return list(pairs)


def _read_quality(quality: Fields) -> dict[str, Quality]:
    found = {}
    for name in quality.values:
        if quality.has(name):
            one = quality.get(name)
            found[name] = Quality(
                one.get_count("first_frame"),
                one.get_number("psnr_decibels"),
                one.get_number("ssim"),
                one.get_numbers("psnr_decibels_by_frame"),
                one.get_numbers("ssim_by_frame"),
            )
    return found


def _read_records(path: Path, fields: Fields) -> RunRecords | None:
    """The arrays beside the report, whatever name it says; older runs have none."""
    return read_records(path.parent / RECORDS_NAME) if fields.has("records") else None


def _check_records(run: GenerateRun) -> None:
    """Refuse arrays of another run: videos, layers, frames and tokens must be those reported."""
    records = run.records
    if records is None:
        return
    videos, frames = records.dense_frames.shape[:2]
    steps, layers, rows = records.measures.shape
    found = (videos, frames, layers, steps, rows % max(videos, 1))
    tokens = max(frames * run.tokens_per_frame - 1, 0)
    wanted = (len(run.titles), len(run.by_frame), len(run.by_layer), tokens, 0)
    if found != wanted:
        place = describe_path(run.origin.path.parent / RECORDS_NAME)
        names = "videos, frames, layers, tokens, odd rows"
        raise CheckpointError(place, f"{names} {found}", f"those of the report, {wanted}")
