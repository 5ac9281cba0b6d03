"""`fastcar` and `python -m fastcar`: the command line, or one line on how to install it."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path

from fastcar.ending import end_at_once, fail, finish, set_handlers, write_error

EXTRAS = {
    **dict.fromkeys(("click", "rich", "PIL", "matplotlib", "skimage"), "cli"),
    "vl_convert": "report",
}
"""What brings a library, by its import name."""
EXIT_REFUSED = 2
EXIT_FAULT = 70
"""A fault of this program, with its traceback: 1 says that something was found wrong."""


def main() -> int:
    """Run the command line; the result is the exit code.

    Signals end the process with one line from here to its end, but for the time in which the
    command handles them itself.
    """
    set_handlers(end_at_once)
    if sys.stderr is None:  # closed; the next file that is opened would become it
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    status = _run()
    set_handlers(signal.SIG_IGN)  # it is decided; what is left is to end
    finish(sys.stdout)
    finish(sys.stderr)
    return status


def _run() -> int:
    try:
        from fastcar.cli.main import run

        return run()
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").split(".")[0])
        if extra is not None:
            return fail(
                f"{error.name} is not installed: the command line needs the extra '{extra}', "
                f"pip install 'fastcar[{extra}]'",
                EXIT_REFUSED,
            )
        write_error(traceback.format_exc())
    except Exception:
        write_error(traceback.format_exc())
    return EXIT_FAULT


if __name__ == "__main__":
    sys.exit(main())
