"""Turns on the shipped model, all in one run: engines, gates, memory.

A turn is a batch of whole videos in the process of its contender, one thread. In every round each
contender takes one, in an order that is turned around from round to round.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.video.model import SHIPPED_MODEL
from tools.bench.gguf import write_gguf
from tools.bench.llama_cpp import F16_FILE
from tools.bench.machine import describe_machine
from tools.bench.same_model import CHECK_IDS, check_same_model
from tools.bench.shipped.earlier import AbsentError, check_out
from tools.bench.shipped.plan import (
    EARLIER,
    EXACT,
    LOOKING_GATES,
    PEER,
    PLANNED_GATE,
    RATIOS,
    STEPS,
    STREAMED,
    TEMPERATURE,
    ShippedPlan,
    name_read,
    name_replay,
    name_rows,
)
from tools.bench.shipped.summary import summarise
from tools.bench.worker import Worker, WorkerError

Results = dict[str, Any]
Turns = dict[str, list[Results]]
"""Contender -> its turns, one per round."""
Play = Callable[[], Results]

SHIPPED_WORKER, EARLIER_WORKER = "shipped", "earlier"


def measure_shipped(plan: ShippedPlan, peers: str, folder: Path, kept: Path) -> Results:
    """All numbers of the shipped model's decoding.

    Args:
        plan: how much.
        peers: interpreter that has llama.cpp.
        folder: where its model is written and removed again.
        kept: where the earlier engine stays with its compiled kernels.
    """
    machine = describe_machine()
    absent: dict[str, str] = {}
    try:
        earlier: Path | None = check_out(plan.earlier, kept)
    except AbsentError as error:
        earlier, absent[EARLIER] = None, str(error)
    cells: list[Results] = []
    with TemporaryDirectory(prefix="fastcar-bench-", dir=folder) as room:
        for batch in plan.contender_rounds:
            with Batch(plan, batch, earlier) as players:
                if batch == 1:
                    absent |= players.add_peer(peers, Path(room))
                cells.append(players.measure())
    peaks = measure_peaks(plan, max(plan.contender_rounds), earlier)
    measured = {
        "frames": plan.frames,
        "cost_frames": plan.cost_frames,
        "absent": absent,
        "cells": cells,
        "peaks": peaks,
    }
    return {"machine": machine} | summarise(measured)


class Batch:
    """The contenders with a number of videos; a context that ends their processes.

    Args:
        plan: how much.
        batch: videos.
        earlier: folder of the earlier engine, None = absent.
    """

    def __init__(self, plan: ShippedPlan, batch: int, earlier: Path | None) -> None:
        self.plan, self.batch = plan, batch
        self._stack = ExitStack()
        self._own = self._stack.enter_context(Worker(SHIPPED_WORKER))
        self._model = self._own.ask("open", batch, plan.frames, TEMPERATURE)
        self._asked: dict[str, Worker] = dict.fromkeys(plan.contenders, self._own)
        self._peer: Worker | None = None
        if earlier is not None:
            worker = self._stack.enter_context(Worker(f"{EARLIER_WORKER}-{earlier}"))
            worker.ask("open", self._model["prompt_ids"], TEMPERATURE)
            self._asked = {EARLIER: worker, **self._asked}

    def __enter__(self) -> Batch:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add_peer(self, python: str, folder: Path) -> dict[str, str]:
        """Let llama.cpp play too; the reason if it cannot."""
        worker = self._stack.enter_context(Worker(PEER, python))
        try:
            worker.ask("describe")
            config, weights = load_checkpoint(SHIPPED_MODEL)
            write_gguf(folder / F16_FILE, config, weights)
            worker.ask("open", str(folder))
            self._check_peer(worker)
            prompt_tokens = self._model["prompt_tokens"]
            worker.ask("prepare", 1, prompt_tokens, prompt_tokens + self._count_fed() + 1)
            self._play_peer(worker)
        except WorkerError as error:
            return {PEER: str(error).partition(": ")[2]}
        self._peer = worker
        return {}

    def _check_peer(self, worker: Worker) -> None:
        ids = list(CHECK_IDS)
        said = {
            PEER: worker.ask("read_logits", PEER, ids),
            EXACT: self._own.ask("read_logits", ids),
        }
        logits = {name: np.array(answer["logits"]) for name, answer in said.items()}
        check_same_model(logits, EXACT)

    def _count_fed(self) -> int:
        """Tokens of a video that are fed: all but the last."""
        return int(self.plan.frames * self._model["tokens_per_frame"] - 1)

    def _play_peer(self, worker: Worker) -> Results:
        """Feed as many tokens behind the prompt; the first one is not timed."""
        tokens = self._count_fed() - 1
        answer = worker.ask("burst", PEER, tokens)
        return {"tokens": tokens, "cpu": answer["cpu_seconds"], "clock": answer["seconds"]}

    def measure(self) -> Results:
        """Every turn, warmed up, and what the contenders say of their tokens."""
        plan, batch = self.plan, self.batch
        tokens = {}
        for name, worker in self._asked.items():
            worker.ask("run", name, plan.frames)
            tokens[name] = worker.ask("get_tokens")
        engines = {name: self._make_play(name, plan.frames) for name in self._asked}
        if self._peer is not None:
            peer = self._peer
            engines[PEER] = lambda: self._play_peer(peer)
        sizes: Results = {}
        if batch == 1:
            streamed = [name for name in STREAMED if name in plan.contenders]
            sizes = self._own.ask("prepare_readers", streamed)
            engines |= {name_read(name): self._make_play(name_read(name), 0) for name in streamed}
        return {
            "batch": batch,
            "model": {k: v for k, v in self._model.items() if k != "prompt_ids"},
            "tokens": compare_tokens(tokens),
            "streamed_bytes": sizes,
            "engines": play_rounds(engines, plan.contender_rounds[batch]),
            "gates": self._measure_gates(),
        }

    def _measure_gates(self) -> Turns:
        """Dense and replaying turns, and those that show the cost of the rows."""
        plan, batch = self.plan, self.batch
        plays = {EXACT: self._make_play(EXACT, plan.frames)}
        for gate in (*LOOKING_GATES, PLANNED_GATE) if batch == 1 else (PLANNED_GATE,):
            for ratio in RATIOS:
                self._own.ask("set_gate", gate, ratio, plan.calibration_runs)
                name = name_replay(gate, ratio)
                plays[name] = self._make_play(name, plan.frames)
        for rows in plan.row_counts.get(batch, ()):
            plays[name_rows(rows)] = self._make_play(name_rows(rows), plan.cost_frames)
        return play_rounds(plays, plan.replay_rounds[batch])

    def _make_play(self, name: str, frames: int) -> Play:
        worker = self._asked.get(name, self._own)

        def play() -> Results:
            answer: Results = worker.ask("run", name, frames)
            return answer

        return play


def play_rounds(plays: Mapping[str, Play], rounds: int) -> Turns:
    """Everybody's turns, round by round, backwards every other time."""
    turns: Turns = {name: [] for name in plays}
    names = list(plays)
    for round_index in range(rounds):
        for name in names if round_index % 2 else reversed(names):
            turns[name].append(plays[name]())
    return turns


def compare_tokens(tokens: Mapping[str, Results]) -> Results:
    """Share of tokens that are the frame kernel's, and whether the likelihoods are, bit by bit."""
    wanted = tokens[EXACT]
    return {
        name: {
            "equal_share": compute_equal_share(said["token_ids"], wanted["token_ids"]),
            "equal_nats": said["nats"] == wanted["nats"],
        }
        for name, said in tokens.items()
        if name in (STEPS, EARLIER)
    }


def compute_equal_share(found: Sequence[Sequence[int]], wanted: Sequence[Sequence[int]]) -> float:
    """Of two batches of videos.

    >>> compute_equal_share([[1, 2], [3, 4]], [[1, 2], [3, 5]])
    0.75
    """
    pairs = [pair for rows in zip(found, wanted, strict=True) for pair in zip(*rows, strict=True)]
    return sum(one == other for one, other in pairs) / len(pairs)


def measure_peaks(plan: ShippedPlan, batch: int, earlier: Path | None) -> Results:
    """Peak bytes of fresh processes that decode one batch; their kernels are compiled already.

    `warm_bytes` is the peak behind a first frame, with everything loaded.
    """
    peaks: Results = {}
    with Worker(SHIPPED_WORKER) as worker:
        prompt_ids = worker.ask("open", batch, plan.frames, TEMPERATURE)["prompt_ids"]
        peaks[EXACT] = _measure_peak(worker, EXACT, plan.frames)
    if earlier is not None:
        with Worker(f"{EARLIER_WORKER}-{earlier}") as worker:
            worker.ask("open", prompt_ids, TEMPERATURE)
            peaks[EARLIER] = _measure_peak(worker, EARLIER, plan.frames)
    return {"batch": batch, "processes": peaks}


def _measure_peak(worker: Worker, name: str, frames: int) -> Results:
    worker.ask("run", name, 1)
    warm_bytes = worker.ask("get_peak")
    worker.ask("run", name, frames)
    return {"warm_bytes": warm_bytes, "bytes": worker.ask("get_peak")}
