"""Write a VILA-U checkpoint of random weights in the published layout, at any size.

    python -m tools.vila_u.write_random_checkpoint OUT [--preset 7b] [--storage int8]

Three folders with their `config.json` and weights, and the one above them. `int8` is the body as
`fastcar quantize` writes it, the rest in float32. What reads pictures (SigLIP) and a tokenizer are
not among them: prompts are given as ids.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np

from fastcar.folder_output import write_directory_atomically
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.reference.files.checkpoint import format_config
from fastcar.reference.files.quantization_config import QUANTIZATION
from tools.vila_u.random_weights import write_folder
from tools.vila_u.sizes import (
    PRESETS,
    Json,
    VilaSizes,
    make_projector_config,
    make_top_config,
    make_vision_config,
)
from tools.vila_u.tensors import get_body_entries, get_projector_shapes, get_vision_shapes

STORAGES = {"float32": "F32", "bfloat16": "BF16", "int8": "I8"}
DEFAULT_SHARD_GIGABYTES = 5.0


def write_random_checkpoint(
    out: Path, sizes: VilaSizes, storage: str, shard_bytes: int, seed: int = 0
) -> None:
    """Write the three folders.

    Args:
        out: an existing directory.
        sizes: of the model.
        storage: of `STORAGES`.
        shard_bytes: a file holds no more, but for a single tensor that is larger.
        seed: of the weights.
    """
    rng = np.random.default_rng(seed)
    dtype = STORAGES[storage]
    beside = "F32" if dtype == "I8" else dtype
    body = make_body_config(sizes, storage)
    folders = {
        "llm": (body, [*get_body_entries(sizes, dtype)]),
        "mm_projector": (
            make_projector_config(sizes),
            [(name, beside, shape) for name, shape in get_projector_shapes(sizes)],
        ),
        "vision_tower": (
            make_vision_config(sizes),
            [(name, beside, shape) for name, shape in get_vision_shapes(sizes)],
        ),
    }
    write_json(out / "config.json", make_top_config(sizes, body))
    for name, (config, entries) in folders.items():
        (out / name).mkdir()
        write_json(out / name / "config.json", config)
        write_folder(out / name, entries, shard_bytes, rng)


def make_body_config(sizes: VilaSizes, storage: str) -> Json:
    """`config.json` of the folder `llm`, with rotary scaling as transformers 4.36 spells it."""
    quantization = QUANTIZATION if storage == "int8" else None
    dtype = "float32" if storage == "int8" else storage
    config: Json = json.loads(format_config(sizes.body, dtype, quantization))
    return config | {"rope_scaling": {"type": "linear", "factor": sizes.rope_factor}}


def write_json(path: Path, document: Json) -> None:
    """A file with one JSON object."""
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def main() -> int:
    """Command line; the exit code, 2 for a refusal."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("out", type=Path, help="directory that is made")
    parser.add_argument("--preset", choices=PRESETS, default="tiny", help="sizes")
    parser.add_argument("--storage", choices=STORAGES, default="bfloat16", help="of the weights")
    parser.add_argument("--shard-gigabytes", type=float, default=DEFAULT_SHARD_GIGABYTES)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        shard_bytes = int(check_gigabytes(arguments.shard_gigabytes) * 1e9)
        with write_directory_atomically(arguments.out, "write_random_checkpoint") as partial:
            sizes = PRESETS[arguments.preset]
            write_random_checkpoint(partial, sizes, arguments.storage, shard_bytes, arguments.seed)
    except FastCarError as error:
        print(f"write_random_checkpoint: {error}", file=sys.stderr)
        return 2
    return 0


def check_gigabytes(gigabytes: float) -> float:
    """Raise ArgumentError for shards that are none."""
    if not 0 < gigabytes < 1e6:
        raise ArgumentError("shard_gigabytes", gigabytes, "above 0 and below 1e6")
    return gigabytes


if __name__ == "__main__":
    sys.exit(main())
