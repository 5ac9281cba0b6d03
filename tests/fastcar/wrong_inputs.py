"""Wrong inputs of every command, made from the options that click knows.

A case is one option with one value that it must refuse, or a pair of options that contradict each
other. Words in braces stand for paths of a folder that the test fills.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import click

from fastcar.cli.main import COMMANDS
from tests.fastcar.wrong_input_tables import (
    ACCEPTED,
    BASES,
    CONTRADICTIONS,
    SHARES,
    TOKEN_OPTIONS,
)

HUGE = str(10**30)
"""No int64 holds it."""

LARGEST = str(2**63 - 1)
"""An int64 holds it."""

WORDS: dict[str, tuple[str, ...]] = {
    "int": ("", "three", "2.5", "nan", "1e3", "0x10", "-1", "0", LARGEST, HUGE, f"-{HUGE}"),
    "float": ("", "much", "nan", "inf", "-inf", "-1", "0", "1e300", "1e400"),
    "cycles": ("", "much", "nan", "-1", "0", "2.5", HUGE),
    "thresholds": ("", "much", "nan", ",", "0.1,", "0.1;0.2", "0.1,0.2,0.3,0.4,0.5", "0,nan"),
    "choice": ("", "invented", "0"),
    "model": ("", "{missing}", "{long}", "{text}", "{folder}", "{tokens}"),
    "tokens": ("", "{missing}", "{long}", "{text}", "{folder}", "{damaged}"),
    "correction": ("", "{missing}", "{long}", "{text}", "{folder}", "{tokens}"),
    "prompt_ids": ("", "{missing}"),
    "file": ("", "{long}", "{folder}", "{text}/report"),
    "directory": ("", "{long}", "{text}", "{text}/below"),
    "text": ("", " ", "invented", "-1", HUGE, "nan", "3 right-down from 99,99", "held_out:3-1"),
    "flag": ("=1", "=", "=invented"),
}
"""Values by kind of option; what an option accepts after all stands in `ACCEPTED`."""


@dataclass(frozen=True)
class Case:
    """One wrong input.

    Attributes:
        command: of `fastcar`.
        base: options that are right, perhaps with words in braces.
        added: what is wrong.
        names: the refusal has one of them.
        values: likewise.
    """

    command: str
    base: tuple[str, ...]
    added: tuple[str, ...]
    names: tuple[str, ...]
    values: tuple[str, ...]

    @property
    def label(self) -> str:
        """For the name of the test."""
        return " ".join((self.command, *(word or "''" for word in self.added or self.names)))

    @property
    def arguments(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.command.split(), *self.base, *self.added)


def get_function(command: str) -> click.Command:
    """The command of that name, in a group where the name has two words."""
    name, _, inner = command.partition(" ")
    function: click.Command = getattr(import_module(f"fastcar.cli.{name}"), name)
    return function.commands[inner] if isinstance(function, click.Group) and inner else function


def list_commands() -> Iterator[str]:
    """Every command that can be called, `GROUP COMMAND` where it is in a group."""
    for name in COMMANDS:
        function = get_function(name)
        inner = function.commands if isinstance(function, click.Group) else ()
        yield from (f"{name} {word}" for word in inner)
        if not inner:
            yield name


def list_options(command: str) -> list[click.Option]:
    """Options of a command but for --help."""
    return [one for one in get_function(command).params if isinstance(one, click.Option)]


def takes_any_words(command: str) -> bool:
    """Whether words are passed on to another program."""
    params = get_function(command).params
    return any(isinstance(one, click.Argument) and one.nargs == -1 for one in params)


def get_kind(option: click.Option) -> str:
    """Key of `WORDS`."""
    if option.is_flag:
        return "flag"
    if isinstance(option.type, click.Choice):
        return "choice"
    if isinstance(option.type, click.Path):
        return _get_path_kind(option)
    if option.name == "model":
        return "text"
    if option.callback is not None:
        return "thresholds"
    if option.name == "wave_window":
        return "cycles"
    return {"integer": "int", "float": "float"}.get(option.type.name, "text")


def _get_path_kind(option: click.Option) -> str:
    name = option.name or ""
    if name in ("out", "wave", "report", "badge", "plot"):
        return "file" if "." in str(option.metavar) else "directory"
    return {"checkpoint": "model", "quality": "correction"}.get(name, name)


def list_words(option: click.Option) -> tuple[str, ...]:
    """Wrong values of an option; a percentage where a share is meant."""
    words = WORDS[get_kind(option)]
    return (*words, "30", "1.5") if option.opts[0] in SHARES else words


def list_option_cases() -> Iterator[Case]:
    """Every option of every command with every wrong value."""
    for command in list_commands():
        for option in list_options(command):
            name = option.opts[0]
            for word in list_words(option):
                if f"{command} {name} {word}" not in ACCEPTED:
                    yield _make_case(command, name, word, get_kind(option))


def _make_case(command: str, name: str, word: str, kind: str) -> Case:
    base = BASES[command]
    if name == "--continue":
        base = base[2:]  # in place of --prompt
    added = (name + word,) if kind == "flag" else (name, word)
    if name == "--tokens":
        added = (*TOKEN_OPTIONS.get(command, ()), *added)
    bare = name.removeprefix("--")
    names = [name, f"{bare} =", f"{bare.replace('-', '_')} =", f"{bare} '"]
    values = [word, repr(word)] if word else ["''", "no path", "does not take a value"]
    if kind in ("model", "tokens", "correction", "file", "directory") and word:
        names.append(word)  # a refusal of what stands in a file names the file
    if kind == "file" or kind == "directory":
        names.append("output =")
    if kind == "flag":
        values = ["does not take a value"]
    if kind in ("int", "float", "thresholds"):
        values += _show_numbers(word)
        values += [repr(part) for part in word.split(",")]
    if name == "--thresholds":
        names.append("tau =")  # its old name
    return Case(command, base, added, tuple(names), tuple(values))


def _show_numbers(word: str) -> list[str]:
    """How Python shows the numbers of a word."""
    shown = []
    for part in word.split(","):
        try:
            number = float(part)
        except ValueError:
            continue
        shown += [repr(number)] if math.isnan(number) or math.isinf(number) else [f"{number}"]
    return shown


def list_other_cases() -> Iterator[Case]:
    """Options without a value, left out, unknown; surplus words; pairs that contradict."""
    for command in list_commands():
        base = BASES[command]
        valued = [one for one in list_options(command) if not one.is_flag]
        name = valued[0].opts[0]
        yield Case(command, base, (name,), (name,), ("requires an argument",))
        yield Case(command, base, ("--invented",), ("--invented",), ("No such option",))
        if not takes_any_words(command):
            yield Case(command, base, ("surplus",), ("surplus",), ("extra argument", "unexpected"))
        for option in valued:
            if option.required:
                place = base.index(option.opts[0])
                left = (*base[:place], *base[place + 2 :])
                yield Case(command, left, (), (option.opts[0],), ("Missing option",))
    for command, added, words in CONTRADICTIONS:
        yield Case(command, BASES[command], added, words[:1], words[1:])


CASES = (*list_option_cases(), *list_other_cases())
