"""What a result came from, so that it can be repeated, or its difference explained.

Rounding depends on the processor, on NumPy and on the kernels that its BLAS chose at run time;
tokens drawn near a tie, and so whole videos, depend on rounding.
"""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from fastcar.command_line import COMMAND
from fastcar.reference.files.json_file import read_json_object
from fastcar.reference.token_model import TokenModel
from fastcar.reference.vila_u.config import find_folders, is_vila_u

Json = dict[str, Any]

LIBRARIES = ("fastcar", "numpy", "numba", "pyrtl", "safetensors")
_CHUNK_BYTES = 1 << 20
_THREADPOOLCTL_SETS = "KMP_DUPLICATE_LIB_OK"
"""A variable that importing threadpoolctl sets; ours or the user's environment stays as it was."""


def describe_provenance(directory: Path, tokens: Path | None = None) -> Json:
    """Versions, command, machine, and digests of what was read.

    Args:
        directory: of the model.
        tokens: the file of tokens, where the model's own clips are not what was fed.

    Returns:
        JSON values, see docs/report_schema.md.
    """
    return {
        **describe_software(),
        "weights_sha256": digest_files(list_weight_files(directory)),
        "tokens_sha256": digest_files(list_token_files(directory, tokens)),
    }


def describe_software() -> Json:
    """Versions, command and machine: all that a result without a model comes from."""
    command = COMMAND.get()
    return {
        "command": None if command is None else list(command),
        "versions": {
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in LIBRARIES},
        },
        "platform": platform.platform(),
        "processor": get_processor(),
        "blas": list_blas(),
    }


def list_blas() -> list[Json]:
    """Every BLAS that is loaded, with the kernels it chose for this processor."""
    is_set = _THREADPOOLCTL_SETS in os.environ
    threadpoolctl = import_module("threadpoolctl")
    if not is_set:
        os.environ.pop(_THREADPOOLCTL_SETS, None)
    return [
        {
            "library": library["internal_api"],
            "version": library["version"],
            "kernel": library.get("architecture"),
            "threads": library["num_threads"],
        }
        for library in threadpoolctl.threadpool_info()
        if library["user_api"] == "blas"
    ]


def add_provenance(report: Json, provenance: Json) -> Json:
    """The report with what it came from behind its version.

    >>> add_provenance({"schema_version": 1, "equal": True}, {"command": None})
    {'schema_version': 1, 'provenance': {'command': None}, 'equal': True}
    """
    return {"schema_version": report["schema_version"], "provenance": provenance, **report}


def get_tokens_path(model: object) -> Path | None:
    """The file of tokens of a model that has one."""
    return model.tokens if isinstance(model, TokenModel) else None


def get_processor(path: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor; its architecture where nothing says more."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def list_weight_files(directory: Path) -> list[Path]:
    """Files of the weights, in the order of their names."""
    folders = [directory]
    if is_vila_u(directory):
        found = find_folders(directory, read_json_object(directory / "config.json"))
        folders = list(vars(found).values())
    files = [path for folder in folders for path in sorted(folder.glob("model*.safetensors"))]
    return files or sorted(directory.glob("weights.safetensors"))


def list_token_files(directory: Path, tokens: Path | None) -> list[Path]:
    """What the tokens came from: the file given, else the recorded clips, else nothing."""
    return sorted(directory.glob("clips.safetensors")) if tokens is None else [tokens]


def digest_files(paths: Iterable[Path]) -> str | None:
    """SHA-256 of the files one after the other, as hexadecimal digits; None of no file."""
    digest, is_empty = hashlib.sha256(), True
    for path in paths:
        is_empty = False
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                digest.update(chunk)
    return None if is_empty else digest.hexdigest()
