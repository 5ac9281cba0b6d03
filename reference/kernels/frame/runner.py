"""Runs the frame kernel on a decoder: its caches, its gate's memory and its records, in place."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.errors import ArgumentError, NonFiniteError
from fastcar.reference.finite_check import (
    FedTokens,
    check_guided,
    check_layer,
    check_logits,
    check_scores,
    check_stream,
    name_stored,
)
from fastcar.reference.gates.planned import PlannedGate
from fastcar.reference.kernels.frame import plan as plans
from fastcar.reference.kernels.frame.handles import Handle
from fastcar.reference.kernels.frame.plan import Plan
from fastcar.reference.kernels.frame.plan_maker import make_plan
from fastcar.reference.kernels.frame.run import decode
from fastcar.reference.kernels.frame.scratch import make_own
from fastcar.reference.laps import PARTS

if TYPE_CHECKING:
    from fastcar.reference.token_loop import TokenLoop

CALL_SECONDS = 0.2
"""About how long a call may take, so that progress is seen and an interrupt heard."""
GUIDED_BYTES = 1 << 20
"""Most logits that are kept until a call ends."""


def share_out(ticks: NDArray[np.int64]) -> list[float]:
    """Shares of the parts of `PARTS` in a call; all is the last part's where nothing counts.

    >>> share_out(np.array([3, 1, 0, 0])), share_out(np.array([0, 0, 0, 0]))
    ([0.75, 0.25, 0.0, 0.0], [0.0, 0.0, 0.0, 1.0])
    """
    total = int(ticks.sum())
    return [int(count) / total for count in ticks] if total > 0 else [0.0, 0.0, 0.0, 1.0]


def start_pool(helpers: int) -> ThreadPoolExecutor | None:
    """Threads that are there, because a team waits for all of its members; None without any."""
    if not helpers:
        return None
    pool, met = ThreadPoolExecutor(helpers), threading.Barrier(helpers)
    try:
        for future in [pool.submit(met.wait) for _ in range(helpers)]:
            future.result()
    except RuntimeError:  # no more threads may be started
        met.abort()
        pool.shutdown(wait=False)
        return None
    return pool


class FrameRunner:
    """Takes a generation on by whole frames; or by less, where that takes long.

    Args:
        loop: the generation; its decoder has its prompt, and `can_plan` says yes to it.
        threads: that share every product.
    """

    def __init__(self, loop: TokenLoop, threads: int) -> None:
        self._loop = loop
        self._decoder = decoder = loop.decoder
        videos, vocab_size = len(loop.result.token_ids), loop.logits.shape[1]
        frame = decoder.replay.tokens_per_frame
        self._most: int = max(1, min(frame, GUIDED_BYTES // (4 * videos * vocab_size)))
        self._paced = 1
        self._plan: Plan = make_plan(loop, self._most)
        self._handle = Handle(self._plan)
        self._pool = start_pool(threads - 1)
        size = 1 if self._pool is None else threads
        self._team = [Handle(make_own(self._plan, index, size)) for index in range(size)]
        self._plan.shared.logits[:] = loop.logits

    def run(self, token_index: int) -> int:
        """Choose and feed tokens from generated token j to the end of its frame, or some of them.

        Raises:
            NonFiniteError: a number beyond the range of the arithmetic (D-37).
        """
        loop, plan, laps = self._loop, self._plan, self._decoder.laps
        frame = self._decoder.replay.tokens_per_frame
        frame_end = (token_index // frame + 1) * frame
        count = min(self._most, self._paced, frame_end - token_index, loop.num_tokens - token_index)
        stop = token_index + count
        with laps.account("other"):
            self._draw_ahead(token_index, stop)
        plan.records.ticks[:] = 0
        start = time.perf_counter()
        with laps.account(None):
            reached = self._call(token_index, stop)
        seconds = time.perf_counter() - start
        for part, share in zip(PARTS, share_out(plan.records.ticks), strict=True):
            laps.seconds[part] += seconds * share
        with laps.account("other"):
            self._finish(token_index, reached, stop)
        self._paced = max(1, int(CALL_SECONDS / seconds * count))
        return stop

    def _draw_ahead(self, start: int, stop: int) -> None:
        """Uniform numbers of the tokens that will be drawn, and decisions that need no look."""
        loop, plan = self._loop, self._plan
        drawn = max(start, min(loop.given.shape[1], stop))
        for video, stream in enumerate(loop.streams):
            plan.draws.uniforms[drawn - start : stop - start, video] = stream.random(stop - drawn)
        gate = self._decoder.mlp.rule.gate
        fed = range(start, min(stop, loop.num_tokens - 1))
        if isinstance(gate, PlannedGate) and len(fed):
            measures, decisions = gate.plan(fed)
            plan.rule.planned_measures[: len(fed)] = measures
            plan.rule.planned[: len(fed)] = decisions

    def _call(self, start: int, stop: int) -> int:
        last = self._loop.num_tokens - 1
        others = [] if self._pool is None else self._team[1:]
        waited = [
            self._pool.submit(decode, self._handle, own, start, stop, last)
            for own in others
            if self._pool is not None
        ]
        reached = int(decode(self._handle, self._team[0], start, stop, last))
        for future in waited:
            future.result()
        return reached

    def _finish(self, start: int, reached: int, stop: int) -> None:
        """What Python keeps of a call; refuses what was beyond the range."""
        loop, plan, cache = self._loop, self._plan, self._decoder.kv_cache
        fed = min(reached, loop.num_tokens - 1)
        cache.num_entries = self._decoder.prompt_tokens + fed
        loop.result.record.num_extra_scores += int(plan.records.extra_scores[0])
        plan.records.extra_scores[0] = 0
        status = plan.shared.status
        kind = int(status[0] or status[3])
        if kind != plans.FINE:
            self._refuse(kind, reached, reached - start)
        loop.write_down(start, plan.records.guided[: stop - start])
        loop.logits = plan.shared.logits

    def _refuse(self, kind: int, token_index: int, index: int) -> None:
        """Raise as the decoder does that goes step by step."""
        shared, sizes = self._plan.shared, self._plan.sizes
        layer = int(shared.status[1])
        cache = self._decoder.kv_cache
        fed = FedTokens(cache.padding_tokens, sizes.prompt_tokens, token_index)
        if kind == plans.BAD_GUIDED:
            check_guided(self._plan.records.guided[index], token_index)
        elif kind == plans.BAD_LOGITS:
            check_logits(shared.logits, fed)
        elif kind == plans.BAD_SCORE:
            check_scores(shared.tapped, shared.score, layer, fed)
        elif kind == plans.BAD_ENTRY:
            heads = sizes.rows, 1, sizes.key_heads, sizes.head_dim
            key, value = shared.key.reshape(heads), shared.value.reshape(heads)
            try:
                cache.update(layer, cache.num_entries, key, value)
            except ArgumentError as error:
                raise name_stored(error, cache.storage, key, value, layer, fed) from error
        elif layer == 0:
            check_stream(shared.x, None, "embedding", fed)
        else:
            check_layer(shared.attended, shared.x, layer - 1, fed)
        # sums in another order were just within the range
        place = f"before layer {layer}, {fed.describe((0,))}"
        raise NonFiniteError("residual stream", float("inf"), place, "finite in float32")
