"""Sizes of a VILA-U checkpoint, out of the `config.json` of its directory and of its three folders.

Source: github.com/mit-han-lab/vila-u at 096623c, `vila_u/model/utils.py` and `vila_u_arch.py`: an
object `llm_cfg` stands for the folder `llm`, a text for a path (D-58). Only the folders' own
files count for sizes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.config_file import load_config
from fastcar.reference.files.json_file import describe, describe_path, read_json_object
from fastcar.reference.files.json_number import get_flag, get_size
from fastcar.reference.files.quantization_config import get_quantization
from fastcar.reference.rope_scaling import LinearScaling
from fastcar.reference.vila_u.config_keys import check_keys
from fastcar.reference.vila_u.projector_config import ProjectorConfig, read_projector_config

MODEL_TYPE = "vila_u_llama"
FOLDERS = ("llm", "vision_tower", "mm_projector")
VI_START_FROM_END = 2
"""`<vi_start>` is V - 2, the last but one of the vocabulary."""
_MAX_DEPTH = 64
_MAX_LAYERS = 1024


@dataclass(frozen=True)
class VisionTowerConfig:
    """Codes of a frame.

    Attributes:
        code_width: C, of a codeword.
        num_codes: n, codewords of a depth; codes are 0 .. n - 1.
        depth: D, codes of a place.
        latent_side: s, a frame has s x s places.
        shared_codebook: all depths look up the codebook of depth 0.
    """

    code_width: int
    num_codes: int
    depth: int
    latent_side: int
    shared_codebook: bool

    @property
    def tokens_per_frame(self) -> int:
        """N, places of a frame."""
        return self.latent_side**2


@dataclass(frozen=True)
class DepthConfig:
    """Depth transformer.

    Attributes:
        width: W.
        num_heads: of its attention, a divisor of W.
        num_layers: blocks.
    """

    width: int
    num_heads: int
    num_layers: int


@dataclass(frozen=True)
class VilaUFolders:
    """Where the parts lie."""

    llm: Path
    vision_tower: Path
    mm_projector: Path


@dataclass(frozen=True)
class VilaUConfig:
    """Sizes of all parts.

    Attributes:
        folders: where they lie.
        llm: the body.
        vision: codes.
        depth: depth transformer.
        projector: from codewords to the body.
        num_frames: of a video, `num_video_frames`; None where the file does not say.
    """

    folders: VilaUFolders
    llm: ModelConfig
    vision: VisionTowerConfig
    depth: DepthConfig
    projector: ProjectorConfig
    num_frames: int | None

    @property
    def start_id(self) -> int:
        """`<vi_start>`, with which every prompt ends."""
        return self.llm.vocab_size - VI_START_FROM_END


def is_vila_u(directory: str | os.PathLike[str]) -> bool:
    """Whether the `config.json` of a directory says that it is a VILA-U checkpoint.

    False where nothing can be read: whoever reads on says why.
    """
    try:
        document = read_json_object(Path(directory) / "config.json")
    except CheckpointError:
        return False
    return document.get("model_type") == MODEL_TYPE or "vision_tower_cfg" in document


def load_vila_u_config(directory: str | os.PathLike[str]) -> VilaUConfig:
    """Read the sizes of a VILA-U directory.

    Raises:
        CheckpointError: a missing folder or file, an unknown key of the vision tower, sizes that
            do not fit each other, or what is not computed here.
    """
    path = Path(directory) / "config.json"
    place = describe_path(path)
    document = read_json_object(path)
    _check_equal(document.get("model_type"), MODEL_TYPE, f"{place}: model_type")
    if not get_flag(document.get("mm_use_vi_start_end", True), f"{place}: mm_use_vi_start_end"):
        limit = "true: prompts end with <vi_start>, the last id but one"
        raise CheckpointError(f"{place}: mm_use_vi_start_end", "false", limit)
    folders = find_folders(directory, document)
    llm = _load_body_config(folders.llm)
    vision, depth = _read_tower(folders.vision_tower, llm.hidden_size)
    projector = read_projector_config(folders.mm_projector, vision.code_width, llm.hidden_size)
    frames = None
    if document.get("num_video_frames") is not None:
        frames = get_size(document, "num_video_frames", f"{place}: ")
    return VilaUConfig(folders, llm, vision, depth, projector, frames)


def find_folders(directory: str | os.PathLike[str], document: Mapping[str, Any]) -> VilaUFolders:
    """The three folders of a directory whose `config.json` is given.

    Raises:
        CheckpointError: a folder that is not named, or not there.
    """
    root = Path(directory)
    place = describe_path(root / "config.json")
    found = []
    for name in FOLDERS:
        value = document.get(f"{name}_cfg")
        if isinstance(value, dict):
            folder = root / name
        elif isinstance(value, str) and value and "\0" not in value:
            folder = root / value  # an absolute path stands for itself
        else:
            shown = describe(value) if f"{name}_cfg" in document else "nothing"
            limit = f"an object (the folder {name}) or the path of a folder"
            raise CheckpointError(f"{place}: {name}_cfg", shown, limit)
        if not os.path.isdir(folder):  # noqa: PTH112 - it never raises
            limit = f"the folder that {name}_cfg of config.json names"
            raise CheckpointError(describe_path(folder), "no directory", limit)
        found.append(folder)
    return VilaUFolders(*found)


def _load_body_config(folder: Path) -> ModelConfig:
    """Sizes of the Llama; linear scaling reaches as far as it was trained for (D-59)."""
    config = load_config(folder, get_quantization(folder))
    document = read_json_object(folder / "config.json")
    trained = document.get("model_max_length")
    if not isinstance(config.rope_scaling, LinearScaling) or trained is None:
        return config
    place = f"{describe_path(folder / 'config.json')}: "
    positions = get_size(document, "model_max_length", place)
    most = int(config.max_position_embeddings * config.rope_scaling.factor)
    positions = max(config.max_position_embeddings, min(positions, most))
    return replace(config, max_position_embeddings=positions)


def _read_tower(folder: Path, hidden_size: int) -> tuple[VisionTowerConfig, DepthConfig]:
    path = folder / "config.json"
    place = describe_path(path)
    document = read_json_object(path)
    vae, depth = (_get_object(document, name, place) for name in ("rqvaesiglip", "rqtransformer"))
    check_keys("vision_tower", document, place)
    check_keys("rqvaesiglip", vae, f"{place}: rqvaesiglip")
    check_keys("rqtransformer", depth, f"{place}: rqtransformer")
    prefix = f"{place}: rqvaesiglip."
    shape = _get_shape(vae, "code_shape", prefix)
    width = get_size(vae, "embed_dim", prefix)
    vision = VisionTowerConfig(
        code_width=width,
        num_codes=get_size(vae, "n_embed", prefix),
        depth=shape[2],
        latent_side=shape[0],
        shared_codebook=get_flag(vae.get("shared_codebook"), f"{prefix}shared_codebook"),
    )
    _check_equal(list(shape[:2]), [shape[0]] * 2, f"{prefix}code_shape[:2]", "a square")
    if vision.depth > _MAX_DEPTH:
        raise CheckpointError(f"{prefix}code_shape", list(shape), f"at most {_MAX_DEPTH} deep")
    latent = list(_get_shape(vae, "latent_shape", prefix))
    _check_equal(latent, [*shape[:2], width], f"{prefix}latent_shape", "as code_shape, embed_dim")
    if document.get("hidden_size") is not None:
        _check_equal(document["hidden_size"], width, f"{place}: hidden_size", "as embed_dim")
    return vision, _read_depth(depth, vision, shape, hidden_size, f"{place}: rqtransformer.")


def _read_depth(
    found: Mapping[str, Any],
    vision: VisionTowerConfig,
    shape: tuple[int, ...],
    hidden_size: int,
    prefix: str,
) -> DepthConfig:
    _check_equal(
        list(_get_shape(found, "block_size", prefix)),
        list(shape),
        f"{prefix}block_size",
        "as code_shape",
    )
    for name, size, source in (
        ("input_embed_dim_1", vision.code_width, "as embed_dim of rqvaesiglip"),
        ("input_embed_dim_2", hidden_size, "as hidden_size of llm"),
        ("vocab_size", vision.num_codes, "as n_embed of rqvaesiglip"),
    ):
        _check_equal(get_size(found, name, prefix), size, f"{prefix}{name}", source)
    head = _get_object(found, "head", prefix.rstrip("."))
    block = _get_object(head, "block", f"{prefix}head")
    check_keys("head", head, f"{prefix}head")
    check_keys("block", block, f"{prefix}head.block")
    width = get_size(found, "embed_dim", prefix)
    layers = get_size(head, "n_layer", f"{prefix}head.")
    if layers > _MAX_LAYERS:
        raise CheckpointError(f"{prefix}head.n_layer", layers, f"at most {_MAX_LAYERS}")
    heads = get_size(block, "n_head", f"{prefix}head.block.")
    if width % heads:
        limit = f"a divisor of embed_dim = {width}"
        raise CheckpointError(f"{prefix}head.block.n_head", heads, limit)
    return DepthConfig(width, heads, layers)


def _get_object(document: Mapping[str, Any], name: str, place: str) -> dict[str, Any]:
    value = document.get(name)
    if not isinstance(value, dict):
        shown = describe(value) if name in document else "nothing"
        raise CheckpointError(f"{place}: {name}", shown, "a JSON object")
    return value


def _get_shape(document: Mapping[str, Any], name: str, prefix: str) -> tuple[int, ...]:
    value: Any = document.get(name)
    if not isinstance(value, list) or len(value) != 3:
        raise CheckpointError(f"{prefix}{name}", describe(value), "a list of 3 sizes")
    sizes: Iterable[int] = (
        get_size({"": item}, "", f"{prefix}{name}[{index}]") for index, item in enumerate(value)
    )
    return tuple(sizes)


def _check_equal(found: Any, wanted: Any, place: str, source: str = "") -> None:
    if found != wanted or isinstance(found, bool):
        shown = found if isinstance(found, list) and len(found) <= 3 else describe(found)
        limit = f"{wanted!r}, {source}" if source else f"{wanted!r}"
        raise CheckpointError(place, shown, limit)
