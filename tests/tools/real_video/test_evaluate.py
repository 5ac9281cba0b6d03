"""Bigram and copying, against counting by hand."""

from typing import Any

import numpy as np

from fastcar.reference.arrays import Float32Array
from fastcar.reference.video.codec import PatchCodec
from tools.real_video.evaluate import SMOOTHING, count_bigram, split_frames, summarise


class Alternating:
    """Every clip goes from black to white."""

    def draw(self, frames: int) -> Float32Array:
        """One of them."""
        return np.stack(
            [np.full((32, 32), frame / (frames - 1), np.float32) for frame in range(frames)]
        )


def test_bigram_counts_what_follows_what() -> None:
    codec = PatchCodec(np.stack([np.zeros(16), np.ones(16)]).astype(np.float32))
    sampler: Any = Alternating()
    bigram = count_bigram(sampler, codec, 2)
    seen = 2 * 64
    expected = np.array([[SMOOTHING, seen + SMOOTHING], [SMOOTHING, SMOOTHING]])
    np.testing.assert_allclose(np.exp(bigram), expected / expected.sum(axis=1, keepdims=True))


def test_scored_frames_and_those_before() -> None:
    codes = np.repeat(np.arange(5), 64)[None]
    now, before = split_frames(codes)
    assert now[0, :, 0].tolist() == [2, 3, 4]
    assert before[0, :, 0].tolist() == [1, 2, 3]


def test_summaries_take_the_first_clips_of_each_source() -> None:
    fields = ("nats", "top_1", "copying_top_1", "bigram_nats")
    sources = {
        name: {field: [start, start + 1, 99.0] for field in fields}
        for name, start in (("a", 0.0), ("b", 10.0))
    }
    summary = summarise(sources, ["a", "b"], 2)
    assert summary["clips"] == 4
    assert summary["nats"] == (0 + 1 + 10 + 11) / 4
    np.testing.assert_allclose(summary["nats_error"], np.std([0, 1, 10, 11], ddof=1) / 2)
