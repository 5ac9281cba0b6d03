"""What happens at the pins of the accelerator, cycle by cycle, as text that every simulator writes.

A trace has one line for each clock cycle and, in it, one value for each port, in the order of the
exported module: hexadecimal digits as many as the port needs, a space between two ports. Unknown
digits are x (or X where only some of the four bits are unknown).

Sampling point: the inputs of a cycle are applied after the rising edge that ends the cycle before;
the outputs are read just before the rising edge that ends the cycle itself, when all combinational
logic has settled. So outputs show registers as they are in this cycle, and combinational outputs
answer the inputs of the same line.

What is compared: from the first reset on every output in every cycle, with one exception. Payloads
have no reset, so the payload of a record or a request counts from the cycle on in which its `valid`
is 1 for the first time (and from then on also in the cycles in which `valid` is 0).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cosim.verilog_ports import Port
from reference.errors import ArgumentError

_PAYLOAD = re.compile(r"(decision|retire|core\d+_(?:read_request|write))_(?!valid$)")


@dataclass(frozen=True)
class Stimulus:
    """Inputs of the accelerator in every cycle.

    Attributes:
        inputs: the ports of a line, in their order.
        outputs: the ports that a simulator has to write, in their order.
        lines: one for each cycle.
        first_compared: cycles before this one, the first reset, hold what power-up left.
    """

    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    lines: tuple[str, ...]
    first_compared: int

    @property
    def text(self) -> str:
        """The lines as a file."""
        return "".join(f"{line}\n" for line in self.lines)


@dataclass(frozen=True)
class PinTrace:
    """Outputs of the accelerator in every cycle.

    Attributes:
        simulator: name and version of what simulated it.
        lines: one for each cycle.
        seconds: of processor time that the simulator took; for compiled ones without the time of
            reading and writing files.
    """

    simulator: str
    lines: tuple[str, ...]
    seconds: float


@dataclass(frozen=True)
class Difference:
    """The first place where two traces differ.

    Attributes:
        cycle: from 0, the first line.
        port: its name.
        found: hexadecimal digits.
        wanted: hexadecimal digits.
    """

    cycle: int
    port: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"cycle {self.cycle}: {self.port} = {self.found}: expected {self.wanted}"


def split_ports(ports: Iterable[Port]) -> tuple[tuple[Port, ...], tuple[Port, ...]]:
    """Inputs and outputs, each in their order."""
    ports = tuple(ports)
    return (
        tuple(port for port in ports if port.is_input),
        tuple(port for port in ports if not port.is_input),
    )


def format_line(ports: Sequence[Port], get: Callable[[str], int]) -> str:
    """The values of ports in one cycle.

    >>> format_line((Port("done", 1, False), Port("decision_slot", 5, False)), lambda name: 1)
    '1 01'
    """
    return " ".join(f"{get(port.name):0{count_digits(port)}x}" for port in ports)


def parse_line(ports: Sequence[Port], line: str) -> Mapping[str, int]:
    """The inverse of `format_line`, for values that are known."""
    values = line.split(" ")
    return {port.name: int(value, 16) for port, value in zip(ports, values, strict=True)}


def count_digits(port: Port) -> int:
    """Hexadecimal digits of a port."""
    return -(-port.num_bits // 4)


def find_difference(stimulus: Stimulus, wanted: PinTrace, found: PinTrace) -> Difference | None:
    """The first port, in the first cycle, whose values differ.

    Raises:
        ArgumentError: a trace does not have as many cycles as the stimulus.
    """
    return next(_list_differences(stimulus, wanted, found), None)


def count_mismatches(stimulus: Stimulus, wanted: PinTrace, found: PinTrace) -> int:
    """Values that differ: ports times cycles."""
    return sum(1 for _ in _list_differences(stimulus, wanted, found))


def count_compared(stimulus: Stimulus, wanted: PinTrace) -> int:
    """Values that are compared: ports times cycles."""
    num_cycles = len(stimulus.lines)
    return sum(num_cycles - first for first in _find_first_cycles(stimulus, wanted))


def _list_differences(
    stimulus: Stimulus, wanted: PinTrace, found: PinTrace
) -> Iterator[Difference]:
    num_cycles = len(stimulus.lines)
    for trace in (wanted, found):
        if len(trace.lines) != num_cycles:
            limit = f"{num_cycles} cycles, as the stimulus has"
            raise ArgumentError(trace.simulator, f"{len(trace.lines)} cycles", limit)
    first_cycles = _find_first_cycles(stimulus, wanted)
    for cycle in range(stimulus.first_compared, num_cycles):
        if wanted.lines[cycle] == found.lines[cycle]:
            continue
        values = zip(wanted.lines[cycle].split(), found.lines[cycle].split(), strict=True)
        for port, first, (expected, value) in zip(
            stimulus.outputs, first_cycles, values, strict=True
        ):
            if cycle >= first and expected != value:
                yield Difference(cycle, port.name, value, expected)


def _find_first_cycles(stimulus: Stimulus, wanted: PinTrace) -> list[int]:
    """For each output the cycle from which on it is compared; behind the end if it never is."""
    places = {port.name: place for place, port in enumerate(stimulus.outputs)}
    first_valid = {}
    for valid in {_get_valid(port.name) for port in stimulus.outputs} - {None}:
        place = places[str(valid)]
        first_valid[valid] = next(
            (
                cycle
                for cycle in range(stimulus.first_compared, len(stimulus.lines))
                if wanted.lines[cycle].split()[place] == "1"
            ),
            len(stimulus.lines),
        )
    return [
        first_valid.get(_get_valid(port.name), stimulus.first_compared) for port in stimulus.outputs
    ]


def _get_valid(name: str) -> str | None:
    """The `valid` that a payload belongs to.

    >>> _get_valid("core1_read_request_address"), _get_valid("core1_read_request_valid")
    ('core1_read_request_valid', None)
    """
    match = _PAYLOAD.match(name)
    return None if match is None else f"{match[1]}_valid"
