"""Files of a video model made by hand, so that a test can also make wrong ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tests.checkpoint_files import StoredTensor, pack_tensors

DTYPES = {
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "float32": "F32",
    "float64": "F64",
    "bool": "BOOL",
}


def store(array: NDArray[np.generic]) -> StoredTensor:
    """An array as it stands in a file; the machine is little endian or the bytes are swapped."""
    little = array.astype(array.dtype.newbyteorder("<"))
    return StoredTensor(DTYPES[array.dtype.name], array.shape, little.tobytes())


def write_tensors(path: Path, arrays: dict[str, NDArray[np.generic] | StoredTensor]) -> None:
    """Write a safetensors file of arrays, or of bytes given as they are."""
    stored = {
        name: array if isinstance(array, StoredTensor) else store(array)
        for name, array in arrays.items()
    }
    path.write_bytes(pack_tensors(stored))
