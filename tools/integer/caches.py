"""What keys and values in fewer bits lose: the float decoder with each cache against the exact one.

Nothing else is rounded; thresholds are those of the integer decoders' runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from fastcar.reference.decoder import Decoder
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.kv_cache import CacheStorage, KVCache
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import VideoModel
from tools.integer.measures import GATE_NAMES, IntegerSettings, Json, compare_forced, run_forced

ROUNDED = (CacheStorage.BFLOAT16, CacheStorage.INT8)


def measure_caches(
    model: VideoModel, settings: IntegerSettings, thresholds: Mapping[str, list[float]]
) -> Json:
    """By storage: bytes of a token, and teacher-forced runs under every gate."""
    measured: Json = {
        storage.value: {"bytes_per_token": count_bytes(model, storage), "gates": {}}
        for storage in CacheStorage
    }
    clips = model.load_clips("held_out").take(settings.clips)
    for name in GATE_NAMES:
        fixed = FixedThresholds(thresholds[name])
        gate = None if name == "dense" else make_threshold_gate(name, fixed)
        exact = run_forced(model, clips, settings.frames, gate)
        for storage in ROUNDED:
            make_decoder = partial(Decoder, cache_storage=storage)
            found = run_forced(model, clips, settings.frames, gate, make_decoder)
            measured[storage.value]["gates"][name] = {"forced": compare_forced(exact, found)}
    return measured


def count_bytes(model: VideoModel, storage: CacheStorage) -> int:
    """Of the keys and values of one token, all layers together."""
    cache = KVCache(model.config, 1, 1, model.weights.dtype, storage)
    arrays = cache.keys, cache.values, cache.key_scales, cache.value_scales
    return sum(array.nbytes for array in arrays)
