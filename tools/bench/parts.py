"""Parts of the results of `make bench`, each kept in a file when its stage is done."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fastcar.output import write_atomically


def keep_stage(parts: Path, name: str, stage: Callable[[], Any]) -> Any:
    """The result of a stage, from its file if it has one; otherwise it runs and gets one."""
    path = get_part(parts, name)
    if path.exists():
        report(f"{name}: kept from {path}")
        return json.loads(path.read_text())
    start = time.monotonic()
    report(f"{name}: ...")
    result = stage()
    with write_atomically(path) as hidden:
        hidden.write_text(json.dumps(result) + "\n")
    report(f"{name}: {time.monotonic() - start:.0f} s")
    return result


def get_part(parts: Path, name: str) -> Path:
    """File of a stage's result."""
    return parts / f"{name.replace(' ', '_').replace(',', '')}.json"


def report(text: str) -> None:
    """One line of progress."""
    print(f"bench: {text}", file=sys.stderr, flush=True)
