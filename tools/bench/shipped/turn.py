"""One turn of a contender, by both clocks; the earlier engine's process needs no more than this."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from typing import Any

Answer = dict[str, Any]


def run_timed(call: Callable[[], Any]) -> tuple[Any, Answer]:
    """What a call returns, and the seconds it took.

    Returns:
        The result, and `clock` and `cpu`: the latter of all threads of the process, of which one
        works; so none can work unseen.
    """
    clock, cpu = time.perf_counter(), time.process_time()
    result = call()
    return result, {"cpu": time.process_time() - cpu, "clock": time.perf_counter() - clock}


def describe_tokens(result: Any) -> Answer:
    """Tokens of a `DecodeResult`, and a digest of their likelihoods, bit by bit."""
    return {
        "token_ids": result.token_ids.tolist(),
        "nats": hashlib.sha256(result.nats.tobytes()).hexdigest(),
    }
