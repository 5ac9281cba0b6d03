from __future__ import annotations

from pathlib import Path

from tools.bench.parts import keep_stage


def test_a_stage_that_is_kept_does_not_run_again(tmp_path: Path) -> None:
    runs: list[int] = []

    def stage() -> dict[str, int]:
        runs.append(1)
        return {"answer": 42}

    for _ in range(2):
        assert keep_stage(tmp_path, "geometry 7B, one layer", stage) == {"answer": 42}
    assert runs == [1]
    assert [path.name for path in tmp_path.iterdir()] == ["geometry_7B_one_layer.json"]
