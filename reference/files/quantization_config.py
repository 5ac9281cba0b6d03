"""`quantization_config` of `config.json`: which loader a checkpoint is for (D-30, D-36)."""

from __future__ import annotations

import os
from pathlib import Path

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe, describe_path, read_json_object

QUANTIZATION = {"quant_method": "int8_rows"}
"""Entry `quantization_config` of what `fastcar quantize` writes."""


def get_quantization(directory: str | os.PathLike[str]) -> dict[str, str] | None:
    """What `load_config` is to expect of a directory that anybody may have quantised.

    Raises:
        CheckpointError: as in `has_int8_weights`.
    """
    return QUANTIZATION if has_int8_weights(directory) else None


def has_int8_weights(directory: str | os.PathLike[str]) -> bool:
    """Whether `config.json` says that the weights are those of `fastcar quantize`.

    Raises:
        CheckpointError: no readable `config.json`, or quantised weights of another kind.
    """
    path = Path(directory) / "config.json"
    document = read_json_object(path)
    # the sizes may stand one level deeper, as in `load_config`
    nested = document.get("config")
    sizes = nested if isinstance(nested, dict) else document
    found = sizes.get("quantization_config")
    if found is None or found == QUANTIZATION:
        return found is not None
    place = f"{describe_path(path)}: quantization_config"
    if isinstance(found, dict) and "quant_method" in found:
        place, found = f"{place}.quant_method", found["quant_method"]
    limit = 'absent (no quantised weights), or "int8_rows" alone, which fastcar quantize writes'
    raise CheckpointError(place, describe(found), limit)
