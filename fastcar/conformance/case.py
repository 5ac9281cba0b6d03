"""What a case of the kit is: inputs, what must come of them, and how far answers may be off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

KIT_VERSION = "2"
"""Changes with every input and every expected answer; cite it with results."""

SETTINGS = "settings"
"""Key of the JSON object, as bytes, that every file of inputs has."""

TOLERANCES = {"float64": 2.0**-41, "float32": 2.0**-12}
"""Largest absolute error of a real answer, by the type in which it is given.

Derived as `docs/conformance.md` says: at least 64 times what rounding everything to float32
changes, which a test measures; a float64 evaluation is off by 2^-29 of that.
"""

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Output:
    """An array that an implementation answers with.

    Attributes:
        key: its name.
        kind: `real` (float32 or float64, compared within the tolerance), `integer` (any integer
            type, equal) or `bool` (equal).
        shape: in words, for people.
        meaning: one line.
    """

    key: str
    kind: str
    shape: str
    meaning: str


@dataclass(frozen=True)
class Instance:
    """One file of inputs.

    Attributes:
        case: name of its case.
        name: unique in the case.
        settings: sizes and rules, JSON values.
        arrays: all other inputs.
    """

    case: str
    name: str
    settings: dict[str, Any]
    arrays: Arrays

    @property
    def label(self) -> str:
        """Name of its files, without the suffix."""
        return f"{self.case}.{self.name}"

    def make_inputs(self) -> dict[str, NDArray[Any]]:
        """Everything that its file holds."""
        claimed = {"kit_version": KIT_VERSION, "case": self.case, "instance": self.name}
        text = json.dumps(claimed | self.settings, sort_keys=True)
        return {SETTINGS: np.frombuffer(text.encode(), np.uint8), **self.arrays}

    def compute_digest(self) -> str:
        """SHA-256 of names, types, shapes and contents of the inputs."""
        digest = hashlib.sha256()
        for key, array in sorted(self.make_inputs().items()):
            little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
            digest.update(f"{key} {little.dtype.str} {little.shape}\n".encode())
            digest.update(little.tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Expected:
    """What the reference computes from an instance.

    Attributes:
        answers: by key.
        counted: by key which places are compared; a key that is missing here counts everywhere.
    """

    answers: Arrays
    counted: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """A promise of the specification that can be checked from outside.

    Attributes:
        name: of the case.
        condition: what an implementation must do, one line.
        source: where it is specified.
        outputs: what it answers with.
        make_instances: the inputs.
        compute: the reference's answers.
    """

    name: str
    condition: str
    source: str
    outputs: tuple[Output, ...]
    make_instances: Callable[[], tuple[Instance, ...]]
    compute: Callable[[Instance], Expected]
