"""Files of the kit: inputs with their manifest, and answers, of which nothing is believed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import KIT_VERSION, TOLERANCES, Instance
from fastcar.conformance.kit import CASES, Question
from fastcar.output import write_atomically
from fastcar.reference.errors import CheckpointError

MANIFEST = "manifest.json"
MAX_ANSWER_BYTES = 2**22
"""Largest array that is unpacked; the largest expected one has some ten thousand bytes."""


def get_file_name(instance: Instance) -> str:
    """Of its inputs in one folder, and of the answers to them in another."""
    return f"{instance.label}.npz"


def write_inputs(instance: Instance, path: Path) -> None:
    """One file of inputs, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    arrays: dict[str, Any] = instance.make_inputs()
    with write_atomically(path) as partial:
        np.savez_compressed(partial, **arrays)


def write_kit(questions: Sequence[Question], folder: Path) -> None:
    """Inputs of the questions, and the manifest last.

    Raises:
        OutputError: a file cannot be written.
    """
    for question in questions:
        write_inputs(question.instance, folder / get_file_name(question.instance))
    with write_atomically(folder / MANIFEST) as partial:
        partial.write_text(json.dumps(make_manifest(questions), indent=1) + "\n", encoding="utf-8")


def make_manifest(questions: Sequence[Question]) -> dict[str, Any]:
    """Version, tolerances, cases and files as JSON values."""
    asked = {question.case.name for question in questions}
    return {
        "kit_version": KIT_VERSION,
        "tolerances": TOLERANCES,
        "cases": {
            case.name: {
                "condition": case.condition,
                "source": case.source,
                "outputs": [vars(output) for output in case.outputs],
            }
            for case in CASES
            if case.name in asked
        },
        "files": {
            get_file_name(question.instance): {
                "case": question.case.name,
                "digest": question.instance.compute_digest(),
            }
            for question in questions
        },
    }


def check_inputs(questions: Sequence[Question], folder: Path) -> None:
    """Refuse a folder of another kit version, or whose inputs are not those of the kit.

    Raises:
        CheckpointError: names the file.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        limit = "the manifest that `fastcar conformance write` leaves"
        raise CheckpointError(str(path), _describe(error), limit) from error
    version = manifest.get("kit_version") if isinstance(manifest, dict) else None
    if version != KIT_VERSION:
        limit = f"{KIT_VERSION!r}, the version of this kit"
        raise CheckpointError(f"{path}: kit_version", repr(version), limit)
    for question in questions:
        file = folder / get_file_name(question.instance)
        given, wanted = read_arrays(file), question.instance.make_inputs()
        for key in sorted(given.keys() | wanted.keys()):
            if not _is_same(given.get(key), wanted.get(key)):
                limit = "as `fastcar conformance write` left it"
                raise CheckpointError(f"{file}: {key}", "something else", limit)


def _is_same(given: NDArray[Any] | None, wanted: NDArray[Any] | None) -> bool:
    if given is None or wanted is None or given.dtype != wanted.dtype:
        return False
    return np.array_equal(given, wanted, equal_nan=wanted.dtype.kind == "f")


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """All arrays of an .npz file.

    Raises:
        CheckpointError: no such file, a damaged one, Python objects in it, or too much.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [member.filename for member in archive.infolist()]
            for member in archive.infolist():
                if member.file_size > MAX_ANSWER_BYTES:
                    limit = f"at most {MAX_ANSWER_BYTES} bytes"
                    found = f"{member.file_size} bytes"
                    raise CheckpointError(f"{path}: {member.filename}", found, limit)
                if names.count(member.filename) > 1:
                    raise CheckpointError(str(path), f"{member.filename} twice", "one of a name")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except CheckpointError:
        raise
    except Exception as error:  # damaged archives raise of everything: zlib, struct, tokenize, ...
        raise CheckpointError(str(path), _describe(error), "an .npz file of arrays") from error
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise CheckpointError(f"{path}: {key}", "bytes", "a NumPy array")
    return arrays


def _describe(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "nothing"
    text = (str(error) or type(error).__name__).splitlines()[0]
    return text if text.isprintable() else ascii(text)
