"""Controls that replay at a given ratio without looking: `random` and `periodic`."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from fastcar.reference.arrays import BoolArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.thresholds import Measures, check_ratio


class PlannedGate(Gate):
    """A gate whose decisions need no look at the token, so they can be made ahead."""

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Note the sizes."""
        self._layers, self._rows = config.num_hidden_layers, rows
        self._tokens_per_frame = tokens_per_frame

    @abstractmethod
    def plan(self, tokens: range) -> tuple[Measures, BoolArray]:
        """What `measure` and `decide` would give for these tokens, the next ones of the run.

        Args:
            tokens: generated indices j.

        Returns:
            Measures and decisions, both [tokens, L, B]; for every layer that is active.
        """


class RandomGate(PlannedGate):
    """Replays each eligible token with a given probability; each row has its own stream."""

    name = "random"

    def __init__(self, ratio: float, seed: int = 0) -> None:
        check_ratio("ratio", ratio)
        if seed < 0:
            raise ArgumentError("seed", seed, "at least 0")
        self.ratio = ratio
        self.seed = seed

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Start the streams again, so that equal runs give equal decisions."""
        super().reset(config, rows, tokens_per_frame, dtype)
        self._streams = [np.random.default_rng([self.seed, row]) for row in range(rows)]

    def measure(self, query: GateQuery) -> Measures:
        """One uniform draw per row in [0, 1)."""
        return np.array([stream.random() for stream in self._streams])

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Replay where the draw is below the ratio."""
        return np.asarray(measures < self.ratio)

    def plan(self, tokens: range) -> tuple[Measures, BoolArray]:
        """The next draws of every stream, layer after layer."""
        shape = len(tokens), self._layers
        measures = np.stack([stream.random(shape) for stream in self._streams], axis=-1)
        return measures, measures < self.ratio


class PeriodicGate(PlannedGate):
    """Replays at a fixed rhythm: of k = frame + place, the share `ratio`, evenly spread (D-09).

    The place shifts the rhythm, so in every frame some places compute and none waits longer
    than 1 / (1 - ratio) frames, rounded up.
    """

    name = "periodic"

    def __init__(self, ratio: float) -> None:
        check_ratio("ratio", ratio)
        self.ratio = ratio

    def measure(self, query: GateQuery) -> Measures:
        """Looks at nothing."""
        return np.full(len(query.eligible), np.nan)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Replay iff floor((k + 1) ratio) > floor(k ratio)."""
        is_replay = self._is_beat(query.token_index, query.tokens_per_frame)
        return np.full(len(query.eligible), is_replay)

    def plan(self, tokens: range) -> tuple[Measures, BoolArray]:
        """The rhythm, the same in every layer and row."""
        shape = len(tokens), self._layers, self._rows
        beats = [self._is_beat(token, self._tokens_per_frame) for token in tokens]
        decisions = np.broadcast_to(np.array(beats, bool)[:, None, None], shape)
        return np.full(shape, np.nan), decisions.copy()

    def _is_beat(self, token_index: int, tokens_per_frame: int) -> bool:
        beat = sum(divmod(token_index, tokens_per_frame))
        return bool(np.floor((beat + 1) * self.ratio) > np.floor(beat * self.ratio))
