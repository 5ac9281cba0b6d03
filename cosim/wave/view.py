"""What is written of a recording."""

from __future__ import annotations

from dataclasses import dataclass

from fastcar.cosim.wave.changes import count_changes
from fastcar.cosim.wave.groups import Group, group_signals
from fastcar.cosim.wave.recording import Recording

TIMESCALE = "1 ns"
"""Of a clock cycle: time in the file is the step of the run."""

CHANGE_BYTES = 4
"""Of a change in text, beside the value: a letter, a space, a short name, the end of the line."""


@dataclass(frozen=True)
class WaveView:
    """Steps of a recording and what is said about them.

    Attributes:
        recording: of the run.
        steps: that are written.
        centre: the step that is looked at.
        comment: which run it is, one line.
    """

    recording: Recording
    steps: range
    centre: int
    comment: str

    @property
    def groups(self) -> list[Group]:
        """The signals as viewers show them."""
        return group_signals(self.recording.signals)

    def estimate_bytes(self) -> int:
        """About the size of the text; numbers with leading zeros take less."""
        changes = count_changes(self.recording, self.steps)
        sizes = [signal.num_bits + CHANGE_BYTES for signal in self.recording.signals]
        return int((changes * sizes).sum())
