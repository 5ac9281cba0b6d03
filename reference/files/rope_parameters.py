"""Rotary base and scaling of a `config.json`, wherever its writers put them.

Newer files have `rope_parameters`, older ones `rope_theta` beside `rope_scaling`; the type is
`rope_type` or `type`. What stands in more than one place must be the same. An entry that is null
counts as absent. Values and defaults mean what they mean to Hugging Face transformers 5 (D-34).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.json_file import describe
from fastcar.reference.files.json_number import get_flag, get_number, get_size
from fastcar.reference.rope_scaling import (
    RANGES,
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    RopeScaling,
    YarnScaling,
)

ROPE_KEYS = (
    "rope_theta",
    "rope_scaling",
    "rope_parameters",
    "partial_rotary_factor",
    "original_max_position_embeddings",
)
"""Keys of the config that are read here."""

_DEFAULT_THETA = 10000.0
_THETA_RANGE = (1.0, 1e30)
_MSCALE_RANGE = (0.0, 1e3)
_ORIGINAL = "original_max_position_embeddings"
_LLAMA3_NUMBERS = ("factor", "low_freq_factor", "high_freq_factor")
_ANYWHERE = ("rope_type", "type", "rope_theta", "partial_rotary_factor")
_KEYS = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor", _ORIGINAL),
    "llama3": (*_LLAMA3_NUMBERS, _ORIGINAL),
    # `finetuned` is a remark of the first YaRN models
    "yarn": (
        *("factor", _ORIGINAL, "attention_factor", "mscale", "mscale_all_dim"),
        *("beta_fast", "beta_slow", "truncate", "finetuned"),
    ),
}
"""Types that are computed and the keys that each may have beside `_ANYWHERE`."""


@dataclass
class _Found:
    """What the places say; by the name of the place."""

    thetas: dict[str, float] = field(default_factory=dict)
    scalings: dict[str, RopeScaling | None] = field(default_factory=dict)


def read_rope(
    document: Mapping[str, Any], place: str, max_position_embeddings: int
) -> tuple[float, RopeScaling | None]:
    """Base of the rotary frequencies, and their scaling if there is one.

    Args:
        document: the config.
        place: of the config, for errors.
        max_position_embeddings: of the config.

    Raises:
        CheckpointError: a missing, misplaced or wrong value, an unknown type, or places that
            disagree.
    """
    found = _Found()
    _check_whole_head(document, place)
    theta = document.get("rope_theta")
    if theta is not None:
        found.thetas["rope_theta"] = get_number(theta, f"{place}: rope_theta", _THETA_RANGE)
    for name in ("rope_parameters", "rope_scaling"):
        if document.get(name) is not None:
            entries = _get_entries(document, name, place)
            _read_place(entries, name, place, max_position_embeddings, found)
    thetas, scalings = list(found.thetas.values()), list(found.scalings.values())
    if len(set(thetas)) > 1:
        shown = " and ".join(f"{key} = {value:g}" for key, value in found.thetas.items())
        raise CheckpointError(f"{place}: rope_theta", shown, "the same wherever it is given")
    if len(set(scalings)) > 1:
        limit = "the same as rope_parameters"
        raise CheckpointError(f"{place}: rope_scaling", "another scaling", limit)
    return (thetas or [_DEFAULT_THETA])[0], (scalings or [None])[0]


def _get_entries(document: Mapping[str, Any], name: str, place: str) -> dict[str, Any]:
    """The object without its nulls; an original limit beside it counts as inside it."""
    rope = document[name]
    if not isinstance(rope, dict):
        raise CheckpointError(f"{place}: {name}", describe(rope), "null or a JSON object")
    entries = {key: value for key, value in rope.items() if value is not None}
    rope_type, beside = _get_type(entries, name, place), document.get(_ORIGINAL)
    if beside is None or _ORIGINAL not in _KEYS[rope_type or "default"]:
        return entries
    inside = entries.setdefault(_ORIGINAL, beside)
    if inside != beside:
        limit = f"{describe(beside)}, as beside {name}"
        raise CheckpointError(f"{place}: {name}.{_ORIGINAL}", describe(inside), limit)
    return entries


def _get_type(entries: Mapping[str, Any], name: str, place: str) -> str | None:
    """`rope_type`, by its older name `type` too; None where neither stands."""
    for key in ("rope_type", "type"):
        value = entries.get(key)
        if value is not None and (not isinstance(value, str) or value not in _KEYS):
            limit = f"one of {', '.join(map(repr, _KEYS))}"
            raise CheckpointError(f"{place}: {name}.{key}", describe(value), limit)
    found: str | None = entries.get("rope_type", entries.get("type"))
    if entries.get("type", found) != found:
        shown = describe(entries["type"])
        raise CheckpointError(f"{place}: {name}.type", shown, f"{found!r}, as rope_type is")
    return found


def _read_place(
    entries: Mapping[str, Any], name: str, place: str, max_positions: int, found: _Found
) -> None:
    rope_type = _get_type(entries, name, place)
    allowed = _KEYS[rope_type or "default"]
    for key, value in entries.items():
        if key not in allowed and key not in _ANYWHERE:
            where = f"{place}: {name}.{key}" if key.isidentifier() else f"{place}: {name}"
            limit = f"absent with rope_type {rope_type or 'default'!r}"
            raise CheckpointError(where, describe(value), limit)
    where = f"{place}: {name}"
    _check_whole_head(entries, where, ".")
    if "rope_theta" in entries:
        theta = get_number(entries["rope_theta"], f"{where}.rope_theta", _THETA_RANGE)
        found.thetas[f"{name}.rope_theta"] = theta
    if rope_type is not None:
        reader = _ScalingReader(entries, where, max_positions)
        try:
            found.scalings[name] = reader.read(rope_type)
        except ArgumentError as error:
            inside = f"{where}.{error.argument}"
            raise CheckpointError(inside, describe(error.value), error.limit) from error


def _check_whole_head(entries: Mapping[str, Any], place: str, separator: str = ": ") -> None:
    factor = entries.get("partial_rotary_factor")
    # a flag equals 1 in Python
    if factor is not None and (factor != 1 or isinstance(factor, bool)):
        limit = "1.0 (rotary embedding on the whole head)"
        raise CheckpointError(f"{place}{separator}partial_rotary_factor", describe(factor), limit)


@dataclass(frozen=True)
class _ScalingReader:
    """Reads the parameters of one place.

    Attributes:
        entries: none of them null.
        place: of the object, for errors.
        max_positions: max_position_embeddings of the model.
    """

    entries: Mapping[str, Any]
    place: str
    max_positions: int

    def read(self, rope_type: str) -> RopeScaling | None:
        """The scaling of a type of `_KEYS`; None = no scaling."""
        match rope_type:
            case "linear":
                return LinearScaling(self._get("factor"))
            case "dynamic":
                self._check_dynamic_limit()
                return DynamicScaling(self._get("factor"))
            case "llama3":
                numbers = {name: self._get(name) for name in _LLAMA3_NUMBERS}
                return Llama3Scaling(
                    **numbers, original_max_position_embeddings=self._get_original()
                )
            case "yarn":
                return self._read_yarn()
        return None

    def _read_yarn(self) -> YarnScaling:
        factor, original = self._get("factor"), self._get_original()
        return YarnScaling(
            factor,
            original,
            self._get("attention_factor", self._infer_attention_factor(factor)),
            self._get("beta_fast", 32.0),
            self._get("beta_slow", 1.0),
            get_flag(self.entries.get("truncate", True), f"{self.place}.truncate"),
        )

    def _get(self, name: str, default: float | None = None) -> float:
        low, high = RANGES[name]
        if name in self.entries:
            return get_number(self.entries[name], f"{self.place}.{name}", (low, high))
        if default is None:
            limit = f"a number from {low:g} to {high:g}"
            raise CheckpointError(f"{self.place}.{name}", "nothing", limit)
        return default

    def _get_original(self) -> int:
        return get_size(self.entries, _ORIGINAL, f"{self.place}.")

    def _infer_attention_factor(self, factor: float) -> float:
        """0.1 ln(factor) + 1, or a ratio of two such terms where both are weighted."""
        weights = []
        for name in ("mscale", "mscale_all_dim"):
            value = self.entries.get(name, 0.0)
            weights.append(get_number(value, f"{self.place}.{name}", _MSCALE_RANGE))
        if not all(weights):
            weights = [1.0, 0.0]
        over, under = (0.1 * weight * math.log(factor) + 1 for weight in weights)
        return over / under

    def _check_dynamic_limit(self) -> None:
        """Libraries disagree whether it counts beside max_position_embeddings, so it is that."""
        if _ORIGINAL in self.entries and self._get_original() != self.max_positions:
            limit = f"max_position_embeddings = {self.max_positions} with rope_type 'dynamic'"
            raise CheckpointError(f"{self.place}.{_ORIGINAL}", self._get_original(), limit)
