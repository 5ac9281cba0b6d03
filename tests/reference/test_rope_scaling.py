"""Ranges of the parameters of rotary scaling."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, replace

import pytest

from fastcar.reference.errors import ArgumentError
from fastcar.reference.rope_scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    RopeScaling,
    YarnScaling,
)
from fastcar.strategies import make_config

YARN = YarnScaling(4.0, 16, 1.25)


def test_the_entries_have_the_names_of_the_file() -> None:
    assert asdict(LinearScaling(2.0)) == {"rope_type": "linear", "factor": 2.0}
    assert asdict(Llama3Scaling(8.0, 1.0, 4.0, 16)) == {
        "rope_type": "llama3",
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearScaling(0.99), r"^factor = 0\.99: must be a number from 1 to 1e\+06$"),
        (lambda: DynamicScaling(math.nan), r"^factor = nan: must be a number from 1 to 1e\+06$"),
        (
            lambda: Llama3Scaling(8, 4, 4, 16),
            r"^high_freq_factor = 4: must be above low_freq_.* 4$",
        ),
        (
            lambda: replace(YARN, attention_factor=0.0),
            r"^attention_factor = 0\.0: must be a number",
        ),
        (lambda: replace(YARN, beta_slow=33.0), r"^beta_slow = 33\.0: must be at most beta_.* 32$"),
        (
            lambda: YarnScaling(4.0, 0, 1.0),
            r"^original_max_position_embeddings = 0: must be at least 1$",
        ),
        (
            lambda: replace(make_config(), rope_theta=1.0, rope_scaling=YARN),
            r"^rope_theta = 1\.0: must be above 1 with rope_type 'yarn'$",
        ),
    ],
)
def test_values_out_of_range_are_refused(make: Callable[[], RopeScaling], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        make()
