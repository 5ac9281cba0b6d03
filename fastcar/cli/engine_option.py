"""The option that says what computes."""

from __future__ import annotations

import click

from reference.engine_factory import ENGINE_NAMES

engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINE_NAMES),
    default=ENGINE_NAMES[0],
    show_default=True,
    help="NumPy, or kernels that Numba compiles at their first use: faster, float32 only.",
)
