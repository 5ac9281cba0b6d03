from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from tools.bench.__main__ import main
from tools.bench.large import TINY_GEOMETRY, LargePlayer
from tools.bench.plan import ENGINES, OWN, QUICK_PLAN
from tools.bench.run import (
    compare_logits,
    count_weights,
    estimate_bytes,
    leave_out_embedding,
)
from tools.bench.shipped.report import NOT_MEASURED
from tools.bench.worker import Worker, WorkerError
from tools.paths import DOCS


class StandInWorker:
    """Knows logits only."""

    def __init__(self, logits: dict[str, list[float]]) -> None:
        self.logits = logits

    def ask(self, method: str, name: str, token_ids: list[int]) -> Any:
        """The planted logits."""
        assert method == "read_logits"
        return {"logits": self.logits[name]}


def compare(peer_logits: list[float]) -> dict[str, float]:
    own = StandInWorker({name: [3.0, 4.0] for name in ENGINES})
    workers = {OWN: own, "llama.cpp-F16": StandInWorker({"llama.cpp-F16": peer_logits})}
    return compare_logits(cast("dict[str, Worker]", workers))


def test_contenders_of_the_same_model_are_let_in() -> None:
    assert compare([3.0, 4.25])["llama.cpp-F16"] == pytest.approx(0.05)


def test_another_model_is_refused() -> None:
    with pytest.raises(WorkerError, match=r"^llama.cpp-F16: logits differ by "):
        compare([4.0, 3.0])


def test_weights_are_counted_without_the_embedding() -> None:
    geometry = QUICK_PLAN.geometries[0]
    config = geometry.make_config(64)
    layer = 4 * 64 * 64 + 3 * 64 * 96
    assert count_weights(geometry) == 2 * layer + config.vocab_size * 64
    assert leave_out_embedding(4 * (2 * layer + 2 * 32 * 64), geometry) == 4 * count_weights(
        geometry
    )


def test_the_large_model_takes_the_room_that_was_asked_for(tmp_path: Path) -> None:
    written = LargePlayer().write(str(tmp_path), TINY_GEOMETRY.name)
    assert written["bytes"] == sum(path.stat().st_size for path in tmp_path.iterdir())
    # scales, norms and headers weigh something in a tiny model
    assert estimate_bytes(TINY_GEOMETRY) < written["bytes"] < 1.5 * estimate_bytes(TINY_GEOMETRY)


def test_the_large_model_decodes_from_its_map(tmp_path: Path) -> None:
    player = LargePlayer()
    player.write(str(tmp_path), TINY_GEOMETRY.name)
    player.open(str(tmp_path))
    dense = player.burst(0.0, 5)
    assert dense["row_counts"] == [0, 10]
    replayed = player.burst(0.8, 5)
    assert replayed["row_counts"] == [8, 2]


@pytest.mark.slow
def test_a_quick_run_writes_the_three_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--quick", "--out", str(tmp_path / "docs"), "--parts", str(tmp_path / "parts")]
    monkeypatch.setattr(sys, "argv", ["bench", *options, "--folder", str(tmp_path)])
    assert main() == 0, capsys.readouterr().err
    names = sorted(path.name for path in (tmp_path / "docs").iterdir())
    assert names == ["performance.json", "performance.md", "performance.png"]
    results = json.loads((tmp_path / "docs" / "performance.json").read_text())
    cells = results["geometries"][0]["cells"]
    assert [(cell["batch"], cell["context"]) for cell in cells] == [(1, 32), (2, 32)]
    assert results["large"]["speeds"][0]["tokens_per_second"] > 0
    # models are removed
    assert sorted(path.name for path in tmp_path.iterdir()) == ["docs", "parts"]


@pytest.mark.slow
def test_the_shipped_model_alone_is_measured_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads((DOCS / "performance.json").read_text())
    for number in (1, 2):
        (tmp_path / "performance.json").write_text(
            json.dumps(before | {"shipped": {"run": number}})
        )
        options = [
            "--quick",
            "--video-only",
            "--out",
            str(tmp_path),
            "--parts",
            str(tmp_path / "p"),
        ]
        monkeypatch.setattr(sys, "argv", ["bench", *options, "--folder", str(tmp_path)])
        assert main() == 0, capsys.readouterr().err
        results = json.loads((tmp_path / "performance.json").read_text())
        assert [speed["batch"] for speed in results["shipped"]["speeds"]] == [1, 1, 1, 2, 2, 2]
    assert results | {"shipped": 0} == before | {"shipped": 0}
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["p", "performance.json", "performance.md"]
    page = (tmp_path / "performance.md").read_text()
    assert "a quick run leaves it out" in page
    assert NOT_MEASURED not in page


def test_nothing_is_added_to_numbers_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--video-only", "--out", str(tmp_path / "docs"), "--parts", str(tmp_path / "parts")]
    monkeypatch.setattr(sys, "argv", ["bench", *options])
    assert main() == 2
    limit = "must be a directory with performance.json of a whole run"
    assert capsys.readouterr().err == f"bench: out = '{tmp_path / 'docs'}': {limit}\n"


def test_a_refusal_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "parts").mkdir()
    for name in ("machine", "peers"):
        (tmp_path / "parts" / f"{name}.json").write_text("{}")
    options = ["--quick", "--resume", "--out", str(tmp_path), "--parts", str(tmp_path / "parts")]
    monkeypatch.setattr(sys, "argv", ["bench", *options, "--folder", str(tmp_path / "none")])
    assert main() == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("bench: folder = ")
