"""How the signals of a wave form are sorted: a group is a scope, so that every viewer shows it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fastcar.cosim.verilog.verilog_ports import MEANINGS, split_name
from fastcar.cosim.wave.recording import Signal

TOP = "accelerator"
CYCLE, CYCLE_SOURCE = "cycle", "counter_cycles"
"""The cycle of the run has a short name beside that of its port."""

_RECORDS = ("decision_", "retire_")
_MAPPING = ("index_", "mapping_")
_ORDER = {pattern: place for place, pattern in enumerate(MEANINGS)}


@dataclass(frozen=True)
class Group:
    """Signals that belong together.

    Attributes:
        scope: names of the scopes that contain them, the outermost first.
        signals: in the order in which they are shown.
        is_shown: at once, by what is written beside the wave form; registers are there to be added.
    """

    scope: tuple[str, ...]
    signals: tuple[Signal, ...]
    is_shown: bool

    @property
    def path(self) -> str:
        """The scope in one word."""
        return ".".join(self.scope)


def group_signals(signals: Iterable[Signal]) -> list[Group]:
    """State of the run, Index and Mapping Registers, records; of each core channel and counters.

    Registers of the design have groups of their own, which are not shown.
    """
    scopes: dict[tuple[str, ...], list[Signal]] = {}
    for signal in sorted(signals, key=_get_place):
        scopes.setdefault(_choose_scope(signal.name), []).append(signal)
    return [
        Group((TOP, *scope), tuple(members), scope[-1] != "registers")
        for scope, members in scopes.items()
    ]


def name_in_file(name: str, num_bits: int) -> str:
    """A signal as a file declares it, with the range of its bits, as simulators of Verilog do.

    >>> name_in_file("done", 1), name_in_file("cycle", 48)
    ('done', 'cycle [47:0]')
    """
    return name if num_bits == 1 else f"{name} [{num_bits - 1}:0]"


def _choose_scope(name: str) -> tuple[str, ...]:
    """Names of the scopes below the top.

    >>> _choose_scope("core1_write_data"), _choose_scope("core1_write_address_q")
    (('core1',), ('core1', 'registers'))
    """
    pattern, number = split_name(name)
    is_port = pattern in MEANINGS
    if pattern.startswith("core#"):
        return (f"core{number}",) if is_port else (f"core{number}", "registers")
    if not is_port:
        return ("registers",)
    if name.startswith(_RECORDS):
        return ("records",)
    return ("mapping",) if name.startswith(_MAPPING) else ("run",)


def _get_place(signal: Signal) -> tuple[bool, bool, int, int, str]:
    """Ports in front, the common ones first, then core by core; registers by name."""
    pattern, number = split_name(signal.name)
    is_of_core = pattern.startswith("core#")
    place = _ORDER.get(pattern, 0)
    order = (number, place) if is_of_core else (place, number)
    return pattern not in MEANINGS, is_of_core, *order, signal.name
