from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.errors import ArgumentError
from tools.moving_digits.prompts import make_prompts, require_prompts


def test_prompts_are_spread_over_digits_and_directions() -> None:
    prompts = make_prompts(10)
    assert np.bincount([prompt.digit for prompt in prompts]).tolist() == [10] * 10
    assert len(set(prompts)) == 80
    assert make_prompts(4, 3) != make_prompts(4)


def test_a_clip_without_a_prompt_is_no_clip_of_moving_digits() -> None:
    prompts = make_prompts(1)
    assert require_prompts(list(prompts)) == prompts
    with pytest.raises(ArgumentError, match=r"^prompts = None: must be those of a model of moving"):
        require_prompts([*prompts, None])
