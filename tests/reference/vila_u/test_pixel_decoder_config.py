"""Sizes of the pixel decoder as `config.json` gives them, and what is refused by key."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fastcar.reference.errors import CheckpointError
from fastcar.reference.vila_u.pixel_decoder_config import (
    PixelDecoderConfig,
    read_pixel_decoder_config,
)
from tests.vila_u_files import read_vision_config

WRONG_VALUES: tuple[tuple[str, Any, str], ...] = (
    ("ddconfig", [], "ddconfig: found a list of 0: must be a JSON object"),
    ("embed_dim", 0, "embed_dim: found 0: must be a whole number"),
    ("latent_shape", [3, 4, 24], "latent_shape: found [3, 4, 24]: must be [side, side, 24]"),
    ("latent_shape", [3, 3, 25], "latent_shape: found [3, 3, 25]: must be [side, side, 24]"),
    ("latent_shape", [3, 3], "latent_shape: found [3, 3]: must be"),
    ("latent_shape", None, "latent_shape: found null: must be a list"),
    ("decoder_latent_shape", 4, "decoder_latent_shape: found 4: must be a list"),
    ("decoder_latent_shape", [4], "decoder_latent_shape: found [4]: must be null or"),
    ("decoder_latent_shape", [4, True], "decoder_latent_shape: found true in the list: must be"),
    ("ddconfig.ch", 16, "ddconfig.ch: found 16 x 1: must be a multiple of 32"),
    ("ddconfig.ch", 2**31 - 32, "ddconfig.ch: found 2147483616 x 2: must be"),
    ("ddconfig.ch", "32", 'ddconfig.ch: found "32": must be'),
    ("ddconfig.ch_mult", [], "ddconfig.ch_mult: found a list of 0: must be a list of 1 to 16"),
    ("ddconfig.ch_mult", [1] * 17, "ddconfig.ch_mult: found a list of 17: must be"),
    ("ddconfig.ch_mult", [1, 2.0], "ddconfig.ch_mult: found 2.0 in the list: must be"),
    ("ddconfig.num_res_blocks", 65, "ddconfig.num_res_blocks: found 65: must be at most 64"),
    ("ddconfig.attn_resolutions", None, "ddconfig.attn_resolutions: found null: must be a list"),
    ("ddconfig.resolution", None, "ddconfig.resolution: found null: must be"),
    ("ddconfig.z_channels", -1, "ddconfig.z_channels: found -1: must be"),
    ("ddconfig.out_ch", 1, "ddconfig.out_ch: found 1: must be 3"),
    ("ddconfig.resamp_with_conv", False, "ddconfig.resamp_with_conv: found false: must be true"),
    ("ddconfig.give_pre_end", True, "ddconfig.give_pre_end: found true: must be false"),
    ("ddconfig.give_pre_end", 0, "ddconfig.give_pre_end: found 0: must be true or false"),
)
REQUIRED = ("ch", "ch_mult", "num_res_blocks", "attn_resolutions", "resolution", "z_channels")


def read_changed(key: str, value: Any) -> PixelDecoderConfig:
    """Sizes of A2 with another value."""
    config: dict[str, Any] = read_vision_config("A2")["rqvaesiglip"]
    place = config
    *outer, last = key.split(".")
    for name in outer:
        place = place[name]
    place[last] = value
    return read_pixel_decoder_config(config, "DIR/config.json: rqvaesiglip")


def test_sizes_are_read() -> None:
    assert read_changed("decay", 0.5) == PixelDecoderConfig(
        code_width=24,
        latent_side=3,
        resized_latent=(4, 4),
        z_channels=20,
        level_channels=(32, 64),
        num_residual_blocks=2,
        attention_levels=frozenset({0}),
    )


@pytest.mark.parametrize(("key", "value", "text"), WRONG_VALUES)
def test_a_wrong_value_is_refused_by_its_key(key: str, value: Any, text: str) -> None:
    match = f"^{re.escape('DIR/config.json: rqvaesiglip: ' + text)}.*$"
    with pytest.raises(CheckpointError, match=match):
        read_changed(key, value)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_refused_by_its_name(key: str) -> None:
    config = read_vision_config("A2")["rqvaesiglip"]
    del config["ddconfig"][key]
    with pytest.raises(CheckpointError, match=rf"^config: ddconfig\.{key}: found (nothing|null)"):
        read_pixel_decoder_config(config, "config")


@pytest.mark.parametrize(
    ("sides", "levels"), [([], set()), ([8], {0}), ([4], {1}), ([8, 4, 16], {0, 1}), ([5], set())]
)
def test_attention_stands_at_the_levels_whose_nominal_side_is_named(
    sides: list[int], levels: set[int]
) -> None:
    assert read_changed("ddconfig.attn_resolutions", sides).attention_levels == levels


@pytest.mark.parametrize(
    ("resized", "shape"), [(None, (3, 6, 6)), ([4, 4], (3, 8, 8)), ([5, 2], (3, 10, 4))]
)
def test_the_picture_is_the_latent_doubled_at_all_levels_but_one(
    resized: list[int] | None, shape: tuple[int, ...]
) -> None:
    assert read_changed("decoder_latent_shape", resized).picture_shape == shape
