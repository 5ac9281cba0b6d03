"""Kind of the projector from codewords to the body, from the folder `mm_projector`.

Source: github.com/mit-han-lab/vila-u at 096623c, `multimodal_projector/base_projector.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe, describe_path, read_json_object

_MLP = re.compile(r"mlp([1-9][0-9]?)x_gelu", re.ASCII)


@dataclass(frozen=True)
class ProjectorConfig:
    """Linear maps one after the other, an exact GELU between each two.

    Attributes:
        kind: name in the file.
        shapes: [out, in] of every map by its name in the file; none of `identity`.
    """

    kind: str
    shapes: dict[str, tuple[int, int]]


def read_projector_config(folder: Path, code_width: int, hidden_size: int) -> ProjectorConfig:
    """Read the kind of a folder.

    Args:
        folder: holds `config.json`.
        code_width: C.
        hidden_size: H.

    Raises:
        CheckpointError: an unknown kind, or `identity` between different widths.
    """
    path = folder / "config.json"
    kind = read_json_object(path).get("mm_projector_type")
    place = f"{describe_path(path)}: mm_projector_type"
    match = _MLP.fullmatch(kind) if isinstance(kind, str) else None
    if kind == "identity":
        if code_width != hidden_size:
            limit = f"another kind: embed_dim = {code_width}, hidden_size = {hidden_size}"
            raise CheckpointError(place, describe(kind), limit)
        return ProjectorConfig("identity", {})
    if kind == "linear":
        return ProjectorConfig("linear", {"layers": (hidden_size, code_width)})
    if match is None:
        raise CheckpointError(place, describe(kind), "'linear', 'identity' or 'mlpKx_gelu'")
    shapes = {
        f"layers.{2 * index}": (hidden_size, hidden_size if index else code_width)
        for index in range(int(match[1]))
    }
    return ProjectorConfig(match[0], shapes)
