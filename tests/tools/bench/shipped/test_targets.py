from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tools.bench.shipped.results import Results, make_shipped
from tools.bench.shipped.plan import EARLIER, EXACT, STEPS
from tools.bench.shipped.targets import find_shipped


def get_verdicts(shipped: Results | None) -> dict[str, str]:
    return {target.claim: target.verdict for target in find_shipped(shipped)}


def test_every_target_of_a_good_run_is_met() -> None:
    verdicts = get_verdicts(make_shipped())
    assert set(verdicts.values()) == {"met"}
    # seven speeds, two peers, equal tokens twice, streaming, tokens per second, six and three
    # replays, memory
    assert len(verdicts) == 7 + 2 + 2 + 1 + 1 + 6 + 3 + 1


def test_before_a_run_every_target_is_there_and_not_measured() -> None:
    assert set(get_verdicts(None).values()) == {"not measured"}
    assert len(get_verdicts(None)) == len(get_verdicts(make_shipped()))


def find(entries: list[Results], **wanted: object) -> Results:
    [entry] = [one for one in entries if all(one[key] == wanted[key] for key in wanted)]
    return entry


def spoil_speed(shipped: Results) -> None:
    find(shipped["speeds"], batch=1, name=EXACT)["over"][EARLIER]["cpu"] = 3.99


def spoil_batch(shipped: Results) -> None:
    find(shipped["speeds"], batch=16, name=EXACT)["over"][EARLIER]["cpu"] = 1.89


def spoil_tokens(shipped: Results) -> None:
    find(shipped["tokens"], batch=16, name=STEPS)["equal_share"] = 0.9999


def spoil_nats(shipped: Results) -> None:
    find(shipped["tokens"], batch=1, name=STEPS)["equal_nats"] = False


def spoil_streaming(shipped: Results) -> None:
    find(shipped["streaming"], name=EXACT)["share"]["cpu"] = 0.599


def spoil_tokens_per_second(shipped: Results) -> None:
    find(shipped["speeds"], batch=1, name=EXACT)["tokens_per_second"] = 9_999.0


def spoil_replay(shipped: Results) -> None:
    find(shipped["replay"], batch=1, gate="input", target_ratio=0.5)["reached"]["cpu"] = 0.969


def spoil_planned(shipped: Results) -> None:
    find(shipped["replay"], batch=16, gate="even", target_ratio=0.3)["reached"]["cpu"] = 0.919


def spoil_memory(shipped: Results) -> None:
    shipped["peaks"]["processes"][EXACT]["bytes"] = 2.6e8


@pytest.mark.parametrize(
    ("spoil", "claim"),
    [
        (spoil_speed, "batch 1, float32, over the engine of 19b5edc"),
        (spoil_batch, "batch 16, float32, over the engine of 19b5edc"),
        (spoil_tokens, "batch 16, tokens and likelihoods"),
        (spoil_nats, "batch 1, tokens and likelihoods"),
        (spoil_streaming, "batch 1, float32, share of the streaming limit"),
        (spoil_tokens_per_second, "batch 1, float32, tokens per second by the clock"),
        (spoil_replay, "batch 1, input at 50%, share of Amdahl's speed-up"),
        (spoil_planned, "batch 16, even at 30%, share of Amdahl's speed-up"),
        (spoil_memory, "batch 16, float32, peak memory"),
    ],
)
def test_a_miss_is_found_and_no_other(spoil: Callable[[Results], None], claim: str) -> None:
    shipped = make_shipped()
    spoil(shipped)
    [missed] = [claim for claim, verdict in get_verdicts(shipped).items() if verdict == "not met"]
    assert missed.startswith(f"shipped model, {claim}")


def test_an_absent_contender_is_not_measured() -> None:
    shipped = make_shipped()
    for speed in shipped["speeds"]:
        speed["over"].pop(EARLIER)
    verdicts = get_verdicts(shipped).items()
    found = [verdict for claim, verdict in verdicts if f", over the engine of {EARLIER}" in claim]
    assert found == ["not measured"] * 7


def test_the_bandwidth_stands_beside_the_tokens_per_second() -> None:
    shipped = make_shipped()
    shipped["streaming"][0]["gigabytes_per_second"]["clock"] = 83.2
    [claim] = [claim for claim in get_verdicts(shipped) if "tokens per second" in claim]
    assert claim.endswith("asked where one core reads 100 GB/s, here 83 GB/s")
