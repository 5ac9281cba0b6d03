"""`records.npz` of `fastcar generate`: frames and decisions, for `fastcar report` (D-68).

Its arrays are described in docs/report_schema.md. The file comes from anywhere, so the reader
believes nothing of it.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.generation import Generation, Pixels
from fastcar.reference.arrays import BoolArray
from fastcar.reference.errors import CheckpointError, FastCarError
from fastcar.reference.files.json_file import describe_path, get_file_size

RECORDS_NAME = "records.npz"
MAX_ARRAY_BYTES = 2**27
"""Largest array that is unpacked."""

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class RunRecords:
    """Frames of V videos, and decisions of S fed tokens in L layers and B rows.

    Attributes:
        dense_frames: [V, T, H, W], grey levels of the run without a gate.
        replay_frames: [V, T, H, W], of the run with replay.
        truth_frames: [V, F, H, W], F <= T; None where no clip is continued.
        measures: [S, L, B] float32, what the gate looked at; NaN where it looked at nothing.
        eligible: [S, L, B], decisions that may be a replay.
        replayed: [S, L, B], those that were.
        chains: [S, L, B] int32, age of the MLP output in frames; 0 = computed for this token.
    """

    dense_frames: Bytes
    replay_frames: Bytes
    truth_frames: Bytes | None
    measures: NDArray[np.float32]
    eligible: BoolArray
    replayed: BoolArray
    chains: NDArray[np.int32]

    def save(self, path: Path) -> None:
        """Write the arrays, deflated; equal arrays give equal files."""
        arrays: dict[str, Any] = {
            name: array for name, array in vars(self).items() if array is not None
        }
        np.savez_compressed(path, **arrays)


KINDS = {
    "dense_frames": (np.dtype(np.uint8), 4),
    "replay_frames": (np.dtype(np.uint8), 4),
    "truth_frames": (np.dtype(np.uint8), 4),
    "measures": (np.dtype(np.float32), 3),
    "eligible": (np.dtype(np.bool_), 3),
    "replayed": (np.dtype(np.bool_), 3),
    "chains": (np.dtype(np.int32), 3),
}
"""Type and number of dimensions of every array."""


def make_records(generation: Generation) -> RunRecords:
    """What a report shows of a run.

    Args:
        generation: of `fastcar.generate`.
    """
    record, truth = generation.replay.record, generation.truth_pixels
    with np.errstate(over="ignore"):  # a measure beyond float32 becomes infinite
        measures = record.measures.astype(np.float32)
    return RunRecords(
        to_grey_levels(generation.dense_pixels),
        to_grey_levels(generation.replay_pixels),
        None if truth is None else to_grey_levels(truth),
        measures,
        record.eligible,
        record.replayed,
        record.chains,
    )


def to_grey_levels(pixels: Pixels) -> Bytes:
    """[...] in [0, 1] to 0 .. 255.

    >>> to_grey_levels(np.array([0, 0.5, 2], np.float32)).tolist()
    [0, 128, 255]
    """
    levels: Bytes = (np.clip(pixels, 0, 1) * 255).round().astype(np.uint8)
    return levels


def read_records(path: Path) -> RunRecords:
    """Read what `RunRecords.save` wrote.

    Raises:
        CheckpointError: no such file, a damaged one, or arrays of other types or shapes.
    """
    get_file_size(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                if member.file_size > MAX_ARRAY_BYTES:
                    found, limit = f"{member.file_size} bytes", f"at most {MAX_ARRAY_BYTES} bytes"
                    raise CheckpointError(
                        f"{describe_path(path)}: {member.filename!r}", found, limit
                    )
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in KINDS if name in file.files}
    except (FastCarError, MemoryError):
        raise
    except Exception as error:  # damaged archives raise of everything: zlib, struct, tokenize, ...
        found = ascii(str(error) or type(error).__name__)
        raise CheckpointError(describe_path(path), found, "an .npz file of arrays") from error
    _check_kinds(path, arrays)
    records = RunRecords(**{"truth_frames": None, **arrays})
    _check_shapes(path, records)
    return records


def _check_kinds(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    for name, (dtype, dimensions) in KINDS.items():
        place = f"{describe_path(path)}: {name}"
        if name not in arrays:
            if name != "truth_frames":
                raise CheckpointError(place, "nothing", f"an array of {dtype}")
            continue
        array = arrays[name]
        if array.dtype != dtype or array.ndim != dimensions:
            limit = f"{dtype} of {dimensions} dimensions"
            raise CheckpointError(place, f"{array.dtype} of shape {array.shape}", limit)


def _check_shapes(path: Path, records: RunRecords) -> None:
    """All frames alike, all decisions alike; a clip may be shorter than its video."""
    frames, truth = records.dense_frames.shape, records.truth_frames
    wanted = {"replay_frames": (records.replay_frames.shape, frames)}
    if truth is not None:
        num_frames = min(truth.shape[1], frames[1])
        wanted["truth_frames"] = (truth.shape, (frames[0], num_frames, *frames[2:]))
    for name in ("eligible", "replayed", "chains"):
        wanted[name] = (getattr(records, name).shape, records.measures.shape)
    for name, (found, limit) in wanted.items():
        if found != limit:
            place = f"{describe_path(path)}: {name}"
            raise CheckpointError(place, f"shape {found}", f"of shape {limit}")
