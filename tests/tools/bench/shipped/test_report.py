from __future__ import annotations

import pytest

from tests.tools.bench.shipped.results import make_shipped
from tools.bench.shipped.plan import EARLIER, PEER
from tools.bench.shipped.report import NOT_MEASURED, make_shipped_tables


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("shipped run", "load of the machine before the run: 0.10"),
        ("shipped speeds", "| 1 | float32 | 3 | 12,800 | 10.00x | 10.00x | 10.00x | 10.00x |"),
        ("shipped speeds", "| 16 | float32 | 3 | 204,800 | 10.00x | 10.00x | - | - |"),
        ("shipped tokens", "| 19b5edc | 1 | 75.00% | no |"),
        ("shipped streaming", "| float32 | 5.12 | 81.9 | 80% | 80% |"),
        ("shipped replay", "| tas | 1 | 80.0% | 50.0% | 1.667x | 1.667x | 1.667x | 100.0% |"),
        ("shipped rows", "| us, batch 16 | 400.00 | 500.00 | 1600.00 |"),
        ("shipped memory", "| float32 | 16 | 240 | 40 |"),
    ],
)
def test_the_tables_hold_the_numbers(table: str, text: str) -> None:
    assert text in " ".join(make_shipped_tables(make_shipped())[table].split())


def test_who_is_absent_is_said_to_be_absent() -> None:
    shipped = make_shipped()
    shipped["absent"] = {EARLIER: "git: No such file or directory", PEER: "No module"}
    text = make_shipped_tables(shipped)["shipped run"]
    assert f"`{EARLIER}`: absent here: git: No such file" in text
    assert f"`{PEER}`: absent here: No module" in text


def test_before_a_run_every_block_says_so() -> None:
    tables = make_shipped_tables(None)
    assert tables == dict.fromkeys(make_shipped_tables(make_shipped()), NOT_MEASURED)


def test_a_run_without_costs_of_rows_says_so() -> None:
    shipped = make_shipped()
    shipped["row_milliseconds"] = {}
    assert make_shipped_tables(shipped)["shipped rows"] == "Not measured in this run."
