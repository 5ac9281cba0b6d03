"""The HTML file: whole or not at all, and never in the place of what is not ours (D-67)."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from fastcar.html_report.page import make_page
from fastcar.html_report.sources import Run, read_runs
from fastcar.output import check_writable, refuse_errors, resolve, write_atomically
from fastcar.reference.errors import OutputError

MAX_BYTES = 10_000_000
"""Of the file; readers on the other side of a mail or a bug tracker must take it."""

_MARK = re.compile(rb"<!doctype html>\n<!-- fastcar report, sha256 ([0-9a-f]{64}) -->\n")
_MARK_BYTES = len("<!doctype html>\n<!-- fastcar report, sha256  -->\n") + 64


def check_report_path(path: str | os.PathLike[str]) -> None:
    """Refuse a path that cannot be written, or where another file than a report of ours stands.

    Raises:
        OutputError: before anything is read or drawn.
    """
    check_writable(path)
    with refuse_errors(path):
        target = resolve(path)
        if target.exists() and target.stat().st_size and not _is_ours(target):
            limit = "must be new, empty, or a report as fastcar report left it"
            raise OutputError(path, f"holds something else: {limit}")


def write_html_report(
    paths: Iterable[str | os.PathLike[str]], out: str | os.PathLike[str]
) -> list[Run]:
    """One HTML file of all runs; what `fastcar report` does.

    Args:
        paths: directories or JSON reports that commands wrote.
        out: the file; a report of ours there is replaced.

    Returns:
        The runs, in their order.

    Raises:
        ArgumentError: a path is no run.
        CheckpointError: a run of another schema version, or a damaged one.
        OutputError: the file cannot be written, is not ours, or would be too large.
    """
    check_report_path(out)
    runs = read_runs(paths)
    text = mark_page(make_page(runs))
    if len(text) > MAX_BYTES:
        limit = f"at most {MAX_BYTES:,}; give fewer runs"
        raise OutputError(out, f"would have {len(text):,} bytes: must be {limit}")
    with write_atomically(out) as partial:
        partial.write_bytes(text)
    return runs


def mark_page(page: str) -> bytes:
    r"""The page behind a line that says whose it is, and that nobody changed it since.

    >>> mark_page("<html></html>")[:36]
    b'<!doctype html>\n<!-- fastcar report,'
    """
    body = page.encode()
    digest = hashlib.sha256(body).hexdigest()
    return f"<!doctype html>\n<!-- fastcar report, sha256 {digest} -->\n".encode() + body


def _is_ours(path: Path) -> bool:
    if path.stat().st_size > MAX_BYTES:
        return False
    text = path.read_bytes()
    found = _MARK.fullmatch(text[:_MARK_BYTES])
    return found is not None and hashlib.sha256(text[_MARK_BYTES:]).hexdigest() == found[1].decode()
