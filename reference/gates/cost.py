"""What a gate multiplies beside the decoder, so that gates can be compared at equal work (D-55)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GateCost:
    """Multiplications per token and layer; additions, divisions, roots and look-ups are free.

    Attributes:
        measured: of a token that has a measure.
        computed: beyond that, of a token that computes.
        replayed: beyond that, of a token that replays.
        scored: beyond that, of a score whose logit attention does not have.

    >>> GateCost(measured=2, replayed=5).count(measured=10, computed=6, replayed=4, scored=0)
    40
    """

    measured: int = 0
    computed: int = 0
    replayed: int = 0
    scored: int = 0

    def count(self, measured: int, computed: int, replayed: int, scored: int) -> int:
        """Multiplications of a run with these numbers of tokens, over layers and rows."""
        decided = computed * self.computed + replayed * self.replayed
        return measured * self.measured + decided + scored * self.scored

    def get_highest(self, has_score: bool) -> int:
        """The most that one token of one layer can take, where attention has its logit or not."""
        highest = self.measured + max(self.computed, self.replayed)
        return highest if has_score else highest + self.scored
