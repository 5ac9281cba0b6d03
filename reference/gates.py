"""Gates: what decides, per layer and row, whether the MLP output is replayed.

All share one interface, so they can be compared at equal ratio:

- `tas`: the Temporal Attention Score (arXiv:2505.14709v1); costs nothing extra.
- `input`: distance between the normalised MLP input and the one of the last computed token in
  that place; costs D multiplications, and the norm of replayed rows, which no other needs (D-16).
- `random`, `periodic`: controls that replay at a given ratio without looking.
- `oracle`: distance between the fresh and the replayed output; computes what it saves.

A gate sees every token of an active layer, because `input` must remember what was computed; the
decisions of tokens that are not eligible are ignored.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from fastcar.reference.arrays import BoolArray, FloatArray
from fastcar.reference.config import ModelConfig
from fastcar.reference.distances import compute_distance
from fastcar.reference.errors import ArgumentError
from fastcar.reference.mlp_evaluation import MlpEvaluation
from fastcar.reference.swiglu import Activations
from fastcar.reference.thresholds import Measures, Thresholds, check_ratio


@dataclass(frozen=True)
class GateQuery:
    """What a gate may ask about one token of one layer; costly answers are computed when asked.

    Attributes:
        layer_index: l.
        token_index: generated index j.
        tokens_per_frame: N.
        eligible: [B], rows that may replay.
        score: [B] TAS, None where no score is taken.
        cached_output: [B, D], MLP output used one frame earlier; NaN if floats are not cached. The
            last computed one under a correction, the constant if one stands for replays (D-53).
        mlp: the block of this token.
        replace: gives what chosen rows [B] would use, [chosen, D]; None = the cached output.
    """

    layer_index: int
    token_index: int
    tokens_per_frame: int
    eligible: BoolArray
    score: FloatArray | None
    cached_output: FloatArray
    mlp: MlpEvaluation
    replace: Callable[[GateQuery, BoolArray], FloatArray] | None = None

    @property
    def location_index(self) -> int:
        """Place of the token within its frame."""
        return self.token_index % self.tokens_per_frame

    @property
    def frame_index(self) -> int:
        """Frame of the token."""
        return self.token_index // self.tokens_per_frame

    @property
    def mlp_input(self) -> FloatArray:
        """Normalised MLP input of all rows, [B, D]."""
        return self.mlp.compute_normed()

    @property
    def fresh_output(self) -> FloatArray:
        """MLP output of all rows, [B, D]: the work that replay is to save."""
        return self.mlp.compute_fresh()

    @property
    def replayed_output(self) -> FloatArray:
        """What every row would use if it replayed, [B, D]."""
        if self.replace is None:
            return self.cached_output
        return self.replace(self, np.ones(len(self.eligible), bool))

    def compute_activations(self, rows: BoolArray) -> Activations:
        """Activations of the chosen rows [B] only."""
        return self.mlp.compute_activations(rows)


class Gate(ABC):
    """Decides which rows replay."""

    name: ClassVar[str]
    needs_score: ClassVar[bool] = False
    needs_plain_replay: ClassVar[bool] = False
    """Whether what it says of a replay holds only for the output used one frame earlier."""

    def get_last_inputs(self) -> FloatArray | None:
        """[L, B, N, D], MLP inputs of the last computed token of every place, where it keeps them.

        A correction then reads them here instead of keeping its own.
        """
        return None

    def is_active(self, layer_index: int) -> bool:
        """Whether the layer may ever replay."""
        return True

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Start a generation; called before the first token."""

    @abstractmethod
    def measure(self, query: GateQuery) -> Measures:
        """The quantity the decision rests on, [B] float64; NaN where the gate looks at nothing."""

    @abstractmethod
    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Rows that replay if they are eligible, [B]."""

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Learn what was done; called once per token, after the decision."""


class ThresholdGate(Gate):
    """Compares its measure with a threshold, in float64 (D-04).

    Args:
        thresholds: where to compare.
        strict: at equality compute (the published code) instead of replay (the paper).
    """

    higher_is_safer: ClassVar[bool]

    def __init__(self, thresholds: Thresholds, strict: bool = False) -> None:
        self.thresholds = thresholds
        self.strict = strict

    def is_active(self, layer_index: int) -> bool:
        """Whether the layer has a threshold."""
        return self.thresholds.is_active(layer_index)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Reset the thresholds; refuses another number of them than the model has layers."""
        num_layers = config.num_hidden_layers
        if self.thresholds.num_layers != num_layers:
            limit = f"{num_layers}, one per layer"
            raise ArgumentError("number of thresholds", self.thresholds.num_layers, limit)
        self.thresholds.reset(rows)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """Replay iff the measure is on the safe side of the threshold; NaN computes."""
        threshold = self.thresholds.get(query.layer_index)
        safe, limit = (measures, threshold) if self.higher_is_safer else (threshold, measures)
        return np.asarray(safe > limit if self.strict else safe >= limit)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Pass the decision on to the thresholds."""
        self.thresholds.update(query.layer_index, measures, query.eligible, replayed)


class TemporalAttentionScoreGate(ThresholdGate):
    """Replay iff TAS >= tau (arXiv:2505.14709v1)."""

    name = "tas"
    needs_score = True
    higher_is_safer = True

    def measure(self, query: GateQuery) -> Measures:
        """The aggregated score; NaN before the second frame, where no aligned key exists."""
        if query.score is None:
            return np.full(len(query.eligible), np.nan)
        return query.score.astype(np.float64)


class InputGate(ThresholdGate):
    """Replay iff |n - n_last| <= delta, n the normalised MLP input, Euclidean norm.

    n_last is the input of the last *computed* token in that place, so the distance bounds the
    error of what is replayed even in a chain: a certificate can derive delta from a guaranteed
    output error (D-07).

    Attributes:
        last_inputs: [L, B, N, D], n_last of every place; NaN before the first token.
    """

    name = "input"
    higher_is_safer = False

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Allocate one frame of inputs per layer and row."""
        super().reset(config, rows, tokens_per_frame, dtype)
        shape = (config.num_hidden_layers, rows, tokens_per_frame, config.hidden_size)
        self.last_inputs: FloatArray = np.full(shape, np.nan, dtype)

    def get_last_inputs(self) -> FloatArray:
        """n_last."""
        return self.last_inputs

    def measure(self, query: GateQuery) -> Measures:
        """Distance to the last computed input; NaN where none exists yet."""
        last = self.last_inputs[query.layer_index, :, query.location_index]
        return compute_distance(query.mlp_input, last)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Remember the inputs of the rows that computed."""
        super().update(query, measures, replayed)
        last = self.last_inputs[query.layer_index, :, query.location_index]
        last[~replayed] = query.mlp_input[~replayed]


class OracleGate(ThresholdGate):
    """Replay iff |fresh output - replayed one| <= delta; saves nothing, shows what is possible."""

    name = "oracle"
    higher_is_safer = False

    def measure(self, query: GateQuery) -> Measures:
        """True error that a replay would make in this layer."""
        return compute_distance(query.fresh_output, query.replayed_output)


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
    """Replays at a fixed rhythm: of k = frame + location, the share `ratio`, evenly spread (D-09).

    The location shifts the rhythm, so in every frame some places compute and none waits longer
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
