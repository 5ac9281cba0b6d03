"""What GTKWave and Surfer open beside a wave form: its groups, and the cycle that is looked at."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from pathlib import Path

from vcd.gtkw import GTKWSave

from fastcar.cosim.wave.groups import CYCLE, CYCLE_SOURCE, name_in_file
from fastcar.cosim.wave.view import WaveView

MARK = "written by fastcar cosim --wave, which replaces it while this is its SHA-256: "
"""First line of a side file, behind the sign of a comment."""

SHOWN_BEFORE_STEPS = 100
"""GTKWave begins so far before the cycle that is looked at."""

_COMMENTS = {".gtkw": "[*] ", ".sucl": "# "}


def make_save_file(view: WaveView, wave: Path) -> str:
    """The save file of GTKWave: `gtkwave FILE.gtkw`."""
    text = io.StringIO()
    save = GTKWSave(text)
    save.dumpfile(str(wave))
    save.zoom_markers(-2.0, view.centre)
    save.timestart(max(view.steps.start, view.centre - SHOWN_BEFORE_STEPS))
    for group in view.groups:
        if not group.is_shown:
            continue
        with save.group(group.path):
            for signal in group.signals:
                name = CYCLE if signal.name == CYCLE_SOURCE else signal.name
                is_number = name == CYCLE or "counter_" in name or name.endswith("_cycle")
                # GTKWave finds a vector by its name and range, written without a space.
                path = f"{group.path}.{name_in_file(name, signal.num_bits).replace(' ', '')}"
                save.trace(path, datafmt="dec" if is_number else "hex")
    return text.getvalue()


def make_command_file(view: WaveView, wave: Path) -> str:
    """Commands of Surfer: `surfer FILE.vcd --command-file FILE.sucl`.

    They name no file: whoever opens them has opened `wave`.
    """
    groups = [f"scope_add_as_group {group.path}" for group in view.groups if group.is_shown]
    return "\n".join([*groups, "zoom_fit", f"cursor_set {view.centre}", "goto_cursor", ""])


SIDE_FILES: Mapping[str, Callable[[WaveView, Path], str]] = {
    ".gtkw": make_save_file,
    ".sucl": make_command_file,
}
"""Contents by suffix, of a view and the path of its wave form."""


def write_side_file(path: Path, text: str) -> None:
    """Write a text behind a line that tells whether somebody changes it.

    Args:
        path: with a suffix of `SIDE_FILES`.
        text: its content.
    """
    path.write_text(_make_mark(path.suffix, text) + text, encoding="utf-8")


def is_ours(path: Path) -> bool:
    """Whether a file is as `write_side_file` left it: a viewer or its user may have changed it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False
    first, _, rest = text.partition("\n")
    return first + "\n" == _make_mark(path.suffix, rest)


def _make_mark(suffix: str, text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).hexdigest()
    return f"{_COMMENTS[suffix]}{MARK}{digest}\n"
