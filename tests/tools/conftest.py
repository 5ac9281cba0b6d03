from __future__ import annotations

import pytest

from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from tools.moving_digits.clip_sampler import GEOMETRY
from tools.moving_digits.digit_images import LabelledImages, load_split
from tools.moving_digits.digit_recognition import DigitClassifier


@pytest.fixture(scope="session")
def held_out() -> LabelledImages:
    """Held-out digits [n, 8, 8] and their labels."""
    return load_split()[1]


@pytest.fixture(scope="session")
def classifier() -> DigitClassifier:
    """Trained on the training split, not enlarged to be quick."""
    return DigitClassifier(load_split()[0], GEOMETRY, augmented_copies=0)


@pytest.fixture(scope="session")
def shipped() -> VideoModel:
    """The shipped model."""
    return load_video_model(SHIPPED_MODEL)
