"""Excess over dense, paired, at measured and at equal ratios."""

import numpy as np

from tools.replay_value.statistics import compute_excess, describe_misses, interpolate_excess

DENSE = {"nats": [1.0, 2.0, 4.0]}


def make_row(target: float, ratios: list[float], nats: list[float]) -> dict[str, object]:
    return {"target": target, "ratio": float(np.mean(ratios)), "clip_ratios": ratios, "nats": nats}


def test_excess_is_paired_and_may_look_at_some_clips() -> None:
    row = make_row(0.5, [0.4, 0.5, 0.6], [1.5, 2.5, 4.5])
    everything = compute_excess(row, DENSE)
    assert (everything.ratio, everything.nats, everything.error) == (0.5, 0.5, 0.0)
    some = compute_excess(row, DENSE, np.array([False, True, True]))
    assert np.isclose(some.ratio, 0.55)


def test_equal_ratios_lie_on_the_line_between_measured_ones() -> None:
    low = make_row(0.5, [0.4] * 3, [1.0, 2.0, 4.0])
    high = make_row(0.8, [0.8] * 3, [2.0, 2.0, 4.0])
    middle = interpolate_excess([high, low], DENSE, 0.6)
    assert middle is not None
    assert np.isclose(middle.nats, 0.5 / 3)
    assert np.isclose(middle.error, np.std([0.5, 0, 0], ddof=1) / np.sqrt(3))
    assert interpolate_excess([low, high], DENSE, 0.81) is not None
    assert interpolate_excess([low, high], DENSE, 0.9) is None
    assert interpolate_excess([low, high], DENSE, 0.3) is None


def test_misses_of_single_clips() -> None:
    mean, worst = describe_misses([make_row(0.5, [0.4, 0.5, 0.8], [1.0, 1.0, 1.0])])
    assert np.isclose(mean, 0.4 / 3)
    assert np.isclose(worst, 0.3)
