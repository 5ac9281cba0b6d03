"""An exported package as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastcar.cosim.export.export import ExportPackage
from fastcar.folder_output import write_directory_atomically


def write_package(package: ExportPackage, out: Path, is_forced: bool = False) -> dict[str, Any]:
    """Write the files of a package, all or none.

    Args:
        package: the files.
        out: their folder.
        is_forced: also beside files that are not ours (D-38).

    Returns:
        What was written, JSON values.

    Raises:
        OutputError: it cannot be written.
    """
    with write_directory_atomically(out, "export", is_forced) as partial:
        for name, text in package.files.items():
            (partial / name).write_text(text, encoding="utf-8")
    recording = package.recording
    return {
        "out": str(out),
        "preset": package.name,
        "module": package.design.module_name,
        "accelerator": recording.config.sizes,
        "recorded": recording.description,
        "instructions": len(recording.program),
        "cycles": recording.counters.cycles,
        "assertions": len(package.design.assertions),
        "files": {name: len(text.encode()) for name, text in package.files.items()},
    }
