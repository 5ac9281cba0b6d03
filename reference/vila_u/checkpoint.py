"""VILA-U directories: three folders with a `config.json` and safetensors each.

Source: github.com/mit-han-lab/vila-u at 096623c, `vila_u/model/builder.py` and
`rqvaesiglip/quantizations.py`. As with any Llama, names and shapes are compared with the sizes
before a weight is read, and what is unknown is refused by name.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.arguments import check_argument
from fastcar.reference.arrays import FloatArray
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.int8_checkpoint import load_int8_checkpoint
from fastcar.reference.files.json_file import describe_path, read_json_object
from fastcar.reference.files.quantization_config import has_int8_weights
from fastcar.reference.files.safetensors_file import (
    INDEX_DTYPES,
    STORAGE_DTYPES,
    TensorPlace,
    get_tensor_label,
    read_tensor,
)
from fastcar.reference.files.tensor_names import find_stored_tensors
from fastcar.reference.matrix import DecoderWeights
from fastcar.reference.vila_u.affine import Affine, LayerNorm
from fastcar.reference.vila_u.code_embedding import Codebooks, Projector
from fastcar.reference.vila_u.config import VilaUConfig, load_vila_u_config
from fastcar.reference.vila_u.depth_transformer import DepthBlock, DepthTransformer
from fastcar.reference.vila_u.model import VilaUModel
from fastcar.reference.vila_u.pixel_decoder import (
    PixelDecoder,
    get_pixel_decoder_shapes,
    load_pixel_decoder,
)
from fastcar.reference.vila_u.pixel_decoder_config import read_pixel_decoder_config

Shape = tuple[int, ...]

_DTYPES = STORAGE_DTYPES | INDEX_DTYPES | {"BOOL": "|b1"}
"""Buffers of the encoder, which nobody reads, may be of any type."""
_UNREAD = re.compile(
    r"rqvaesiglip\.(siglip_model\..+|logit_(scale|bias)"
    r"|quantizer\.codebooks\.[0-9]+\.(cluster_size_ema|embed_ema)"
    r"|(decoder|post_quant_conv)\..+)",
    re.ASCII,
)
"""Of a vision tower: the encoder, training state, and the pixel decoder, which has its reader."""
_CODEBOOK = "rqvaesiglip.quantizer.codebooks.{}.weight"
_DEPTH = "rqtransformer"


def load_vila_u(
    directory: str | os.PathLike[str], dtype: type[np.floating[Any]] = np.float32
) -> VilaUModel:
    """Load what draws codes; the pixel decoder is read when it is asked for.

    Args:
        directory: `config.json` and the folders `llm`, `vision_tower` and `mm_projector`, or
            where the config says they are. F32, F16, BF16 and F64 are read; an `llm` that
            `fastcar quantize` wrote is mapped and computes on integers in float32 (D-61).
        dtype: np.float32 or np.float64, of the arithmetic.

    Raises:
        ArgumentError: another dtype.
        CheckpointError: anything missing, superfluous, misshapen, not finite or not supported.
    """
    directory = check_argument("checkpoint", directory, str | os.PathLike[str])
    if dtype not in (np.float32, np.float64):
        raise ArgumentError("dtype", dtype, "np.float32 or np.float64")
    config = load_vila_u_config(directory)
    projector = _load_projector(config, dtype)
    tower = _Folder.open(config.folders.vision_tower, dtype)
    tower.check(get_tower_shapes(config, tower.places), _UNREAD)
    codebooks = _load_codebooks(config, tower)
    depth = _load_depth(config, tower)
    weights = _load_body(config, dtype)
    return VilaUModel(Path(directory), config, weights, codebooks, projector, depth)


def load_vila_u_pixels(config: VilaUConfig) -> PixelDecoder:
    """The pixel decoder of a vision tower, in float32.

    Raises:
        CheckpointError: a key or tensor of it that is missing or does not fit.
    """
    path = config.folders.vision_tower / "config.json"
    found = read_json_object(path)["rqvaesiglip"]
    place = f"{describe_path(path)}: rqvaesiglip"
    sizes = read_pixel_decoder_config(found, place)
    tower = _Folder.open(config.folders.vision_tower, np.float32)
    for name, shape in get_pixel_decoder_shapes(sizes).items():
        tower.check_shape(name, shape)
    return load_pixel_decoder(tower.read, sizes)


def get_tower_shapes(
    config: VilaUConfig, places: dict[str, TensorPlace]
) -> Iterator[tuple[str, Shape]]:
    """Tensors of codebooks and depth transformer; of a shared codebook copies may be there."""
    vision = config.vision
    for depth in range(vision.depth):
        name = _CODEBOOK.format(depth)
        if depth == 0 or not vision.shared_codebook or name in places:
            yield name, (vision.num_codes + 1, vision.code_width)
    width = config.depth.width
    yield f"{_DEPTH}.pos_emb_d", (1, vision.depth, width)
    yield from _name_affine(f"{_DEPTH}.in_mlp_1", width, vision.code_width)
    yield from _name_affine(f"{_DEPTH}.in_mlp_2", width, config.llm.hidden_size)
    yield from _name_norm(f"{_DEPTH}.classifier_mlp.layer_norm", width)
    yield from _name_affine(f"{_DEPTH}.classifier_mlp.linear", vision.num_codes, width)
    for index in range(config.depth.num_layers):
        block = f"{_DEPTH}.head_transformer.blocks.{index}"
        yield from _name_norm(f"{block}.ln1", width)
        yield from _name_norm(f"{block}.ln2", width)
        for part in ("query", "key", "value", "proj"):
            yield from _name_affine(f"{block}.attn.{part}", width, width)
        yield from _name_affine(f"{block}.mlp.0", 4 * width, width)
        yield from _name_affine(f"{block}.mlp.2", width, 4 * width)


def _name_affine(name: str, outputs: int, inputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _name_norm(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


@dataclass(frozen=True)
class _Folder:
    """Tensors of one folder.

    Attributes:
        path: of the folder.
        places: where they lie, by name.
        dtype: of what is read.
    """

    path: Path
    places: dict[str, TensorPlace]
    dtype: type[np.floating[Any]]

    @classmethod
    def open(cls, path: Path, dtype: type[np.floating[Any]]) -> _Folder:
        """Read the headers."""
        return cls(path, find_stored_tensors(path, _DTYPES), dtype)

    def check(
        self, shapes: Iterator[tuple[str, Shape]], unread: re.Pattern[str] | None = None
    ) -> None:
        """Refuse what is missing or misshapen, and unknown names that do not match `unread`."""
        known = set()
        for name, shape in shapes:
            self.check_shape(name, shape)
            known.add(name)
        for name in sorted(self.places.keys() - known):
            if unread is None or not unread.fullmatch(name):
                limit = f"a tensor of the {self.path.name} that config.json describes"
                raise CheckpointError(str(self.places[name]), "an unknown tensor", limit)

    def check_shape(self, name: str, shape: Shape) -> None:
        """Refuse a tensor that is missing, or of another shape or type than floats [shape]."""
        place = self.places.get(name)
        if place is None:
            limit = f"a tensor of shape {list(shape)}, as config.json says"
            raise CheckpointError(get_tensor_label(self.path, name), "nothing", limit)
        if place.shape != shape:
            limit = f"{list(shape)}, as config.json says"
            raise CheckpointError(f"{place}: shape", list(place.shape), limit)
        if place.dtype not in STORAGE_DTYPES:
            limit = f"one of {', '.join(STORAGE_DTYPES)}"
            raise CheckpointError(f"{place}: dtype", place.dtype, limit)

    def read(self, name: str) -> FloatArray:
        """A tensor whose shape was checked."""
        return read_tensor(self.places[name], self.dtype)

    def read_affine(self, name: str) -> Affine:
        """A linear map with its bias."""
        return Affine(self.read(f"{name}.weight"), self.read(f"{name}.bias"))

    def read_norm(self, name: str) -> LayerNorm:
        """A layer norm."""
        return LayerNorm(self.read(f"{name}.weight"), self.read(f"{name}.bias"))


def _load_body(config: VilaUConfig, dtype: type[np.floating[Any]]) -> DecoderWeights:
    """The Llama; its head plays no part and is neither asked for nor read."""
    folder = config.folders.llm
    if dtype == np.float32 and has_int8_weights(folder):
        return load_int8_checkpoint(folder)[1]
    return load_checkpoint(folder, dtype, needs_head=False)[1]


def _load_projector(config: VilaUConfig, dtype: type[np.floating[Any]]) -> Projector:
    """Identity has no tensors, and often no file either."""
    shapes = config.projector.shapes
    if not shapes:
        return Projector(())
    folder = _Folder.open(config.folders.mm_projector, dtype)
    named = (
        entry for name, (out, width) in shapes.items() for entry in _name_affine(name, out, width)
    )
    folder.check(named)
    return Projector(tuple(folder.read_affine(name) for name in shapes))


def _load_codebooks(config: VilaUConfig, tower: _Folder) -> Codebooks:
    """Tables without the last row, which pads and is never a code."""
    vision = config.vision
    first = tower.read(_CODEBOOK.format(0))[:-1]
    if not vision.shared_codebook:
        others = [tower.read(_CODEBOOK.format(depth))[:-1] for depth in range(1, vision.depth)]
        return Codebooks((first, *others))
    for depth in range(1, vision.depth):
        name = _CODEBOOK.format(depth)
        if name in tower.places and not np.array_equal(tower.read(name)[:-1], first):
            limit = f"equal to {_CODEBOOK.format(0)} because shared_codebook is true"
            raise CheckpointError(str(tower.places[name]), "other values", limit)
    return Codebooks((first,) * vision.depth)


def _load_depth(config: VilaUConfig, tower: _Folder) -> DepthTransformer:
    blocks = []
    for index in range(config.depth.num_layers):
        name = f"{_DEPTH}.head_transformer.blocks.{index}"
        blocks.append(
            DepthBlock(
                ln1=tower.read_norm(f"{name}.ln1"),
                query=tower.read_affine(f"{name}.attn.query"),
                key=tower.read_affine(f"{name}.attn.key"),
                value=tower.read_affine(f"{name}.attn.value"),
                proj=tower.read_affine(f"{name}.attn.proj"),
                ln2=tower.read_norm(f"{name}.ln2"),
                up=tower.read_affine(f"{name}.mlp.0"),
                down=tower.read_affine(f"{name}.mlp.2"),
            )
        )
    return DepthTransformer(
        from_words=tower.read_affine(f"{_DEPTH}.in_mlp_1"),
        from_hidden=tower.read_affine(f"{_DEPTH}.in_mlp_2"),
        positions=tower.read(f"{_DEPTH}.pos_emb_d")[0],
        blocks=tuple(blocks),
        norm=tower.read_norm(f"{_DEPTH}.classifier_mlp.layer_norm"),
        classifier=tower.read_affine(f"{_DEPTH}.classifier_mlp.linear"),
        num_heads=config.depth.num_heads,
    )
