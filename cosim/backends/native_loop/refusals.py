"""Why a run was ended, in the words of `fastcar.cosim.backends.memory_model`."""

from __future__ import annotations

from fastcar.cosim.backends.memory_model import ChannelError
from fastcar.cosim.backends.native_loop.state import NO_PLACE, LoopState, Violation
from fastcar.cosim.records import GetPort
from fastcar.rtl.channel import MAX_OPEN_WRITES

RULES = {
    Violation.REQUEST_CHANGED: 2,
    Violation.SECOND_REQUEST: 4,
    Violation.EMPTY_REQUEST: 4,
    Violation.WRITE_CHANGED: 2,
    Violation.TOO_MANY_WRITES: 5,
    Violation.ANSWER_DUE: 4,
    Violation.STILL_OFFERED: 2,
}

_WRITE_PORTS = ("write_valid", "write_address", "write_data")


def make_channel_error(state: LoopState, get: GetPort) -> ChannelError:
    """The error of the channel that broke a rule.

    Args:
        state: at the end of the cycle in which it did.
        get: reads its output ports.
    """
    core = int(state.run[0]["core"])
    violation = Violation(int(state.run[0]["violation"]))
    name, cycle = f"core{core}", int(state.channels[core]["cycle"])
    return ChannelError(name, cycle, RULES[violation], _explain(violation, state, core, get))


def _explain(violation: Violation, state: LoopState, core: int, get: GetPort) -> str:
    channel = state.channels[core]
    if violation is Violation.REQUEST_CHANGED:
        held = int(channel["held_request_address"]), int(channel["held_request_num_beats"])
        names = ("read_request_valid", "read_request_address", "read_request_num_beats")
        return _compare("read request", held, names, core, get)
    if violation is Violation.WRITE_CHANGED:
        data = int.from_bytes(state.held_writes[core].tobytes(), "little")
        held, names = (int(channel["held_write_address"]), data), _WRITE_PORTS
        if state.wires.channels[core]["write_strobe"] == NO_PLACE:
            return _compare("write", held, names, core, get)
        strobe = int(channel["held_write_strobe"])
        return _compare("write", (*held, strobe), (*names, "write_strobe"), core, get)
    return {
        Violation.SECOND_REQUEST: f"a second request while {channel['beats_left']} beats are open",
        Violation.EMPTY_REQUEST: "a request of 0 beats",
        Violation.TOO_MANY_WRITES: f"more than {MAX_OPEN_WRITES} writes are open",
        Violation.ANSWER_DUE: "done while an answer is due",
        Violation.STILL_OFFERED: "done while a transfer is offered",
    }[violation]


def _compare(
    what: str, held: tuple[int, ...], names: tuple[str, ...], core: int, get: GetPort
) -> str:
    valid, *payload = (get(f"core{core}_{name}") for name in names)
    offered = tuple(payload) if valid else None
    return f"{what} {held} became {offered} before its transfer"
