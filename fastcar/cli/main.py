"""The command group, and how every command ends: exit code and one line on stderr."""

from __future__ import annotations

import errno
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module

import click

from fastcar.command_line import COMMAND
from fastcar.ending import ENDINGS, drop, end_at_once_inside, fail, raise_signals, write_error
from fastcar.reference.errors import FastCarError, OutputError

EXIT_REFUSED = 2
STREAM_ERRORS = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EBADF})
"""Of writing to stdout, which has no file name; results in files have refusals of their own."""

COMMANDS = {
    "generate": "Generate videos twice, dense and with replay, and compare them.",
    "trace": "Decode given tokens and record all decisions and outputs.",
    "analyze": "Measure where replay stands on a model: time, similarity, gates, drift.",
    "prove": "Check the error bounds on decoded tokens, statement by statement.",
    "cosim": "Run the accelerator on real tokens, in lock-step with the integer reference.",
    "predict": "Predict cycles of layer steps by the cycle model, dense, static and under DRS.",
    "sweep": "Evaluate many points of cycle model, decoder or co-simulation, rows into Parquet.",
    "quantize": "Turn a float checkpoint into int8, a few rows at a time.",
    "export": "Write the accelerator as Verilog, with a self-checking testbench.",
    "report": "Show runs in one HTML file that needs no network.",
    "conformance": "Check another implementation against the specification, by files.",
}
"""Commands, each the function of its name in the module of its name, and their first lines."""


class LazyGroup(click.Group):
    """Imports a command when it is called: plotting alone takes a second to import."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself; None for an unknown name."""
        if cmd_name not in COMMANDS:
            return None
        with end_at_once_inside():
            command: click.Command = getattr(import_module(f"fastcar.cli.{cmd_name}"), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command in any case; an unknown one is told the name it looks like."""
        name = args[0].lower() if args else ""
        near = get_close_matches(name, COMMANDS, 1)
        if args and name not in COMMANDS and not name.startswith("-"):
            hint = f" Did you mean {near[0]!r}?" if near else f" Commands: {', '.join(COMMANDS)}."
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, [name, *args[1:]] if name in COMMANDS else args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="fastcar")
def fastcar() -> None:
    """Cache attentive replay (FastCar) for autoregressive video."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: without the program's name; None = those of the process.

    Returns:
        0 for success only; 2 refused, 129 hung up, 130 interrupted, 143 terminated.
    """
    command = tuple(sys.argv[1:] if arguments is None else arguments)
    with raise_signals() as signals, _remember(command):
        try:
            status = _invoke(command)
            signals.is_over = True
        except BaseException as error:
            signals.is_over = True
            received = signals.received
            if not received and isinstance(error, click.Abort | KeyboardInterrupt):
                received = [signal.SIGINT]
            return fail(*ENDINGS[received[0]]) if received else _refuse(error)
    return status


@contextmanager
def _remember(command: tuple[str, ...]) -> Iterator[None]:
    """For reports that say which command they come from."""
    token = COMMAND.set(command)
    try:
        yield
    finally:
        COMMAND.reset(token)


def _invoke(arguments: Sequence[str]) -> int:
    """Run, print everything, and say how it went; click's own `main` hides some errors."""
    if sys.stdout is None:
        raise OutputError("stdout", "must be open; it is closed")
    _complete_words()
    try:
        with fastcar.make_context(fastcar.name or "fastcar", list(arguments)) as context:
            status = fastcar.invoke(context)
    except click.exceptions.Exit as error:
        status = error.exit_code
    sys.stdout.flush()
    return status if isinstance(status, int) else 0


def _complete_words() -> None:
    """The shell asks by a variable for what could come next."""
    variable = "_FASTCAR_COMPLETE"
    if instruction := os.environ.get(variable):
        from click.shell_completion import shell_complete

        sys.exit(shell_complete(fastcar, {}, "fastcar", variable, instruction))


def _refuse(error: BaseException) -> int:
    """One line for everything that a user can mend; the rest is a fault of ours and goes on."""
    if isinstance(error, FastCarError):
        return fail(str(error), EXIT_REFUSED)
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        write_error(error.format_message())
        return EXIT_REFUSED
    if isinstance(error, click.ClickException):
        return fail(error.format_message(), EXIT_REFUSED)
    if isinstance(error, MemoryError):
        return fail(f"not enough memory: {str(error) or 'ask for less'}", EXIT_REFUSED)
    if isinstance(error, OSError):
        return fail(_describe(error), EXIT_REFUSED)
    raise error


def _describe(error: OSError) -> str:
    """Which file, or the stream that results go to, and why."""
    reason = (error.strerror or str(error)).lower()
    if error.filename is None and error.errno in STREAM_ERRORS:
        drop(sys.stdout)
        return str(OutputError("stdout", f"must take what is printed; {reason}"))
    return f"{error.filename or 'system'}: {reason}"
