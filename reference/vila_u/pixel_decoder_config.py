"""Sizes of the pixel decoder, from the object `rqvaesiglip` of the vision tower's `config.json`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.json_file import describe
from fastcar.reference.files.json_number import MAX_SIZE, get_flag, get_size
from fastcar.reference.vila_u.picture_blocks import NORM_GROUPS

COLOURS = 3
MAX_LEVELS = 16
MAX_RESIDUAL_BLOCKS = 64
"""Of a level; names of tensors are listed before a file is compared with them (D-62)."""

# key: what the published decoder does; other values would be another decoder
_FLAGS = {"resamp_with_conv": True, "give_pre_end": False}


@dataclass(frozen=True)
class PixelDecoderConfig:
    """Sizes of the decoder; levels count from the finest one, 0.

    Attributes:
        code_width: C, channels of a latent.
        latent_side: s, places of a frame are s x s.
        resized_latent: height and width of the latent that the decoder sees; None = s x s.
        z_channels: of the decoder's input.
        level_channels: channels of every level, multiples of 32.
        num_residual_blocks: of a level, one less than there are (as the file counts).
        attention_levels: levels with an attention after every residual block.
    """

    code_width: int
    latent_side: int
    resized_latent: tuple[int, int] | None
    z_channels: int
    level_channels: tuple[int, ...]
    num_residual_blocks: int
    attention_levels: frozenset[int]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Colours, height and width of a decoded frame."""
        height, width = self.resized_latent or (self.latent_side, self.latent_side)
        scale: int = 2 ** (len(self.level_channels) - 1)
        return COLOURS, height * scale, width * scale


def read_pixel_decoder_config(rqvaesiglip: Mapping[str, Any], place: str) -> PixelDecoderConfig:
    """Read the sizes; keys of the encoder and of training are ignored.

    Args:
        rqvaesiglip: the JSON object of that name.
        place: of the object, for errors: the key follows after a colon.

    Raises:
        CheckpointError: a key that is missing, of another type, or asks for another decoder.
    """
    ddconfig = rqvaesiglip.get("ddconfig")
    if not isinstance(ddconfig, dict):
        raise CheckpointError(f"{place}: ddconfig", describe(ddconfig), "a JSON object")
    prefix = f"{place}: ddconfig."
    for key, supported in _FLAGS.items():
        if get_flag(ddconfig.get(key, supported), prefix + key) != supported:
            raise CheckpointError(prefix + key, describe(not supported), describe(supported))
    colours = get_size(ddconfig, "out_ch", prefix)
    if colours != COLOURS:
        raise CheckpointError(f"{prefix}out_ch", colours, f"{COLOURS} (red, green, blue)")
    num_blocks = get_size(ddconfig, "num_res_blocks", prefix)
    if num_blocks > MAX_RESIDUAL_BLOCKS:
        limit = f"at most {MAX_RESIDUAL_BLOCKS}"
        raise CheckpointError(f"{prefix}num_res_blocks", num_blocks, limit)
    code_width = get_size(rqvaesiglip, "embed_dim", f"{place}: ")
    channels = _read_level_channels(ddconfig, prefix)
    return PixelDecoderConfig(
        code_width=code_width,
        latent_side=_read_latent_side(rqvaesiglip, code_width, place),
        resized_latent=_read_resized_latent(rqvaesiglip, place),
        z_channels=get_size(ddconfig, "z_channels", prefix),
        level_channels=channels,
        num_residual_blocks=num_blocks,
        attention_levels=_read_attention_levels(ddconfig, len(channels), prefix),
    )


def _read_level_channels(ddconfig: Mapping[str, Any], prefix: str) -> tuple[int, ...]:
    channels = get_size(ddconfig, "ch", prefix)
    factors = _get_sizes(ddconfig.get("ch_mult"), f"{prefix}ch_mult")
    if not 1 <= len(factors) <= MAX_LEVELS:
        limit = f"a list of 1 to {MAX_LEVELS}"
        raise CheckpointError(f"{prefix}ch_mult", describe(list(factors)), limit)
    for factor in factors:
        if channels * factor % NORM_GROUPS or channels * factor > MAX_SIZE:
            limit = f"a multiple of {NORM_GROUPS} for every ch_mult, at most {MAX_SIZE}"
            raise CheckpointError(f"{prefix}ch", f"{channels} x {factor}", limit)
    return tuple(channels * factor for factor in factors)


def _read_attention_levels(
    ddconfig: Mapping[str, Any], num_levels: int, prefix: str
) -> frozenset[int]:
    """Levels whose nominal side, half of the one below, is named."""
    side = get_size(ddconfig, "resolution", prefix)
    sides = _get_sizes(ddconfig.get("attn_resolutions"), f"{prefix}attn_resolutions")
    coarsest = side >> (num_levels - 1)
    return frozenset(
        level for level in range(num_levels) if coarsest << (num_levels - 1 - level) in sides
    )


def _read_latent_side(rqvaesiglip: Mapping[str, Any], code_width: int, place: str) -> int:
    shape = _get_sizes(rqvaesiglip.get("latent_shape"), f"{place}: latent_shape")
    if len(shape) != 3 or shape[0] != shape[1] or shape[2] != code_width:
        limit = f"[side, side, {code_width}], the last one as embed_dim"
        raise CheckpointError(f"{place}: latent_shape", list(shape), limit)
    return shape[0]


def _read_resized_latent(rqvaesiglip: Mapping[str, Any], place: str) -> tuple[int, int] | None:
    found = rqvaesiglip.get("decoder_latent_shape")
    if found is None:
        return None
    shape = _get_sizes(found, f"{place}: decoder_latent_shape")
    if len(shape) != 2:
        limit = "null or [height, width]"
        raise CheckpointError(f"{place}: decoder_latent_shape", list(shape), limit)
    return shape[0], shape[1]


def _get_sizes(value: object, place: str) -> tuple[int, ...]:
    """A list of sizes; may be empty."""
    limit = f"a list of whole numbers from 1 to {MAX_SIZE}"
    if not isinstance(value, list):
        raise CheckpointError(place, describe(value), limit)
    for item in value:
        if not isinstance(item, int) or isinstance(item, bool) or not 1 <= item <= MAX_SIZE:
            raise CheckpointError(place, f"{describe(item)} in the list", limit)
    return tuple(value)
