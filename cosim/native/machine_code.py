"""LLVM IR to machine code, kept in the user's cache.

A file counts only if it is, byte for byte, what was written for this text, this processor and these
versions (`fastcar.reference.cache_files`): machine code that is cut or of another processor would
end the process. What cannot be read or kept is compiled, with one line on stderr.
"""

from __future__ import annotations

import ctypes
import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

import llvmlite
import llvmlite.binding as llvm

from fastcar.reference.cache_files import (
    DamagedCacheError,
    get_user_cache,
    keep_newest,
    read_checked,
    touch,
    warn_once,
    write_checked,
)

KEPT_FILES = 256
"""A tenth of a megabyte each, as a rule; the longest unused go first."""

OPTIMISATION = 1
"""Of the code generator, -O1: for ten thousand nets that of -O2 is not faster, and takes longer."""

PASSES = "always_inliner", "instruction_combine"
"""Of long texts: all of -O1 take three times as long over the same nets, and are of no use."""

LONG_TEXT = 500_000
"""Characters; thousands of nets. A short text gets all of -O1, which its loop gains from."""

_NEAR, _FAR = "small", "jitdefault"
"""Code models: calls by their distance, or by addresses that are loaded, which takes longer. Only
code that needs nothing outside itself, and no constants in memory, may be of the first kind."""

Run = Callable[[int, int, int, int, int, int], int]
"""Addresses of inputs, registers, memories, kept wires and the event, and the limit of cycles."""


class MachineCode:
    """The function `run` of a module, ready to be called.

    Args:
        text: LLVM IR.

    Attributes:
        run: the function.
        address: where it is.
    """

    def __init__(self, text: str) -> None:
        self._engine = _load(get_object_code(text))
        self.address = int(self._engine.get_function_address("run"))
        prototype = ctypes.CFUNCTYPE(ctypes.c_uint64, *[ctypes.c_void_p] * 5, ctypes.c_uint64)
        self.run: Run = prototype(self.address)


def get_object_code(text: str) -> bytes:
    """From the cache, or compiled now (seconds for thousands of nets) and kept."""
    key = compute_key(text)
    cache_base = get_user_cache()
    if cache_base is None:
        return compile_text(text)
    path = cache_base / "native" / f"{key.hex()}.o"
    found = _read(path, key)
    if found is not None:
        return found
    code = compile_text(text)
    try:
        write_checked(path, key + code)
        keep_newest(path.parent, "*.o", KEPT_FILES)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        warn_once(
            f"machine code cannot be kept, the next run compiles again: {path.parent}: {reason}"
        )
    return code


def compute_key(text: str) -> bytes:
    """Digest of everything that decides about the machine code."""
    versions = (llvmlite.__version__, ".".join(map(str, llvm.llvm_version_info)))
    parts = (
        text,
        *_describe_processor(),
        *versions,
        str(OPTIMISATION),
        *PASSES,
        llvm.get_process_triple(),
    )
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part.encode() + b"\0")
    return digest.digest()


def compile_text(text: str) -> bytes:
    """Object code for this processor."""
    machine = _get_machine(_NEAR if llvm.get_object_format() == "ELF" else _FAR)
    module = llvm.parse_assembly(text)
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=OPTIMISATION)
    builder = llvm.create_pass_builder(machine, options)
    if len(text) < LONG_TEXT:
        manager = builder.getModulePassManager()
    else:
        manager = llvm.create_new_module_pass_manager()
        for name in PASSES:
            getattr(manager, f"add_{name}_pass")()
    manager.run(module, builder)
    code = bytes(machine.emit_object(module))
    names = [one.name() or b"" for one in llvm.ObjectFileRef.from_data(code).sections()]
    if any(name.startswith(b".rel") and name.endswith(b".text") for name in names):
        code = bytes(_get_machine(_FAR).emit_object(module))
    return code


def _read(path: Path, key: bytes) -> bytes | None:
    """What was kept for this key; None if it must be compiled."""
    try:
        content = read_checked(path)
        if content is None:
            return None
        if content[: len(key)] != key:
            raise DamagedCacheError("it was written for something else")
    except DamagedCacheError as error:
        warn_once(f"{path}: {error}; the design is compiled anew")
        with suppress(OSError):
            path.unlink()
        return None
    touch(path)
    return content[len(key) :]


def _load(code: bytes) -> llvm.ExecutionEngine:
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _make_machine(_FAR))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    return engine


@cache
def _describe_processor() -> tuple[str, str]:
    """Name and features; without one whose instructions LLVM 22.1.0 mixes up (D-45)."""
    features = llvm.get_host_cpu_features()
    if "avx512vl" in features:
        features["avx512vl"] = False
    return llvm.get_host_cpu_name(), features.flatten()


@cache
def _get_machine(code_model: str) -> llvm.TargetMachine:
    return _make_machine(code_model)


def _make_machine(code_model: str) -> llvm.TargetMachine:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = _describe_processor()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=name, features=features, opt=OPTIMISATION, jit=True, codemodel=code_model
    )
