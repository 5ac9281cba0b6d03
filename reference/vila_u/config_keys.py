"""Keys that the objects of a vision tower's `config.json` may have; any other is refused by name.

A key that is not known could stand for arithmetic that is not done here (D-58).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe

_GENERIC = ("architectures", "attn_implementation", "model_type", "torch_dtype", "dtype")
"""Of any object that the library writes, beside names that begin with an underscore."""

KEYS: dict[str, tuple[str, ...]] = {
    "vision_tower": ("hidden_size", "rqvaesiglip", "rqtransformer", "transformers_version"),
    "rqvaesiglip": (
        *("embed_dim", "n_embed", "latent_shape", "code_shape", "shared_codebook", "ddconfig"),
        *("decoder_latent_shape", "pretrained_model", "restart_unused_codes", "decay"),
        *("latent_loss_weight", "transformers_version"),
    ),
    "rqtransformer": (
        *("block_size", "input_embed_dim_1", "input_embed_dim_2", "embed_dim", "vocab_size"),
        *("head", "transformers_version"),
    ),
    "head": ("n_layer", "block"),
    "block": ("n_head",),
}
"""Of each object."""


def check_keys(name: str, document: Mapping[str, Any], place: str) -> None:
    """Refuse what is not in `KEYS`.

    Args:
        name: of the object, a key of `KEYS`.
        document: the object.
        place: of it, for errors.

    Raises:
        CheckpointError: names the first unknown key.
    """
    known = KEYS[name]
    for key in document:
        if key not in known and key not in _GENERIC and not key.startswith("_"):
            shown = f"the unknown key {describe(key)}"
            raise CheckpointError(place, shown, f"an object of {', '.join(known)}")
