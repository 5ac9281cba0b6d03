"""Both engines on real weights."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.engine import NumpyEngine
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.kernels.engine import NumbaEngine
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.video.model import load_video_model

pytestmark = pytest.mark.slow
"""Compiling the kernels takes a minute."""


@pytest.mark.parametrize("storage", CacheStorage)
def test_both_engines_draw_the_same_video_of_the_shipped_model(storage: CacheStorage) -> None:
    model = load_video_model()
    prompt = np.array([model.vocabulary.encode_unconditional()] * 2)
    replay = ReplayConfig(model.geometry.tokens_per_frame)
    found = []
    for engine in (NumpyEngine(), NumbaEngine()):
        options = DecodeOptions(replay, engine=engine, cache_storage=storage)
        result = generate(
            model.config,
            model.weights,
            Prompts(prompt, prompt),
            options,
            num_frames=3,
            num_codes=model.codec.num_codes,
            sampling=Sampling(0.7),
            seed=1,
        )
        found.append(result)
    assert np.array_equal(found[0].token_ids, found[1].token_ids)
    differences = np.abs(found[0].nats - found[1].nats)
    if storage is CacheStorage.INT8:  # a tie that falls otherwise is a step, a 127th of the largest
        assert differences.mean() < 1e-3
    else:
        assert differences.max() < 1e-3
