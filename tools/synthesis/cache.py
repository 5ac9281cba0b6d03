"""Results of long runs, kept under a digest of everything that they depend on.

The folder is `fastcar/synthesis` in XDG_CACHE_HOME, or in ~/.cache. A result is there whole or not
at all, so that work that was interrupted goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

Json = dict[str, Any]
DIGEST_DIGITS = 20
RESULT_FILE = "result.json"


def get_cache_folder() -> Path:
    """Where results are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "fastcar" / "synthesis"


def compute_digest(*parts: str) -> str:
    """Digest of texts: sources, scripts, versions of tools."""
    joined = json.dumps(parts).encode()
    return hashlib.sha256(joined).hexdigest()[:DIGEST_DIGITS]


def get_result_folder(digest: str) -> Path:
    """Folder of a result; it exists once the result is there."""
    return get_cache_folder() / digest


def load_or_run(digest: str, run: Callable[[Path], Json]) -> Json:
    """A result from the cache, or computed and kept.

    Args:
        digest: of everything that the result depends on.
        run: computes it in a new folder; the files that it leaves there are kept as well.
    """
    kept = get_result_folder(digest)
    if not kept.is_dir():
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".", dir=kept.parent))
        try:
            numbers = json.dumps(run(partial))
            (partial / RESULT_FILE).write_text(numbers, encoding="utf-8")
            _keep(partial, kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    result: Json = json.loads((kept / RESULT_FILE).read_text(encoding="utf-8"))
    return result


def _keep(partial: Path, kept: Path) -> None:
    """Another process may have kept the same meanwhile; then its result stays."""
    try:
        partial.rename(kept)
    except OSError:
        if not kept.is_dir():
            raise
