"""Names of the arrays that the specification speaks of, by what they hold."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Float = np.floating[Any]
"""float32 or float64: the arithmetic of a decoder is that of its weights."""

FloatArray = NDArray[Float]
Float32Array = NDArray[np.float32]
BoolArray = NDArray[np.bool_]
Int8Array = NDArray[np.int8]
Int16Array = NDArray[np.int16]
Int64Array = NDArray[np.int64]
UInt16Array = NDArray[np.uint16]
UInt32Array = NDArray[np.uint32]

TokenIds = NDArray[np.int64]
"""Indices into the vocabulary."""
