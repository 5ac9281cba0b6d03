"""Memory of this process and of the machine; nothing but the standard library is needed."""

from __future__ import annotations

from pathlib import Path


def read_memory(key: str, path: str = "/proc/meminfo") -> int:
    """Bytes of an entry of a file that counts in kB."""
    for line in Path(path).read_text().splitlines():
        if line.startswith(f"{key}:"):
            return 1024 * int(line.split()[1])
    raise OSError(f"{path} has no {key}")


def get_free_bytes() -> int:
    """Memory that can be had without swapping."""
    return read_memory("MemAvailable")


def get_peak_bytes() -> int:
    """Most memory that this process held since its start, mapped files included.

    Not `ru_maxrss`: that begins with the memory of the process that started this one.
    """
    return read_memory("VmHWM", "/proc/self/status")


def get_held_bytes() -> int:
    """Memory of this process, mapped files included."""
    return read_memory("VmRSS", "/proc/self/status")


def get_private_bytes() -> int:
    """Memory of this process that no file backs."""
    return read_memory("RssAnon", "/proc/self/status")
