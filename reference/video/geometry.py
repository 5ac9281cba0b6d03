"""Sizes of a tokenised video: frames, canvas and patches, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.reference.errors import ArgumentError


@dataclass(frozen=True)
class VideoGeometry:
    """Sizes of a video of square frames cut into square patches, one token per patch.

    Attributes:
        frames: frames of a training clip.
        canvas_pixels: height and width of a frame, pixels.
        patch_pixels: height and width of a patch, pixels.
        digit_pixels: height and width of the moving digit, pixels, a whole number of patches; None
            = no digit moves, and the model takes no prompt (D-57).
    """

    frames: int
    canvas_pixels: int
    patch_pixels: int
    digit_pixels: int | None = None

    def __post_init__(self) -> None:
        sizes = {name: size for name, size in vars(self).items() if size is not None}
        for name, size in sizes.items():
            if size < 1:
                raise ArgumentError(name, size, "at least 1")
        for name, size in sizes.items():
            if name.endswith("_pixels") and size % self.patch_pixels:
                raise ArgumentError(name, size, f"a multiple of patch_pixels = {self.patch_pixels}")
        if self.digit_pixels is not None and self.digit_pixels > self.canvas_pixels:
            raise ArgumentError(
                "digit_pixels", self.digit_pixels, f"at most canvas_pixels = {self.canvas_pixels}"
            )

    @property
    def patches_per_side(self) -> int:
        """Patches along one side of a frame."""
        return self.canvas_pixels // self.patch_pixels

    def get_digit_pixels(self) -> int:
        """Height and width of the moving digit, pixels.

        Raises:
            ArgumentError: no digit moves in these videos.
        """
        if self.digit_pixels is None:
            raise ArgumentError("digit_pixels", None, "given where a digit moves")
        return self.digit_pixels

    @property
    def digit_patches_per_side(self) -> int:
        """Patches along one side of the digit, if there is one."""
        return self.get_digit_pixels() // self.patch_pixels

    @property
    def positions_per_axis(self) -> int:
        """Patch-aligned places of the digit along one axis, if there is one."""
        return self.patches_per_side - self.digit_patches_per_side + 1

    @property
    def tokens_per_frame(self) -> int:
        """N, the tokens of one frame."""
        return self.patches_per_side**2
