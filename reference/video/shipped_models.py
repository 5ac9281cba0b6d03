"""The models that the package ships, by name: `--model NAME` of the commands (D-57)."""

from __future__ import annotations

from pathlib import Path

from fastcar.reference.arguments import check_argument
from fastcar.reference.errors import ArgumentError

ROOT = Path(__file__).parent
"""Where their directories stand."""
FOLDERS = {"moving_digits": "moving_digits_16x64", "real_video": "real_video_16x64"}
"""Directories by name; the first is the default."""


def list_shipped_models(root: Path | None = None) -> dict[str, Path]:
    """Directories by name, of the models that are here.

    Args:
        root: where they stand; None = where this package has them.

    >>> list_shipped_models()["moving_digits"].name
    'moving_digits_16x64'
    """
    root = ROOT if root is None else root
    places = {name: root / folder for name, folder in FOLDERS.items()}
    return {name: place for name, place in places.items() if place.is_dir()}


def shipped_model(name: str) -> Path:
    """Directory of a shipped model, for whatever takes a checkpoint.

    Args:
        name: "moving_digits" or another of `list_shipped_models`.

    Raises:
        ArgumentError: no model of this name is here; says which are.

    >>> shipped_model("moving_digits").name
    'moving_digits_16x64'
    """
    models = list_shipped_models()
    if check_argument("model", name, str) not in models:
        raise ArgumentError("model", name, f"one of {', '.join(models)}")
    return models[name]
