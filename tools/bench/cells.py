"""One geometry, batch and context: every contender takes its turn in every round.

A slow moment of the machine so meets all alike, and every ratio is one of times of the same round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.bench.plan import (
    BYTES_PER_CACHED_NUMBER,
    ENGINES,
    MAX_TURN_TOKENS,
    OWN,
    READ,
    REFERENCE_ENGINE,
    Geometry,
    Plan,
)
from tools.bench.worker import Worker, WorkerError

Results = dict[str, Any]

MIN_TURN_TOKENS = 2
SHARE_OF_MEMORY = 0.6
"""Of the memory that is free when a cell starts; caches that need more are not filled at once."""


@dataclass
class Contender:
    """One decoder in the comparison; the lists hold one entry per round that it took part in.

    Attributes:
        worker: its process.
        variant: what it plays there.
        tokens: of one turn.
        turn_seconds: what a turn takes, about.
        rounds: numbers of the rounds.
        seconds: per token of all rows.
        mlp_seconds: part of the MLP blocks, likewise; of this project's decoders only.
        row_counts: how often 0, 1, .. B rows computed in a layer; likewise.
        bytes_per_second: of the reader only.
    """

    worker: Worker
    variant: str
    tokens: int = 1
    turn_seconds: float = 0.0
    rounds: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    mlp_seconds: list[float] = field(default_factory=list)
    row_counts: list[list[int]] = field(default_factory=list)
    bytes_per_second: list[float] = field(default_factory=list)

    def warm_up(self, turn_seconds: float) -> None:
        """Play until everything is compiled and loaded; then choose how many tokens make a turn."""
        if self.variant == READ:
            self.turn_seconds = turn_seconds
            return
        self.worker.ask("burst", self.variant, 1)
        seconds = self.worker.ask("burst", self.variant, 1)["seconds"]
        wanted = round(turn_seconds / seconds)
        self.tokens = min(max(wanted, MIN_TURN_TOKENS), MAX_TURN_TOKENS)
        self.turn_seconds = (self.tokens + 1) * seconds

    def take_turn(self, round_index: int) -> None:
        """Decode and note the time."""
        answer = self.worker.ask("burst", self.variant, self.tokens)
        self.rounds.append(round_index)
        if self.variant == READ:
            self.bytes_per_second.append(answer["bytes_per_second"])
            return
        self.seconds.append(answer["seconds"] / self.tokens)
        if "parts" in answer:
            self.mlp_seconds.append(answer["parts"]["mlp"] / self.tokens)
            self.row_counts.append(answer["row_counts"])

    def export(self) -> Results:
        """All lists that have entries."""
        names = ("rounds", "seconds", "mlp_seconds", "row_counts", "bytes_per_second")
        return {"tokens": self.tokens} | {n: getattr(self, n) for n in names if getattr(self, n)}


def measure_cell(
    workers: Mapping[str, Worker],
    plan: Plan,
    geometry: Geometry,
    batch: int,
    context: int,
    free_bytes: int,
) -> Results:
    """All contenders at one batch and context; their models are open.

    Args:
        workers: by kind; `OWN` is among them.
        plan: how long.
        geometry: of the open model.
        batch: B.
        context: tokens in the cache.
        free_bytes: memory for caches; with too little the peers play one after the other, each
            beside the reference engine.

    Returns:
        Times per round of every contender, and what each worker said of its preparations; a peer
        that failed is listed with its error.
    """
    own, peers = workers[OWN], [kind for kind in workers if kind != OWN]
    capacity = plan.get_capacity(context)
    needed = sum(count_cache_bytes(geometry, kind, batch, capacity) for kind in workers)
    is_roomy = needed <= SHARE_OF_MEMORY * free_bytes
    groups = [peers] if is_roomy else [peers[:1], *([kind] for kind in peers[1:])]
    prepared: Results = {OWN: own.ask("prepare", batch, context, capacity)}
    failed: dict[str, str] = {}
    own_players = [Contender(own, variant) for variant in own.ask("get_variants")]
    for player in own_players:
        player.warm_up(plan.turn_seconds)
    contenders = list(own_players)
    first_round = 0
    for group in groups:
        ready: list[Contender] = []
        for kind in group:
            player = Contender(workers[kind], kind)
            try:
                prepared[kind] = workers[kind].ask("prepare", batch, context, capacity)
                player.warm_up(plan.turn_seconds)
            except WorkerError as error:
                failed[kind] = str(error)
            else:
                ready.append(player)
        companions = own_players if not first_round else get_companions(own_players)
        first_round = play_rounds([*companions, *ready], plan, first_round)
        for player in ready:
            player.worker.ask("release")
        contenders += ready
    own.ask("release")
    return {
        "batch": batch,
        "context": context,
        "prepared": prepared,
        "failed": failed,
        "contenders": {player.variant: player.export() for player in contenders},
    }


def get_companions(own_players: Sequence[Contender]) -> list[Contender]:
    """Those that every peer is compared with."""
    return [player for player in own_players if player.variant in (READ, REFERENCE_ENGINE)]


def play_rounds(players: Sequence[Contender], plan: Plan, first_round: int) -> int:
    """Let everybody take turns for the time of a cell; the number of the next round."""
    fewest, most = plan.rounds
    total = sum(player.turn_seconds for player in players)
    rounds = min(max(round(plan.cell_seconds / max(total, 1e-9)), fewest), most)
    for round_index in range(first_round, first_round + rounds):
        # backwards every other time: whoever follows a large reader finds a cold cache
        for player in players if round_index % 2 else reversed(players):
            player.take_turn(round_index)
    return first_round + rounds


def count_cache_bytes(geometry: Geometry, kind: str, batch: int, capacity: int) -> int:
    """Keys and values of a contender's process."""
    numbers = 2 * geometry.layers * geometry.width * batch * capacity
    return numbers * BYTES_PER_CACHED_NUMBER[kind]


def measure_rows(worker: Worker, plan: Plan) -> dict[str, dict[str, list[float]]]:
    """Seconds of one layer's MLP: engine -> rows -> one time per round."""
    costs: dict[str, dict[str, list[float]]] = {
        name: {str(rows): [] for rows in plan.row_counts} for name in ENGINES
    }
    for _ in range(plan.row_rounds):
        for rows in plan.row_counts:
            for name in ENGINES:
                costs[name][str(rows)].append(worker.ask("measure_rows", name, rows)["seconds"])
    return costs
