"""Planted bugs of `fastcar report` and its records; names begin with `page:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(path: str, name: str, old: str, new: str, test: str = "") -> Mutant:
    """A mutant of a file; its own test must notice, or the one named; `file::test` is one test."""
    file, separator, function = (test or path).partition("::")
    tests = (name_test_file(file) + separator + function,)
    source = path if path.endswith(".js") else f"{path}.py"
    return Mutant(f"page: {name}", source, old, new, tests)


REPORT_MUTANTS = (
    _bug(
        "fastcar/html_report/output",
        "a page with notes of the user's is replaced",
        "and hashlib.sha256(text[_MARK_BYTES:]).hexdigest() == found[1].decode()",
        "and len(text) > 0",
    ),
    _bug(
        "fastcar/html_report/output",
        "any file is replaced",
        "target.exists() and target.stat().st_size and not _is_ours(target)",
        "False",
    ),
    _bug(
        "fastcar/html_report/output",
        "pages may have any size",
        "if len(text) > MAX_BYTES:",
        "if len(text) > 10**9:",
    ),
    _bug(
        "fastcar/html_report/page",
        "the policy lets pictures come from anywhere",
        "img-src data:; ",
        "img-src *; ",
    ),
    _bug(
        "fastcar/html_report/page",
        "a text can end its data block",
        '.replace("<", "\\\\u003c")',
        "",
    ),
    _bug(
        "fastcar/html_report/elements",
        "cells are markup",
        "first, *cells = (escape(cell) for cell in row)",
        "first, *cells = row",
        "fastcar/html_report/page::test_texts_of_runs_are_no_markup",
    ),
    _bug(
        "fastcar/html_report/runs/run",
        "every schema version is read",
        "    if not is_known(version):\n",
        "    if version == 0:\n",
        "fastcar/html_report/sources",
    ),
    _bug(
        "fastcar/html_report/runs/generate_run",
        "records of another run are shown",
        "    if found != wanted:\n",
        "    if found[0] != wanted[0]:\n",
        "fastcar/html_report/sources",
    ),
    _bug(
        "fastcar/html_report/fields",
        "a flag is a number",
        "is_number = isinstance(value, int | float) and not isinstance(value, bool)",
        "is_number = isinstance(value, int | float)",
    ),
    _bug(
        "fastcar/run_records",
        "frames and decisions of any shape are taken",
        "        if found != limit:\n",
        "        if len(found) != len(limit):\n",
    ),
    _bug(
        "fastcar/pictures",
        "a title runs out of its picture",
        "GAP_PIXELS) + GAP_PIXELS, _measure_title(title)),",
        "GAP_PIXELS) + GAP_PIXELS, 0),",
    ),
    _bug(
        "fastcar/html_report/assets/player.js",
        "frames are taken down the columns",
        "[(frame % columns) * width, Math.floor(frame / columns) * height]",
        "[Math.floor(frame / columns) * width, (frame % columns) * height]",
        "fastcar/html_report/player_in_browser::test_panes_show_the_frames_of_the_run",
    ),
    _bug(
        "fastcar/html_report/assets/maps.js",
        "layers and places are mixed up",
        "(frame * places + place) * layers + layer;",
        "(frame * layers + layer) * places + place;",
        "fastcar/html_report/player_in_browser::test_maps_show_the_decisions_of_the_frame",
    ),
)
"""Of pages, their sources and their file."""
