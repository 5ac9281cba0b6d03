"""Speed of decoding with replay against the dense run and against Amdahl's law.

Dense run and replays take turns, a few tokens each, so that a slow moment of the machine meets all
of them. The random gate replays a given share and costs next to nothing, so what is measured is
what replay itself saves.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reference.config import ModelConfig
from reference.decoder import Decoder, LayerObservation
from reference.gates import RandomGate
from reference.replay import ReplayConfig
from reference.weights import ModelWeights

TARGET_RATIOS = (0.5, 0.8)
TOKENS_PER_FRAME = 32
PROMPT_TOKENS = 128
TOKENS_PER_TURN = 4
TURNS_PER_ROUND = 4
SPEED_UP_TARGET = 0.9
"""Share of Amdahl's speed-up that is to be reached."""


def make_bench_config(num_layers: int = 8) -> ModelConfig:
    """Width 1024: two thirds of a layer's weights stand in the MLP, as in the paper's model."""
    return ModelConfig(
        vocab_size=1024,
        hidden_size=1024,
        intermediate_size=2752,
        num_hidden_layers=num_layers,
        num_attention_heads=16,
        num_key_value_heads=16,
        head_dim=64,
        rms_norm_eps=1e-5,
        rope_theta=10000.0,
        max_position_embeddings=1024,
    )


def compute_amdahl(mlp_share: float, replay_ratio: float) -> float:
    """Speed-up if a share of the time falls to (1 - ratio) of itself and nothing else changes.

    >>> compute_amdahl(mlp_share=0.5, replay_ratio=1.0)
    2.0
    """
    return 1 / (1 - mlp_share * replay_ratio)


def compute_row_bound(
    mlp_share: float, computing_rows: list[int], milliseconds: Mapping[int, float], rows: int
) -> float:
    """Amdahl's speed-up when the MLP of k rows takes as long as was measured, not k / rows.

    Args:
        mlp_share: of the dense time.
        computing_rows: rows that computed, one entry per layer and token.
        milliseconds: measured time of the MLP by number of rows; 0 rows take none.
        rows: B.
    """
    costs = [milliseconds[count] if count else 0.0 for count in computing_rows]
    left = float(np.mean(costs)) / milliseconds[rows]
    return 1 / (1 - mlp_share * (1 - left))


@dataclass
class Contender:
    """One decoder in the comparison; the lists hold one entry per turn of a few tokens.

    Attributes:
        decoder: dense or with a random gate.
        seconds: time of the turn.
        mlp_seconds: its part in the MLP blocks.
        computing_rows: rows that computed, one entry per token and layer of the turn.
    """

    decoder: Decoder
    seconds: list[float] = field(default_factory=list)
    mlp_seconds: list[float] = field(default_factory=list)
    computing_rows: list[list[int]] = field(default_factory=list)

    def take_turn(self, token_ids: NDArray[np.int64]) -> None:
        """Feed token_ids [tokens, B] and note the time."""
        counts: list[int] = []

        def observe(observation: LayerObservation) -> None:
            counts.append(int((~observation.decision.replayed).sum()))

        mlp_before = self.decoder.laps.seconds["mlp"]
        start = time.perf_counter()
        for per_row in token_ids:
            self.decoder.step(per_row, observe)
        self.seconds.append(time.perf_counter() - start)
        self.mlp_seconds.append(self.decoder.laps.seconds["mlp"] - mlp_before)
        self.computing_rows.append(counts)


@dataclass(frozen=True)
class Speed:
    """What one replay ratio brought; medians over the rounds unless said otherwise.

    Attributes:
        rows: B.
        target_ratio: of the random gate.
        replay_ratio: measured over all timed tokens, all of them eligible.
        dense_milliseconds: per token of all rows.
        replay_milliseconds: likewise.
        mlp_share: of the dense time.
        speed_up: dense by replay.
        amdahl: speed-up by Amdahl's law from share and ratio.
        amdahl_share: share of Amdahl's speed-up that was reached.
        row_bound: Amdahl's speed-up with the measured cost of the computing rows.
    """

    rows: int
    target_ratio: float
    replay_ratio: float
    dense_milliseconds: float
    replay_milliseconds: float
    mlp_share: float
    speed_up: float
    amdahl: float
    amdahl_share: float
    row_bound: float


def measure_replay(
    config: ModelConfig,
    weights: ModelWeights,
    rows: int,
    rounds: int,
    row_milliseconds: Mapping[int, float],
) -> list[Speed]:
    """Decode a batch of `rows`, dense and at every target ratio, in turns.

    Args:
        config: sizes.
        weights: random; speed does not depend on them.
        rows: B.
        rounds: each of TURNS_PER_ROUND turns of every contender.
        row_milliseconds: time of one layer's MLP by number of rows, from `tools.bench_linear`.
    """
    turns = rounds * TURNS_PER_ROUND
    capacity = PROMPT_TOKENS + TOKENS_PER_FRAME + turns * TOKENS_PER_TURN
    replay = ReplayConfig(TOKENS_PER_FRAME)
    gates = (None, *(RandomGate(ratio, seed=1) for ratio in TARGET_RATIOS))
    contenders = [
        Contender(
            Decoder(config, weights, rows=rows, capacity_tokens=capacity, replay=replay, gate=gate)
        )
        for gate in gates
    ]
    rng = np.random.default_rng(0)
    prompt_ids = rng.integers(config.vocab_size, size=(rows, PROMPT_TOKENS))
    first_frame = rng.integers(config.vocab_size, size=(TOKENS_PER_FRAME, rows))
    for contender in contenders:
        contender.decoder.prefill(prompt_ids)
        for per_row in first_frame:
            contender.decoder.step(per_row)
    for _ in range(turns):
        token_ids = rng.integers(config.vocab_size, size=(TOKENS_PER_TURN, rows))
        for contender in contenders:
            contender.take_turn(token_ids)
    return [
        compare(contenders[0], contender, target_ratio, row_milliseconds)
        for contender, target_ratio in zip(contenders[1:], TARGET_RATIOS, strict=True)
    ]


def compare(
    dense: Contender, contender: Contender, target_ratio: float, row_ms: Mapping[int, float]
) -> Speed:
    """Speed-up, share and ratio of every round, and their medians.

    A round is long enough for the draws of the gate to even out, and the law is applied to the
    ratio that was drawn in that very round.
    """
    rows = dense.decoder.num_rows
    dense_seconds, seconds = _sum_rounds(dense.seconds), _sum_rounds(contender.seconds)
    mlp_shares = _sum_rounds(dense.mlp_seconds) / dense_seconds
    computing = np.array(contender.computing_rows)  # [turns, tokens * layers]
    ratios = 1 - computing.reshape(len(seconds), -1).mean(axis=1) / rows
    laws = np.array([compute_amdahl(*pair) for pair in zip(mlp_shares, ratios, strict=True)])
    speed_ups = dense_seconds / seconds
    mlp_share = float(np.median(mlp_shares))
    tokens = TURNS_PER_ROUND * TOKENS_PER_TURN
    return Speed(
        rows,
        target_ratio,
        float(ratios.mean()),
        1e3 * float(np.median(dense_seconds)) / tokens,
        1e3 * float(np.median(seconds)) / tokens,
        mlp_share,
        float(np.median(speed_ups)),
        float(np.median(laws)),
        float(np.median(speed_ups / laws)),
        compute_row_bound(mlp_share, computing.reshape(-1).tolist(), row_ms, rows),
    )


def _sum_rounds(turns: list[float]) -> NDArray[np.float64]:
    """[turns] to [rounds]."""
    rounds = np.array(turns, np.float64).reshape(-1, TURNS_PER_ROUND)
    return np.asarray(rounds.sum(axis=1))
