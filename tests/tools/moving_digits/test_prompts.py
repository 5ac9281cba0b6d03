from __future__ import annotations

import numpy as np

from tools.moving_digits.prompts import make_prompts


def test_prompts_are_spread_over_digits_and_directions() -> None:
    prompts = make_prompts(10)
    assert np.bincount([prompt.digit for prompt in prompts]).tolist() == [10] * 10
    assert len(set(prompts)) == 80
    assert make_prompts(4, 3) != make_prompts(4)
