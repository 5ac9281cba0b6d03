from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np

from tools.bench.shipped.turn import describe_tokens, run_timed

SECONDS = 0.1


def work() -> str:
    """Busy for a while."""
    end = time.process_time() + SECONDS
    while time.process_time() < end:
        pass
    return "done"


def work_elsewhere() -> None:
    """The same, in another thread."""
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_both_clocks_run_while_there_is_work() -> None:
    result, times = run_timed(work)
    assert result == "done"
    assert times["cpu"] >= SECONDS
    assert times["clock"] >= 0.9 * SECONDS


def test_waiting_is_no_work() -> None:
    _, times = run_timed(lambda: time.sleep(SECONDS))
    assert times["clock"] >= SECONDS
    assert times["cpu"] < SECONDS / 2


def test_no_thread_works_unseen() -> None:
    assert run_timed(work_elsewhere)[1]["cpu"] >= SECONDS


def test_one_bit_of_a_likelihood_shows() -> None:
    result = SimpleNamespace(token_ids=np.array([[1, 2]]), nats=np.array([[0.5], [0.25]]))
    found = describe_tokens(result)
    assert found["token_ids"] == [[1, 2]]
    assert found == describe_tokens(result)
    result.nats[1] = np.nextafter(0.25, 1)
    assert describe_tokens(result)["nats"] != found["nats"]
