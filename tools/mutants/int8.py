"""Planted bugs of what is stored in fewer bits: int8 matrices, bfloat16 keys and values."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_CHECKPOINT = "tests/reference/files/test_int8_checkpoint.py"


def _bug(stem: str, name: str, old: str, new: str, test: str = _CHECKPOINT) -> Mutant:
    """A mutant of `reference/<stem>.py`."""
    return Mutant(f"int8: {name}", f"reference/{stem}.py", old, new, (test,))


def _cache_bug(stem: str, name: str, old: str, new: str) -> Mutant:
    """A mutant of `reference/<stem>.py` that the tests of the key-value cache notice."""
    path = f"reference/{stem}.py"
    return Mutant(f"cache: {name}", path, old, new, ("tests/reference/test_kv_cache.py",))


_MATRIX = "tests/reference/test_int8_matrix.py"
INT8_MUTANTS = (
    _bug("int8_matrix", "scale of 128 steps", "peaks / MAX_INT8", "peaks / 128", _MATRIX),
    _bug(
        "int8_matrix",
        "weights rounded towards zero",
        "np.rint(quotients, out=quotients)",
        "np.trunc(quotients)",
        _MATRIX,
    ),
    _bug(
        "int8_matrix",
        "one scale for the whole matrix",
        "np.abs(matrix).max(axis=1)",
        "np.full(len(matrix), np.abs(matrix).max())",
        _MATRIX,
    ),
    _bug("int8_matrix", "a row of zeros has no scale", "MIN_SCALE)\n", "0)\n", _MATRIX),
    _bug(
        "files/int8_writer",
        "scales of every block at the start",
        "SCALE_SUFFIX, first_row, matrix",
        "SCALE_SUFFIX, 0, matrix",
    ),
    _bug(
        "files/int8_writer",
        "blocks read a row too early",
        "first_row * width * storage.itemsize",
        "max(first_row - 1, 0) * width * storage.itemsize",
    ),
    _bug(
        "files/int8_writer",
        "blocks read past the matrix",
        "min(block_rows, rows - first_row)",
        "block_rows",
    ),
    _bug(
        "files/int8_writer",
        "a tied head of other values passes",
        "np.array_equal(*blocks)",
        "blocks[0].shape == blocks[1].shape",
    ),
    _bug("files/int8_writer", "infinite weights pass", "np.isfinite(block)", "~np.isnan(block)"),
    _bug(
        "files/int8_writer",
        "whole matrices at once",
        "max(1, BLOCK_BYTES // (4 * width))",
        "rows",
    ),
    _bug(
        "files/int8_writer",
        "bfloat16 read as a number",
        'if place.dtype == "BF16"',
        'if place.dtype == "no"',
    ),
    _bug(
        "files/int8_checkpoint",
        "negative scales pass",
        "np.isfinite(scales) & (scales > 0)",
        "np.isfinite(scales)",
    ),
    _bug(
        "files/int8_checkpoint",
        "weights copied",
        ".reshape(place.shape), scales)",
        ".reshape(place.shape).copy(), scales)",
    ),
    _bug(
        "files/int8_checkpoint",
        "types not looked at",
        "place.dtype != dtype",
        "place.dtype == dtype.lower()",
    ),
    _bug(
        "files/int8_checkpoint", "writing reaches the file", "mmap.ACCESS_COPY", "mmap.ACCESS_WRITE"
    ),
    _bug(
        "files/int8_checkpoint",
        "the embedding quantised too",
        "len(shape) == 2 and name != EMBEDDING",
        "len(shape) == 2",
    ),
    _cache_bug(
        "decoder",
        "a prompt attends to keys that were not rounded",
        "keys = cache.get_keys(layer_index, 0, length)",
        "keys = key.swapaxes(1, 2)",
    ),
    Mutant(
        "cache: videos are decoded with an exact cache whatever was asked for",
        "reference/generate.py",
        "cache_storage=options.cache_storage",
        "cache_storage=CacheStorage.EXACT",
        ("tests/fastcar/test_engine_option.py",),
    ),
    _cache_bug(
        "bfloat16_matrix", "keys and values cut, not rounded", "0x7FFF + (bits >> 16 & 1)", "0"
    ),
    _cache_bug(
        "kv_cache",
        "keys and values exchanged",
        "self._write(keys, self.keys[entries]",
        "self._write(values, self.keys[entries]",
    ),
    _cache_bug(
        "kv_cache",
        "int8 values read by the scales of keys",
        "return self._read(self.values[entries], self.value_scales[entries])",
        "return self._read(self.values[entries], self.key_scales[entries])",
    ),
    _cache_bug(
        "kv_cache",
        "one int8 scale for all heads of a token",
        "quantize_rows(vectors.reshape(-1, vectors.shape[-1]))\n"
        "    return rows.values.reshape(vectors.shape), rows.scales.reshape(vectors.shape[:-1])",
        "quantize_rows(vectors.reshape(len(vectors) * vectors.shape[1], -1))\n"
        "    scales = np.repeat(rows.scales, vectors.shape[2]).reshape(vectors.shape[:-1])\n"
        "    return rows.values.reshape(vectors.shape), scales",
    ),
    _cache_bug(
        "kv_cache",
        "int8 takes what it reads as infinite",
        "CacheStorage.INT8: float(np.finfo(np.float32).max),",
        "CacheStorage.INT8: np.inf,",
    ),
    Mutant(
        "cache: a refusal of int8 names the token that bfloat16 would refuse",
        "reference/finite_check.py",
        "sizes < STORED_LIMITS[storage]",
        "sizes < STORED_LIMITS[CacheStorage.BFLOAT16]",
        ("tests/reference/test_finite_check.py",),
    ),
)
"""All of them."""
