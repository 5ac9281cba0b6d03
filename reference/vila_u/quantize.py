"""A VILA-U directory whose body is int8: the body holds nearly all of the weights (D-61)."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from fastcar.reference.files.int8_writer import quantize_checkpoint_files
from fastcar.reference.files.json_file import read_json_object
from fastcar.reference.progress import Progress
from fastcar.reference.vila_u.config import FOLDERS, VilaUConfig, load_vila_u_config

_WEIGHTS = (".safetensors", ".bin", ".safetensors.index.json", ".bin.index.json")
_LIMIT = "model_max_length"


def quantize_vila_u_files(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    progress: Progress | None = None,
) -> VilaUConfig:
    """Quantise every projection of the body; all else is copied as it is.

    Args:
        source: a VILA-U directory of float weights.
        target: an existing directory that is to hold the result, in folders of the usual names;
            whoever calls makes it appear whole or not at all.
        progress: called with values done, values in all.

    Raises:
        CheckpointError: what `load_vila_u` would refuse of config and body.
        OSError: the target cannot be written.
    """
    config = load_vila_u_config(source)
    root, out = Path(source), Path(target)
    document = read_json_object(root / "config.json")
    for name in FOLDERS:
        if not isinstance(document[f"{name}_cfg"], dict):
            document[f"{name}_cfg"] = name  # a path of the source
        folder: Path = getattr(config.folders, name)
        (out / name).mkdir()
        for path in sorted(folder.iterdir()):
            if path.is_file() and (name != "llm" or not path.name.endswith(_WEIGHTS)):
                shutil.copyfile(path, out / name / path.name)
    quantize_checkpoint_files(config.folders.llm, out / "llm", progress)
    _keep_limit(config.folders.llm, out / "llm")
    (out / "config.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return config


def _keep_limit(source: Path, target: Path) -> None:
    """The length that a body was trained for stands beside the sizes of a Llama (D-59)."""
    limit = read_json_object(source / "config.json").get(_LIMIT)
    path = target / "config.json"
    document = {**read_json_object(path), _LIMIT: limit}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
