"""What happens at the pins of the accelerator, cycle by cycle, as text that every simulator writes.

A trace has one line for each clock cycle and, in it, one value for each port, in the order of the
exported module: hexadecimal digits as many as the port needs, a space between two ports. Unknown
digits are x (or X where only some of the four bits are unknown).

Sampling point: the inputs of a cycle are applied after the rising edge that ends the cycle before;
the outputs are read just before the rising edge that ends the cycle itself, when all combinational
logic has settled. So outputs show registers as they are in this cycle, and combinational outputs
answer the inputs of the same line.

What is compared (D-31): from the first reset on every output in every cycle, with one exception.
The payload of a record or a request counts in the cycles in which its `valid` is 1. In the others
it may show a word of a buffer that nothing has written yet, whose content is the simulator's own;
such values are undefined, and those that differ are counted apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from fastcar.cosim.verilog.verilog_ports import Port
from fastcar.reference.errors import ArgumentError

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


def count_undefined(stimulus: Stimulus, wanted: PinTrace, found: PinTrace) -> int:
    """Payloads that differ in cycles in which their `valid` is 0; no mismatches."""
    return sum(1 for _ in _list_differences(stimulus, wanted, found, is_defined=False))


def count_compared(stimulus: Stimulus, wanted: PinTrace) -> int:
    """Values that are compared: ports times cycles."""
    places = _find_valid_places(stimulus)
    num_always = places.count(None)
    num_compared = 0
    for line in wanted.lines[stimulus.first_compared :]:
        values = line.split()
        payloads = sum(place is not None and values[place] == "1" for place in places)
        num_compared += num_always + payloads
    return num_compared


def _list_differences(
    stimulus: Stimulus, wanted: PinTrace, found: PinTrace, is_defined: bool = True
) -> Iterator[Difference]:
    """Differences between values that count, or between those that do not."""
    num_cycles = len(stimulus.lines)
    for trace in (wanted, found):
        if len(trace.lines) != num_cycles:
            limit = f"{num_cycles} cycles, as the stimulus has"
            raise ArgumentError(trace.simulator, f"{len(trace.lines)} cycles", limit)
    places = _find_valid_places(stimulus)
    for cycle in range(stimulus.first_compared, num_cycles):
        if wanted.lines[cycle] == found.lines[cycle]:
            continue
        expected, values = wanted.lines[cycle].split(), found.lines[cycle].split()
        for port, place, one, other in zip(stimulus.outputs, places, expected, values, strict=True):
            counts = place is None or expected[place] == "1"
            if one != other and counts == is_defined:
                yield Difference(cycle, port.name, other, one)


def _find_valid_places(stimulus: Stimulus) -> list[int | None]:
    """For each output where in a line its `valid` stands; None where it always counts."""
    places = {port.name: place for place, port in enumerate(stimulus.outputs)}
    valids = [_get_valid(port.name) for port in stimulus.outputs]
    return [None if valid is None else places[valid] for valid in valids]


def _get_valid(name: str) -> str | None:
    """The `valid` that a payload belongs to.

    >>> _get_valid("core1_read_request_address"), _get_valid("core1_read_request_valid")
    ('core1_read_request_valid', None)
    """
    match = _PAYLOAD.match(name)
    return None if match is None else f"{match[1]}_valid"
