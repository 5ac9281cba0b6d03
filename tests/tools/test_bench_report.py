from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tools.bench_linear import BLOCK_SWEEP_BYTES, CHOSEN, ROW_COUNTS
from tools.bench_report import explain_gap, explain_linear, format_page, save_figure


def make_results(batch_share: float = 0.95) -> dict[str, Any]:
    """Results in which each row costs a fifth of the first one."""
    blocks = [f"blocks of {block_bytes >> 10} KiB" for block_bytes in BLOCK_SWEEP_BYTES]
    names = ["x @ W.T", "W @ x, row by row", *blocks]
    linear = {
        name: {str(rows): slowness * (2.0 + 0.4 * (rows - 1)) for rows in ROW_COUNTS}
        for name, slowness in zip([CHOSEN, *names], (1.0, *(1.5 for _ in names)), strict=True)
    }
    speeds = [
        {
            "rows": rows,
            "target_ratio": 0.5,
            "replay_ratio": 0.501,
            "dense_milliseconds": 20.0,
            "replay_milliseconds": 15.0,
            "mlp_share": 0.6,
            "speed_up": 1.43 * share,
            "amdahl": 1.43,
            "amdahl_share": share,
            "row_bound": 1.3,
        }
        for rows, share in ((1, 0.97), (8, batch_share))
    ]
    return {
        "machine": {
            "processor": "a processor",
            "cores": 2,
            "load_before": 0.1,
            "python": "3.11.7",
            "numpy": "2.4.6",
            "blas": "a library",
            "blas_threads": 2,
        },
        "config": {
            "hidden_size": 1024,
            "intermediate_size": 2752,
            "num_hidden_layers": 8,
            "num_attention_heads": 16,
            "head_dim": 64,
        },
        "rounds": 12,
        "target_share": 0.9,
        "replay": speeds,
        "linear_milliseconds": linear,
        "video": {"frames": 16, "tokens": 1024, "seconds": 6.0, "target_seconds": 10.0},
    }


def test_a_miss_is_told_with_its_numbers() -> None:
    text = explain_gap(make_results(batch_share=0.83))
    assert "batch 8 at 50% (83% of Amdahl" in text
    assert "batch 1" not in text
    assert "0.40 ms, 20% of the first" in text


def test_without_a_miss_none_is_told() -> None:
    assert "Every line reaches 90%" in explain_gap(make_results())


def test_the_table_says_which_target_is_met() -> None:
    page = format_page(make_results(batch_share=0.83))
    lines = [line for line in page.splitlines() if line.startswith(("| 1 ", "| 8 "))]
    assert [" yes |" in line for line in lines] == [True, False]


@pytest.mark.parametrize(("seconds", "word"), [(9.9, "within"), (10.1, "beyond")])
def test_the_video_is_held_to_its_target(seconds: float, word: str) -> None:
    results = make_results()
    results["video"]["seconds"] = seconds
    assert f"{seconds} s, {word} the target of 10 s" in format_page(results)


def test_a_busy_machine_is_told() -> None:
    results = make_results()
    assert "busy" not in format_page(results)
    results["machine"]["load_before"] = 1.5
    assert "busy: do not trust" in format_page(results)


def test_the_fastest_block_is_named() -> None:
    results = make_results()
    assert f"`{CHOSEN}` was the fastest" in explain_linear(results)
    results["linear_milliseconds"]["blocks of 256 KiB"] = dict.fromkeys(map(str, ROW_COUNTS), 0.1)
    assert "`blocks of 256 KiB` was the fastest" in explain_linear(results)


def test_the_figure_is_a_picture(tmp_path: Path) -> None:
    save_figure(make_results(), tmp_path / "performance.png")
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")
