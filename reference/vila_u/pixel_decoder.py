"""From the latents of frames to their pixels: VILA-U's convolutional decoder, a frame at a time.

Published in bfloat16, computed here in float32 (D-62); what that changes is in `docs/vila_u.md`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.arrays import Float32Array, FloatArray
from fastcar.reference.errors import ArgumentError, CheckpointError, NonFiniteError
from fastcar.reference.progress import Progress
from fastcar.reference.vila_u.convolution import Convolution
from fastcar.reference.vila_u.picture_blocks import (
    ActivatedConvolution,
    AttentionBlock,
    GroupNorm,
    PictureBlock,
    ResidualBlock,
    Resize,
    Upsampling,
)
from fastcar.reference.vila_u.pixel_decoder_config import COLOURS, PixelDecoderConfig

Shape = tuple[int, ...]
GetTensor = Callable[[str, Shape], Float32Array]
_BRIGHTEST = 255.0


@dataclass(frozen=True)
class PixelDecoder:
    """The decoder with its weights.

    Attributes:
        config: sizes.
        blocks: steps from a latent [C, s, s] to colours [3, h, w] around -1 .. 1.
    """

    config: PixelDecoderConfig
    blocks: tuple[PictureBlock, ...]

    def decode(self, latents: FloatArray, progress: Progress | None = None) -> Float32Array:
        """Pixels of frames.

        Args:
            latents: [F, s, s, C], sums of codewords.
            progress: called after every block of every frame.

        Returns:
            [F, 3, h, w], 0 .. 255, not rounded.

        Raises:
            ArgumentError: latents of another shape.
            NonFiniteError: colours that are not finite.
        """
        colours = np.clip(self.compute_raw(latents, progress), -1, 1)
        pixels: Float32Array = (colours + 1) * np.float32(_BRIGHTEST / 2)
        return pixels

    def compute_raw(self, latents: FloatArray, progress: Progress | None = None) -> Float32Array:
        """Colours [F, 3, h, w] before they are scaled and limited; otherwise as `decode`."""
        side, width = self.config.latent_side, self.config.code_width
        if latents.ndim != 4 or latents.shape[1:] != (side, side, width):
            raise ArgumentError("latents.shape", latents.shape, f"(F, {side}, {side}, {width})")
        raw = np.empty((len(latents), *self.config.picture_shape), np.float32)
        todo = len(latents) * len(self.blocks)
        for frame, latent in enumerate(latents):
            x = np.ascontiguousarray(latent.transpose(2, 0, 1), np.float32)
            with np.errstate(over="ignore", invalid="ignore"):  # infinities are refused below
                for index, block in enumerate(self.blocks):
                    x = block.compute(x)
                    if progress is not None:
                        progress(frame * len(self.blocks) + index + 1, todo)
            _check_finite(x, frame)
            raw[frame] = x
        return raw


def to_bytes(pixels: FloatArray) -> NDArray[np.uint8]:
    """Pixels 0 .. 255 as bytes, truncated as the published code does when it saves."""
    return pixels.astype(np.uint8)


def load_pixel_decoder(
    read: Callable[[str], FloatArray], config: PixelDecoderConfig
) -> PixelDecoder:
    """The decoder of a vision tower.

    Args:
        read: the tensor of a name, as `get_pixel_decoder_shapes` names them.
        config: sizes.

    Raises:
        CheckpointError: a tensor of another shape, or what `read` refuses.
    """

    def get(name: str, shape: Shape) -> Float32Array:
        tensor = read(name)
        if tensor.shape != shape:
            raise CheckpointError(f"tensor {name}: shape", list(tensor.shape), str(list(shape)))
        return np.ascontiguousarray(tensor, np.float32)

    return PixelDecoder(config, _Builder(get).make_blocks(config))


def get_pixel_decoder_shapes(config: PixelDecoderConfig) -> dict[str, Shape]:
    """Every tensor of the decoder, by its name in the vision tower."""
    shapes: dict[str, Shape] = {}

    def note(name: str, shape: Shape) -> Float32Array:
        shapes[name] = shape
        return np.zeros((), np.float32)  # sizes may be beyond any array: no file has them yet

    _Builder(note).make_blocks(config)
    return shapes


def _check_finite(raw: Float32Array, frame: int) -> None:
    finite = np.isfinite(raw)
    if not finite.all():
        place = [int(index) for index in np.unravel_index(int(np.argmin(finite)), raw.shape)]
        found: Any = raw[tuple(place)]
        raise NonFiniteError("colour", found, f"of frame {frame} at {place}")


@dataclass(frozen=True)
class _Builder:
    """Names and shapes of all tensors, in one place; `get` reads them or notes them."""

    get: GetTensor

    def make_blocks(self, config: PixelDecoderConfig) -> tuple[PictureBlock, ...]:
        channels = config.level_channels[-1]
        blocks: list[PictureBlock] = []
        if config.resized_latent is not None:
            blocks.append(Resize(*config.resized_latent))
        root = "rqvaesiglip.decoder"
        name = "rqvaesiglip.post_quant_conv"
        blocks += [
            self._make_convolution(name, config.code_width, config.z_channels, 1),
            self._make_convolution(f"{root}.conv_in", config.z_channels, channels),
            self._make_residual(f"{root}.mid.block_1", channels, channels),
            self._make_attention(f"{root}.mid.attn_1", channels),
            self._make_residual(f"{root}.mid.block_2", channels, channels),
        ]
        for level in reversed(range(len(config.level_channels))):
            blocks += self._make_level(f"{root}.up.{level}", config, level, channels)
            channels = config.level_channels[level]
        norm = self._make_norm(f"{root}.norm_out", channels)
        convolution = self._make_convolution(f"{root}.conv_out", channels, COLOURS)
        return (*blocks, ActivatedConvolution(norm, convolution))

    def _make_level(
        self, name: str, config: PixelDecoderConfig, level: int, channels: int
    ) -> list[PictureBlock]:
        """One level, from the channels of the coarser one."""
        blocks: list[PictureBlock] = []
        new_channels = config.level_channels[level]
        for index in range(config.num_residual_blocks + 1):
            blocks.append(self._make_residual(f"{name}.block.{index}", channels, new_channels))
            channels = new_channels
            if level in config.attention_levels:
                blocks.append(self._make_attention(f"{name}.attn.{index}", channels))
        if level:
            convolution = self._make_convolution(f"{name}.upsample.conv", channels, channels)
            blocks.append(Upsampling(convolution))
        return blocks

    def _make_residual(self, name: str, channels: int, new_channels: int) -> ResidualBlock:
        shortcut = None
        if channels != new_channels:
            shortcut = self._make_convolution(f"{name}.nin_shortcut", channels, new_channels, 1)
        first, second = (
            ActivatedConvolution(
                self._make_norm(f"{name}.norm{index}", width),
                self._make_convolution(f"{name}.conv{index}", width, new_channels),
            )
            for index, width in ((1, channels), (2, new_channels))
        )
        return ResidualBlock(first, second, shortcut)

    def _make_attention(self, name: str, channels: int) -> AttentionBlock:
        norm = self._make_norm(f"{name}.norm", channels)
        maps = (
            self._make_convolution(f"{name}.{part}", channels, channels, 1)
            for part in ("q", "k", "v", "proj_out")
        )
        return AttentionBlock(norm, *maps)

    def _make_norm(self, name: str, channels: int) -> GroupNorm:
        weight = self.get(f"{name}.weight", (channels,))
        return GroupNorm(weight, self.get(f"{name}.bias", (channels,)))

    def _make_convolution(
        self, name: str, channels: int, new_channels: int, side: int = 3
    ) -> Convolution:
        weight = self.get(f"{name}.weight", (new_channels, channels, side, side))
        return Convolution(weight, self.get(f"{name}.bias", (new_channels,)))
