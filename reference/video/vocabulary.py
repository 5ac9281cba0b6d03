"""Which token ids a video model has behind its codes: those of prompts, or "begin" alone (D-57)."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.reference.errors import ArgumentError
from fastcar.reference.video.geometry import VideoGeometry
from fastcar.reference.video.prompt import Prompt, PromptVocabulary


@dataclass(frozen=True)
class BeginVocabulary:
    """Token ids of a model that takes no prompt: `num_codes` visual codes, then "begin"."""

    num_codes: int

    @property
    def begin_token(self) -> int:
        """The one token that stands before every video."""
        return self.num_codes

    @property
    def vocab_size(self) -> int:
        """Visual codes and "begin"."""
        return self.num_codes + 1

    @property
    def prompt_tokens(self) -> int:
        """P, tokens before a video."""
        return 1

    def encode(self, prompt: Prompt | None) -> list[int]:
        """Token ids before a video, one of them.

        Args:
            prompt: None, nothing else.

        Raises:
            ArgumentError: a prompt.

        >>> BeginVocabulary(1024).encode(None)
        [1024]
        """
        if prompt is not None:
            raise ArgumentError("prompt", str(prompt), "left out: the model takes no prompt")
        return [self.begin_token]

    def encode_unconditional(self) -> list[int]:
        """The same: no other prompt could be guided away from."""
        return self.encode(None)


Vocabulary = PromptVocabulary | BeginVocabulary


def make_vocabulary(num_codes: int, geometry: VideoGeometry) -> Vocabulary:
    """That of a model of moving digits, or of one that takes no prompt.

    Args:
        num_codes: K, of the codebook.
        geometry: has a digit, or has none.

    >>> sizes = VideoGeometry(frames=16, canvas_pixels=32, patch_pixels=4)
    >>> make_vocabulary(1024, sizes).vocab_size
    1025
    """
    if geometry.digit_pixels is None:
        return BeginVocabulary(num_codes)
    return PromptVocabulary(num_codes, geometry.positions_per_axis)
