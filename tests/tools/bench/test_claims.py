from __future__ import annotations

import pytest

from tests.tools.bench.results import make_results
from tools.bench.claims import make_claims
from tools.bench.linear import CHOSEN, ROW_COUNTS
from tools.bench.shipped.plan import STEPS
from tools.page import find_faults


def get_text(results: dict[str, object]) -> str:
    """All claims that hold, a line each."""
    return "\n".join(claim.text for claim in make_claims(results) if claim.holds)


def test_a_miss_is_claimed_with_its_numbers() -> None:
    text = get_text(make_results(amdahl_share=0.85))
    assert "in 0 of 24 lines" in text
    assert "batch 1, 16 and reach 94% to 94% of the bound" in text
    assert "0.40 ms, 20% of the first" in text


def test_without_a_miss_none_is_claimed() -> None:
    assert "in 24 of 24 lines.\n" in get_text(make_results())


def test_a_peer_that_failed_makes_the_prose_false() -> None:
    results = make_results()
    assert "Every contender played." in get_text(results)
    results["geometries"][1]["cells"][0]["failed"] = {"llama.cpp-F16": "llama.cpp-F16: no room"}
    assert "no longer true: Every contender played." in find_faults("", make_claims(results))


def test_a_busy_machine_makes_the_prose_false() -> None:
    results = make_results()
    assert "load of the machine before the run: 0.10." in get_text(results)
    results["machine"]["load_before"] = 1.5
    [fault] = [line for line in find_faults("", make_claims(results)) if "no longer true" in line]
    assert fault.endswith("load of the machine before the run: 1.50.")


def test_nothing_is_claimed_of_a_large_model_that_found_no_room() -> None:
    results = make_results()
    assert "7.20 GB, batch 1: written" in get_text(results)
    results["large"] = {"geometry": "7B", "skipped": "1.0 GB of disk free, 9.0 GB needed"}
    assert "batch 1: written" not in get_text(results)


def test_the_fastest_block_is_named() -> None:
    results = make_results()
    assert f"`{CHOSEN}` was the fastest" in get_text(results)
    blocks = dict.fromkeys(map(str, ROW_COUNTS), 0.1)
    results["products"]["milliseconds"]["blocks of 256 KiB"] = blocks
    assert "`blocks of 256 KiB` was the fastest" in get_text(results)


@pytest.mark.parametrize("text", ["numba-int8 1.5e-02", "2.50 s", "0.05 times the shard"])
def test_the_claims_hold_the_numbers(text: str) -> None:
    assert text in get_text(make_results())


@pytest.mark.parametrize(("key", "value"), [("equal_share", 0.9999), ("equal_nats", False)])
def test_a_frame_kernel_with_other_tokens_makes_the_prose_false(key: str, value: object) -> None:
    results = make_results()
    claim = "The frame kernel gives the tokens and the likelihoods"
    assert claim in get_text(results)
    wanted = {"batch": 16, "name": STEPS}.items()
    [steps] = [one for one in results["shipped"]["tokens"] if wanted <= one.items()]
    steps[key] = value
    assert claim not in get_text(results)


def test_before_the_shipped_model_is_measured_the_prose_stands() -> None:
    results = make_results()
    del results["shipped"]
    assert all(claim.holds for claim in make_claims(results))
