"""Drawing by selection gives the token of drawing by sorting, and of the specification."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.reference.kernels.compilation import kernel
from fastcar.reference.kernels.frame.run import PACKAGE
from fastcar.reference.kernels.frame.sampling import GUARD, draw
from fastcar.reference.kernels.sampling import draw_tokens
from fastcar.reference.sampling import Sampling
from tests.reference.kernels.test_sampling import is_decided

pytestmark = pytest.mark.slow
"""Compiling the kernels takes ten seconds."""

Array = Any


class Draws(NamedTuple):
    """What `draw` reads of the draws of a plan."""

    temperature: float
    top_k: int
    top_p: float


class Plan(NamedTuple):
    """What it reads of a plan."""

    draws: Draws


class Own(NamedTuple):
    """What it reads of a thread's memory."""

    ranked: Array
    order: Array
    masses: Array


@kernel(package=PACKAGE)
def draw_all(plan: Plan, own: Own, logits: Array, uniforms: Array, token_ids: Array) -> None:
    for place in range(len(uniforms)):
        token_ids[place] = draw(plan, own, logits, uniforms[place])


def select(sampling: Sampling, logits: Array, uniforms: Array) -> NDArray[np.int64]:
    """Tokens of the frame kernel."""
    count = len(logits)
    top_k = count if sampling.top_k is None else sampling.top_k
    plan = Plan(Draws(float(sampling.temperature), top_k, float(sampling.top_p)))
    ranked = np.full((1, count), np.nan, np.float32)
    own = Own(ranked, np.zeros(count, np.int64), np.zeros(count))
    token_ids = np.full(len(uniforms), -1)
    draw_all(plan, own, logits, uniforms, token_ids)
    return token_ids


def sort(sampling: Sampling, logits: Array, uniforms: Array) -> NDArray[np.int64]:
    """Tokens of the kernel that sorts."""
    top_k = len(logits) if sampling.top_k is None else sampling.top_k
    token_ids = np.full(len(uniforms), -1)
    draw_tokens(
        np.tile(logits, (len(uniforms), 1)),
        float(sampling.temperature),
        top_k,
        float(sampling.top_p),
        uniforms,
        token_ids,
    )
    return token_ids


def find_borders(sampling: Sampling, logits: Array) -> NDArray[np.float64]:
    """Uniform numbers at which another token begins to be drawn."""
    ranked = np.sort(logits.astype(np.float64))[::-1]
    cumulated = np.cumsum(sampling.compute_probabilities(ranked))
    borders: NDArray[np.float64] = cumulated / cumulated[-1]
    return borders


def draw_uniforms(
    sampling: Sampling, logits: Array, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Anywhere, and at, next to and about the guard away from borders."""
    borders = find_borders(sampling, logits)
    some = np.concatenate([borders[:3], rng.choice(borders, 4)])
    distances = [0, 1e-16, -1e-16, 1e-9, -1e-9, GUARD / 2, -GUARD / 2, 1.01 * GUARD, -1.01 * GUARD]
    near = (some[:, None] + distances).reshape(-1)
    uniforms = np.concatenate([rng.random(12), near, [0, np.nextafter(1, 0)]])
    clipped: NDArray[np.float64] = np.clip(uniforms, 0, np.nextafter(1, 0))
    return clipped


SAMPLINGS = [
    *(Sampling(temperature) for temperature in (0, 1e-45, 1e-30, 0.02, 0.5, 1, 4, 1e6, 1e300)),
    Sampling(1, 1),
    Sampling(1, 40),
    Sampling(0.5, 64),
    Sampling(1, 10**6),
    Sampling(1, None, 0.9),
    Sampling(2, 50, 0.5),
    Sampling(1, None, 1e-9),
]


def draw_logits(codes: int, rng: np.random.Generator) -> Array:
    """Peaked or flat, with ties or without."""
    logits = rng.standard_normal(codes) * rng.choice([0.01, 1, 5, 40])
    if rng.random() < 0.3:
        logits = np.round(logits)
    return logits.astype(np.float32)


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_tokens_are_those_of_sorting_bit_for_bit(sampling: Sampling) -> None:
    rng = np.random.default_rng(1)
    for codes in (1, 2, 15, 63, 64, 65, 100, 256, 1000, 1024):
        for _ in range(4):
            logits = draw_logits(codes, rng)
            uniforms = draw_uniforms(sampling if sampling.temperature else Sampling(), logits, rng)
            found = select(sampling, logits, uniforms)
            assert np.array_equal(found, sort(sampling, logits, uniforms)), codes


class Stream:
    """One number that was drawn before."""

    def __init__(self, uniform: float) -> None:
        self._uniform = uniform

    def random(self) -> float:
        """That number."""
        return self._uniform


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
def test_tokens_are_those_of_the_specification(sampling: Sampling) -> None:
    rng = np.random.default_rng(2)
    for codes in (2, 70, 100):
        logits = draw_logits(codes, rng)
        uniforms = draw_uniforms(sampling if sampling.temperature else Sampling(), logits, rng)
        found = select(sampling, logits, uniforms)
        for token_id, uniform in zip(found, uniforms, strict=True):
            stream: Any = Stream(float(uniform))
            if sampling.temperature == 0 or is_decided(sampling, logits, float(uniform)):
                assert token_id == sampling.draw(logits, stream)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98])
def test_a_hundred_thousand_tokens_of_one_mass_do_not_mislead_the_first_sum(share: float) -> None:
    """Rounded one by one in float32, equal terms are off in one direction."""
    rng, codes = np.random.default_rng(3), 1 << 17
    logits = np.full(codes, np.log(share / codes), np.float32)
    logits[7], logits[9] = np.log((1 - share) * 0.7), np.log((1 - share) * 0.3)
    sampling = Sampling()
    borders = find_borders(sampling, logits)[:3]
    distances = GUARD * np.array([-3, -2, -1.5, -1.1, -0.9, 0.9, 1.1, 1.5, 2, 3])
    uniforms = np.concatenate([(borders[:, None] + distances).reshape(-1), rng.random(3)])
    uniforms = np.clip(uniforms, 0, 1 - 1e-9)
    assert np.array_equal(select(sampling, logits, uniforms), sort(sampling, logits, uniforms))
