"""Options that say what computes, and how it keeps keys and values."""

from __future__ import annotations

import click

from fastcar.cli.options import NearestChoice
from fastcar.reference.engine_factory import ENGINE_NAMES
from fastcar.reference.kv_cache import CacheStorage

engine_option = click.option(
    "--engine",
    type=NearestChoice(ENGINE_NAMES),
    default=ENGINE_NAMES[0],
    show_default=True,
    help="NumPy, or kernels that Numba compiles at their first use: faster, float32 only.",
)
cache_option = click.option(
    "--kv-cache",
    type=NearestChoice(storage.value for storage in CacheStorage),
    default=CacheStorage.EXACT.value,
    show_default=True,
    help="Keys and values as computed; rounded to bfloat16, half of the memory; or to int8 with a "
    "scale per token and head, a quarter. Both of float32 only.",
)
