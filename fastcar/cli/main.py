"""The command group, and how every command ends: exit code and one line on stderr."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from types import FrameType

import click

from fastcar.command_line import COMMAND
from fastcar.reference.errors import FastCarError

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 128 + signal.SIGINT
EXIT_TERMINATED = 128 + signal.SIGTERM


COMMANDS = {
    "generate": "Generate videos twice, dense and with replay, and compare them.",
    "trace": "Decode given tokens and record all decisions and outputs.",
    "analyze": "Measure where replay stands on a model: time, similarity, gates, drift.",
    "prove": "Check the error bounds on decoded tokens, statement by statement.",
    "cosim": "Run the accelerator on real tokens, in lock-step with the integer reference.",
    "predict": "Predict cycles of layer steps by the cycle model, dense, static and under DRS.",
    "quantize": "Turn a float checkpoint into int8, a few rows at a time.",
    "export": "Write the accelerator as Verilog, with a self-checking testbench.",
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
        0 for success only; 2 refused, 130 interrupted, 143 terminated.
    """
    command = tuple(sys.argv[1:] if arguments is None else arguments)
    token = COMMAND.set(command)
    previous = signal.signal(signal.SIGTERM, _terminate)
    try:
        status = fastcar.main(arguments, prog_name="fastcar", standalone_mode=False)
    except FastCarError as error:
        return _fail(str(error), EXIT_REFUSED)
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return EXIT_REFUSED
    except click.ClickException as error:
        return _fail(error.format_message(), EXIT_REFUSED)
    except MemoryError as error:
        return _fail(f"not enough memory: {str(error) or 'ask for less'}", EXIT_REFUSED)
    except (click.Abort, KeyboardInterrupt):
        return _fail("interrupted", EXIT_INTERRUPTED)
    except _Terminated:
        return _fail("terminated", EXIT_TERMINATED)
    finally:
        signal.signal(signal.SIGTERM, previous)
        COMMAND.reset(token)
    return status if isinstance(status, int) else 0


class _Terminated(BaseException):
    """SIGTERM as an exception, so that unfinished files are removed."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _fail(text: str, status: int) -> int:
    print("fastcar: " + " ".join(text.split()), file=sys.stderr)
    return status
