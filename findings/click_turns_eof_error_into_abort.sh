#!/usr/bin/env bash
# click 8.5.1.
#
# Behaviour: `command.main(standalone_mode=False)` is documented to propagate exceptions to the caller,
# but it replaces two of them, wherever in the command they were raised:
# - EOFError arrives as click.Abort, which also stands for Ctrl-C, with an empty line on stderr. A
#   program that says "interrupted" for Abort says so for a gzip file or pickle cut short.
# - OSError with EPIPE, of any socket or pipe, arrives as SystemExit(1), and sys.stdout and sys.stderr
#   are wrapped.
# What does tell: `__cause__` of the Abort is the EOFError, None or a KeyboardInterrupt for the others.
# Seen: "ValueError: ValueError", "EOFError: Abort from EOFError", "BrokenPipeError: SystemExit(1)".
# A good engineer would have guessed: only an end of input at one of click's own prompts becomes Abort,
# and only a closed standard output is an exit; with standalone mode off neither of these.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet click==8.5.1
cat > "$folder/check.py" <<'EOF'
import gzip
import socket
import sys

import click


def write_to_closed_socket():
    near, far = socket.socketpair()
    far.close()
    with near:
        near.sendall(b"word")


WORK = {
    "ValueError": lambda: int("word"),
    "EOFError": lambda: gzip.decompress(gzip.compress(b"word")[:-4]),
    "BrokenPipeError": write_to_closed_socket,
}


def get_error(work):
    """How the error that work() raises arrives, and whether stdout was replaced."""
    stdout, stderr = sys.stdout, sys.stderr
    try:
        click.Command("show", callback=work).main([], standalone_mode=False)
    except BaseException as error:  # SystemExit is one of those
        name, cause = type(error).__name__, error.__cause__
        if isinstance(error, SystemExit):
            name += f"({error.code})"
        return name + (f" from {type(cause).__name__}" if cause else ""), sys.stdout is not stdout
    finally:
        sys.stdout, sys.stderr = stdout, stderr


found = {}
for raised, work in WORK.items():
    found[raised] = get_error(work)
    print(f"{raised}: {found[raised][0]}")
expected = {
    "ValueError": ("ValueError", False),
    "EOFError": ("Abort from EOFError", False),
    "BrokenPipeError": ("SystemExit(1)", True),
}
sys.exit(0 if found == expected else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
