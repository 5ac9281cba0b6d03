from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.tools.bench.results import GEOMETRIES, Results, make_results
from tools.bench.targets import find_targets, format_targets


def get_verdicts(results: Results) -> dict[str, str]:
    return {target.claim: target.verdict for target in find_targets(results)}


def test_every_target_of_a_good_run_is_met() -> None:
    verdicts = get_verdicts(make_results())
    assert set(verdicts.values()) == {"met"}
    # streaming at two geometries, two peers at three, replay at three with two batches, the
    # paper's geometry at two batches, tokens per second, start, quantising, the shipped model
    assert len(verdicts) == 2 + 2 * 3 + 3 * 2 + 2 + 1 + 1 + 1 + 23


def spoil_streaming(results: Results) -> None:
    results["geometries"][1]["cells"][0]["streaming_share"]["numba-int8"] = 0.79


def spoil_peer(results: Results) -> None:
    results["geometries"][0]["cells"][0]["reference_speed_up"]["llama.cpp-Q8_0"] = 0.99


def spoil_replay(results: Results) -> None:
    results["geometries"][0]["cells"][1]["replay"][10]["amdahl_share"] = 0.94


def spoil_paper(results: Results) -> None:
    results["geometries"][2]["cells"][0]["replay"][10]["speed_up"] = 1.69


def spoil_video(results: Results) -> None:
    results["videos"][4]["tokens_per_second"] = 999.0


def spoil_start(results: Results) -> None:
    results["start"]["seconds"] = 3.1


def spoil_quantizing(results: Results) -> None:
    results["quantizing"]["peak_bytes"] = 6.1e8


@pytest.mark.parametrize(
    ("spoil", "claim"),
    [
        (spoil_streaming, f"int8 dense, share of the streaming limit: {GEOMETRIES[1]}, batch 1"),
        (spoil_peer, f"int8 dense over llama.cpp-Q8_0: {GEOMETRIES[0]}, batch 1"),
        (spoil_replay, f"replay at 80%, share of Amdahl's speed-up: {GEOMETRIES[0]}, batch 16"),
        (spoil_paper, f"replay at 80% over dense: {GEOMETRIES[2]}, batch 1"),
        (spoil_video, "shipped model, batch 1, dense, Numba: tokens per second"),
        (spoil_start, "`fastcar generate` to its first token, compilation cached: seconds"),
        (spoil_quantizing, "quantising, peak memory over the largest shard"),
    ],
)
def test_a_miss_is_found_and_no_other(spoil: Callable[[Results], None], claim: str) -> None:
    results = make_results()
    spoil(results)
    missed = [claim for claim, verdict in get_verdicts(results).items() if verdict == "not met"]
    assert len(missed) == 1
    assert missed[0].startswith(claim)


def test_an_absent_peer_is_not_measured() -> None:
    results = make_results()
    for entry in results["geometries"]:
        for cell in entry["cells"]:
            del cell["reference_speed_up"]["llama.cpp-Q8_0"]
    verdicts = get_verdicts(results).items()
    found = [verdict for claim, verdict in verdicts if claim.startswith("int8 dense over llama")]
    assert found == ["not measured"] * 3


def test_the_table_shows_found_and_asked() -> None:
    table = format_targets(make_results())
    assert "| 85.0% | at least 80.0% |" in " ".join(table.split())
    assert "| 1,200 | at least 1,000 |" in " ".join(table.split())
    assert "| 2.50 | at most 3.00 |" in " ".join(table.split())
