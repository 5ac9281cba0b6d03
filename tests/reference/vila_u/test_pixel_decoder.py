"""The pixel decoder against recorded latents, colours and pixels of the published code."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from fastcar.reference.arrays import Float32Array, FloatArray, Int64Array
from fastcar.reference.errors import ArgumentError, CheckpointError, NonFiniteError
from fastcar.reference.vila_u.pixel_decoder import (
    PixelDecoder,
    get_pixel_decoder_shapes,
    load_pixel_decoder,
    to_bytes,
)
from fastcar.reference.vila_u.pixel_decoder_config import (
    PixelDecoderConfig,
    read_pixel_decoder_config,
)
from tests.vila_u_files import (
    MODELS,
    ROOT,
    find_vision_tensors,
    load_vectors,
    make_reader,
    read_vision_config,
)

PIXEL_LIMIT = 2e-3
"""Of 255: sums of other orders than the published ones, in float32."""


def read_config(model: str) -> PixelDecoderConfig:
    """Sizes of a recorded decoder."""
    return read_pixel_decoder_config(read_vision_config(model)["rqvaesiglip"], "config.json")


def load(model: str) -> PixelDecoder:
    """A recorded decoder."""
    return load_pixel_decoder(make_reader(model), read_config(model))


@pytest.mark.parametrize("model", MODELS)
def test_colours_and_pixels_are_the_published_ones(model: str) -> None:
    recorded = load_vectors(model, "decode")
    decoder = load(model)
    raw = decoder.compute_raw(recorded["latent"])
    np.testing.assert_allclose(raw, recorded["raw"], rtol=0, atol=PIXEL_LIMIT / 127.5)
    pixels = decoder.decode(recorded["latent"])
    assert pixels.dtype == np.float32
    np.testing.assert_allclose(pixels, recorded["pixels"], rtol=0, atol=PIXEL_LIMIT)
    assert {0, 255} <= set(pixels.ravel().tolist())  # so that both limits are tested


def test_the_page_says_how_far_the_published_bfloat16_lies() -> None:
    recorded = [load_vectors(model, "decode") for model in MODELS]
    distances = [abs(one["pixels"] - one["pixels_bfloat16"]) for one in recorded]
    largest, mean = max(d.max() for d in distances), max(d.mean() for d in distances)
    page = " ".join((ROOT / "docs" / "vila_u.md").read_text().split())
    words = f"moves single pixels by up to {largest:.1f} of 255 and pixels on average by {mean:.1f}"
    assert words in page


@pytest.mark.parametrize("model", MODELS)
def test_a_generated_video_has_the_published_pixels(model: str) -> None:
    recorded = load_vectors(model, "greedy_video")
    decoder = load(model)
    side = decoder.config.latent_side
    codes = recorded["codes"]  # [b, T, D]
    latents = sum_codewords(model, codes.reshape(-1, codes.shape[2]))
    pixels = decoder.decode(latents.reshape(-1, side, side, decoder.config.code_width))
    expected = np.concatenate(recorded["pixels"])
    np.testing.assert_allclose(pixels, expected, rtol=0, atol=PIXEL_LIMIT)


def sum_codewords(model: str, codes: Int64Array) -> Float32Array:
    """Latents [T, C] of codes [T, D]."""
    read = make_reader(model)
    is_shared = read_vision_config(model)["rqvaesiglip"]["shared_codebook"]
    total = np.zeros((), np.float32)
    for depth, row in enumerate(codes.T):
        book = 0 if is_shared else depth
        total = total + read(f"rqvaesiglip.quantizer.codebooks.{book}.weight")[row]
    return total


@pytest.mark.parametrize("model", MODELS)
def test_the_named_tensors_are_those_of_the_file(model: str) -> None:
    places = find_vision_tensors(model)
    prefixes = ("rqvaesiglip.decoder.", "rqvaesiglip.post_quant_conv.")
    stored = {name: place.shape for name, place in places.items() if name.startswith(prefixes)}
    assert get_pixel_decoder_shapes(read_config(model)) == stored


def test_sizes_beyond_any_array_have_shapes_all_the_same() -> None:
    config = replace(read_config("A2"), z_channels=2**31 - 1, level_channels=(2**31 - 32,))
    shapes = get_pixel_decoder_shapes(config)
    assert shapes["rqvaesiglip.decoder.conv_in.weight"] == (2**31 - 32, 2**31 - 1, 3, 3)


def test_progress_counts_the_blocks_of_all_frames() -> None:
    told: list[tuple[int, int]] = []
    decoder = load("A2")
    decoder.decode(np.zeros((2, 3, 3, 24), np.float32), lambda *call: told.append(call))
    todo = 2 * len(decoder.blocks)
    assert told == [(done, todo) for done in range(1, todo + 1)]


def test_a_frame_does_not_depend_on_its_neighbours() -> None:
    latents = load_vectors("A2", "decode")["latent"]
    decoder = load("A2")
    np.testing.assert_array_equal(decoder.decode(latents)[2:3], decoder.decode(latents[2:3]))


def test_bytes_are_cut_off_not_rounded() -> None:
    assert to_bytes(np.array([0, 0.99, 254.999, 255])).tolist() == [0, 0, 254, 255]


@pytest.mark.parametrize("shape", [(3, 3, 24), (1, 24, 3, 3), (1, 4, 4, 24), (1, 3, 3, 25)])
def test_latents_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    limit = re.escape(f"latents.shape = {shape}: must be (F, 3, 3, 24)")
    with pytest.raises(ArgumentError, match=f"^{limit}$"):
        load("A2").decode(np.zeros(shape, np.float32))


def test_a_tensor_of_another_shape_is_refused_by_name() -> None:
    read = make_reader("A2")
    name = "rqvaesiglip.decoder.mid.attn_1.k.weight"

    def read_turned(asked: str) -> FloatArray:
        return read(asked)[..., 0] if asked == name else read(asked)

    with pytest.raises(CheckpointError, match=rf"^tensor {name}: shape: found \[64, 64, 1\]: must"):
        load_pixel_decoder(read_turned, read_config("A2"))


def test_colours_beyond_the_range_are_refused() -> None:
    read = make_reader("A2")

    def read_large(name: str) -> FloatArray:
        factors = {"conv_out.weight": 1e38, "norm_out.weight": 1e4}
        return read(name) * np.float32(factors.get(name.removeprefix("rqvaesiglip.decoder."), 1))

    decoder = load_pixel_decoder(read_large, read_config("A2"))
    latents = load_vectors("A2", "decode")["latent"]
    with pytest.raises(NonFiniteError, match=r"^colour = -?(inf|nan) of frame 0 at \["):
        decoder.decode(latents)
