from __future__ import annotations

import pytest

from tests.tools.bench.results import make_results
from tools.bench.report import make_tables


def test_an_absent_peer_is_said_to_be_absent() -> None:
    results = make_results()
    reason = "llama.cpp-F16: ModuleNotFoundError: No module named 'llama_cpp'"
    results["peers"]["llama.cpp-F16"] = {"present": False, "reason": reason}
    for entry in results["geometries"]:
        for cell in entry["cells"]:
            del cell["reference_speed_up"]["llama.cpp-F16"]
    tables = make_tables(results)
    assert "`llama.cpp-F16`: absent here: ModuleNotFoundError: No module" in tables["contenders"]
    lines = [line for line in tables["dense"].splitlines() if line.startswith("| 7B, one layer")]
    assert " - |" in " ".join(lines[0].split())


def test_a_large_model_that_found_no_room_is_told() -> None:
    results = make_results()
    results["large"] = {"geometry": "7B", "skipped": "1.0 GB of disk free, 9.0 GB needed"}
    assert make_tables(results)["large"] == (
        "Not decoded in this run: 1.0 GB of disk free, 9.0 GB needed."
    )


@pytest.mark.parametrize("text", ["1,200", "5.00x", "85% (95%)"])
def test_the_tables_hold_the_numbers(text: str) -> None:
    assert any(text in table for table in make_tables(make_results()).values())
