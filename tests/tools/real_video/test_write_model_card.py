"""The card tells what is beside it, and no more."""

import json
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.files.config_file import load_config
from fastcar.reference.video.shipped_models import FOLDERS
from tools.markdown import fill_paragraphs
from tools.real_video.sources import SOURCES
from tools.real_video.write_model_card import format_card, format_spans

SHIPPED = Path("reference/video") / FOLDERS["real_video"]


@pytest.fixture(scope="module")
def shipped() -> Path:
    return Path(__file__).parents[3] / SHIPPED


def read(directory: Path, name: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((directory / name).read_text())
    return fields


def test_the_card_is_what_the_files_say(shipped: Path) -> None:
    training, evaluation = read(shipped, "training.json"), read(shipped, "evaluation.json")
    weights = (shipped / "model.safetensors").stat().st_size
    card = fill_paragraphs(format_card(load_config(shipped), training, evaluation, weights))
    assert (shipped / "MODEL_CARD.md").read_text() == card


def test_the_card_names_rights_of_every_clip_that_is_shown(shipped: Path) -> None:
    card = (shipped / "MODEL_CARD.md").read_text()
    table = card.partition("| clip ")[2].partition("\n\n")[0]
    for source in SOURCES:
        assert (f"| {source.name} " in table) == source.rights_clear
    for words in ("Creative Commons Attribution 3.0", "General Public License version 2"):
        assert words in " ".join(card.split())


def test_weights_and_clips_are_small_enough(shipped: Path) -> None:
    assert (shipped / "model.safetensors").stat().st_size < 12e6
    assert (shipped / "clips.safetensors").stat().st_size < 1e6


def test_spans_in_words() -> None:
    assert format_spans(()) == "none"
    assert format_spans(((3, 4),)) == "3-3"
