"""Names that the exported module may have: identifiers of Verilog and of VHDL, and of files."""

from __future__ import annotations

import re

from fastcar.reference.errors import ArgumentError

MAX_CHARACTERS = 64
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*(_[A-Za-z0-9]+)+")
"""With an underscore, as almost no keyword has one; VHDL takes none at the end, nor two."""
KEYWORDS = frozenset(
    {
        *("accept_on", "always_comb", "always_ff", "always_latch", "assume_guarantee"),
        *("first_match", "pulsestyle_ondetect", "pulsestyle_onevent", "reject_on"),
        *("restrict_guarantee", "s_always", "s_eventually", "s_nexttime", "s_until"),
        *("s_until_with", "sync_accept_on", "sync_reject_on", "until_with", "wait_order"),
    }
)
"""Of SystemVerilog and VHDL, those with an underscore."""
TAKEN = frozenset({"fastcar_testbench", "fastcar_memory_channel"})
"""Modules of the testbench."""


def check_module_name(name: str) -> None:
    """Refuse what is no name for the module.

    Raises:
        ArgumentError: says what is one.

    >>> check_module_name("replay_engine_8")
    >>> check_module_name("module")
    Traceback (most recent call last):
    fastcar.reference.errors.ArgumentError: module = 'module': must be letters, digits and single \
underscores, at least one, a letter in front, at most 64 characters
    """
    if len(name) > MAX_CHARACTERS or not _NAME.fullmatch(name):
        limit = (
            "letters, digits and single underscores, at least one, a letter in front, at most "
            f"{MAX_CHARACTERS} characters"
        )
        raise ArgumentError("module", name, limit)
    if name.lower() in KEYWORDS | TAKEN:
        raise ArgumentError("module", name, "no keyword, and no module of the testbench")
