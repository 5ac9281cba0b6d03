from __future__ import annotations

from pathlib import Path

import pytest

from tests.tools.bench.results import make_results
from tools.bench.figure import save_figure
from tools.bench.linear import CHOSEN, ROW_COUNTS
from tools.bench.report import explain_gap, explain_linear, format_page


def test_a_miss_is_told_with_its_numbers() -> None:
    results = make_results(amdahl_share=0.85)
    text = explain_gap(results)
    assert "in 0 of 24 lines" in text
    assert "batch 1, 16 and reach 94% to 94% of the bound" in text
    assert "0.40 ms, 20% of the first" in text


def test_without_a_miss_none_is_told() -> None:
    assert explain_gap(make_results()).endswith("in 24 of 24 lines.")


def test_an_absent_peer_is_said_to_be_absent() -> None:
    results = make_results()
    reason = "llama.cpp-F16: ModuleNotFoundError: No module named 'llama_cpp'"
    results["peers"]["llama.cpp-F16"] = {"present": False, "reason": reason}
    for entry in results["geometries"]:
        for cell in entry["cells"]:
            del cell["reference_speed_up"]["llama.cpp-F16"]
    page = format_page(results)
    assert "`llama.cpp-F16`: absent here: ModuleNotFoundError: No module named" in page
    lines = [line for line in page.splitlines() if line.startswith("| 7B, one layer")]
    assert " - |" in " ".join(lines[0].split())


def test_a_peer_that_failed_is_listed() -> None:
    results = make_results()
    assert "Every contender played." in format_page(results)
    results["geometries"][1]["cells"][0]["failed"] = {"llama.cpp-F16": "llama.cpp-F16: no room"}
    page = format_page(results)
    assert "- 2048 x 8 layers, batch 1, context 2048: llama.cpp-F16: no room" in page


def test_a_busy_machine_is_told() -> None:
    results = make_results()
    assert "busy" not in format_page(results)
    results["machine"]["load_before"] = 1.5
    assert "busy: do not trust" in format_page(results)


def test_a_large_model_that_found_no_room_is_told() -> None:
    results = make_results()
    assert "7.20 GB, batch 1: written" in format_page(results)
    results["large"] = {"geometry": "7B", "skipped": "1.0 GB of disk free, 9.0 GB needed"}
    assert "Not decoded in this run: 1.0 GB of disk free" in format_page(results)


def test_the_fastest_block_is_named() -> None:
    costs = make_results()["products"]["milliseconds"]
    assert f"`{CHOSEN}` was the fastest" in explain_linear(costs)
    costs["blocks of 256 KiB"] = dict.fromkeys(map(str, ROW_COUNTS), 0.1)
    assert "`blocks of 256 KiB` was the fastest" in explain_linear(costs)


@pytest.mark.parametrize(
    "text", ["1,200", "5.00x", "85% (95%)", "numba-int8 1.5e-02", "2.50 s", "0.05 times the shard"]
)
def test_the_page_holds_the_numbers(text: str) -> None:
    assert text in format_page(make_results())


def test_the_figure_is_a_picture(tmp_path: Path) -> None:
    save_figure(make_results(), tmp_path / "performance.png")
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")
