"""Options that say what computes, and how it keeps keys and values."""

from __future__ import annotations

import click

from fastcar.cli.options import NearestChoice
from fastcar.reference.engine_choice import AUTO, ENGINE_CHOICES
from fastcar.reference.kv_cache import CacheStorage

engine_option = click.option(
    "--engine",
    type=NearestChoice(ENGINE_CHOICES),
    default=AUTO,
    show_default=True,
    help="numpy, the specification; numba, kernels compiled at their first use: faster, float32 "
    "only; auto, these where they are compiled already or the work is long, else numpy.",
)
cache_option = click.option(
    "--kv-cache",
    type=NearestChoice(storage.value for storage in CacheStorage),
    default=CacheStorage.EXACT.value,
    show_default=True,
    help="Keys and values as computed; rounded to bfloat16, half of the memory; or to int8 with a "
    "scale per token and head, a quarter. Both of float32 only.",
)
