"""Names and shapes of the tensors of a VILA-U model, folder by folder."""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.reference.files.checkpoint import get_tensor_shapes
from fastcar.reference.files.int8_checkpoint import SCALE_SUFFIX, is_quantized
from fastcar.reference.vila_u.pixel_decoder import get_pixel_decoder_shapes
from fastcar.reference.vila_u.pixel_decoder_config import read_pixel_decoder_config
from tools.vila_u.sizes import VilaSizes, make_vision_config

Shape = tuple[int, ...]
Named = tuple[str, Shape]
Entry = tuple[str, str, Shape]
"""Name, type and shape of a stored tensor."""


def get_body_entries(sizes: VilaSizes, storage: str) -> Iterator[Entry]:
    """The folder `llm`; with I8 every matrix but the embedding, scales before it, the rest F32."""
    for name, shape in get_tensor_shapes(sizes.body):
        if storage != "I8":
            yield name, storage, shape
        elif is_quantized(name, shape):
            yield name + SCALE_SUFFIX, "F32", shape[:1]
            yield name, "I8", shape
        else:
            yield name, "F32", shape


def get_projector_shapes(sizes: VilaSizes) -> Iterator[Named]:
    """The folder `mm_projector`."""
    width = sizes.code_width
    for index in range(sizes.projector_layers):
        name = "layers" if sizes.projector_layers == 1 else f"layers.{2 * index}"
        yield from _name_linear(name, width, sizes.hidden_size)
        width = sizes.hidden_size


def get_vision_shapes(sizes: VilaSizes) -> Iterator[Named]:
    """The folder `vision_tower` without what reads pictures, which no video needs."""
    book = "rqvaesiglip.quantizer.codebooks.0.weight"
    yield book, (sizes.num_codes + 1, sizes.code_width)
    yield from get_depth_shapes(sizes)
    config = read_pixel_decoder_config(make_vision_config(sizes)["rqvaesiglip"], "rqvaesiglip")
    yield from get_pixel_decoder_shapes(config).items()


def get_depth_shapes(sizes: VilaSizes) -> Iterator[Named]:
    """The depth transformer, a part of `vision_tower`."""
    width = sizes.depth_width
    yield from _name_linear("rqtransformer.in_mlp_1", sizes.code_width, width)
    yield from _name_linear("rqtransformer.in_mlp_2", sizes.hidden_size, width)
    yield "rqtransformer.pos_emb_d", (1, sizes.depth, width)
    for index in range(sizes.depth_layers):
        block = f"rqtransformer.head_transformer.blocks.{index}"
        for norm in ("ln1", "ln2"):
            yield from _name_norm(f"{block}.{norm}", width)
        for part in ("key", "query", "value", "proj"):
            yield from _name_linear(f"{block}.attn.{part}", width, width)
        yield from _name_linear(f"{block}.mlp.0", width, 4 * width)
        yield from _name_linear(f"{block}.mlp.2", 4 * width, width)
    yield from _name_norm("rqtransformer.classifier_mlp.layer_norm", width)
    yield from _name_linear("rqtransformer.classifier_mlp.linear", width, sizes.num_codes)


def _name_linear(name: str, width: int, new_width: int) -> Iterator[Named]:
    yield f"{name}.weight", (new_width, width)
    yield f"{name}.bias", (new_width,)


def _name_norm(name: str, width: int) -> Iterator[Named]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)
