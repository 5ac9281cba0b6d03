"""`fastcar` and `python -m fastcar`: the command line, or one line on how to install it."""

from __future__ import annotations

import sys

CLI_LIBRARIES = frozenset({"click", "rich", "PIL", "matplotlib", "skimage"})


def main() -> int:
    """Run the command line; the result is the exit code."""
    try:
        from fastcar.cli.main import run

        return run()
    except KeyboardInterrupt:
        return 130
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] not in CLI_LIBRARIES:
            raise
        print(
            f"fastcar: {error.name} is not installed: the command line needs the extra 'cli', "
            "pip install 'fastcar[cli]'",
            file=sys.stderr,
        )
        return 2


if __name__ == "__main__":
    sys.exit(main())
