from __future__ import annotations

import pytest

from tools.bench.shipped import reading
from tools.bench.shipped.reading import Reader


def test_the_whole_buffer_is_read() -> None:
    reader = Reader(1 << 20)
    assert reader._block.nbytes == 1 << 20
    assert reading._sum(reader._block) == (1 << 20) // 8


def test_the_fastest_pass_counts_by_each_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([(4.0, 8.0), (2.0, 5.0), (3.0, 4.0)])

    def pass_by(_: object) -> tuple[None, dict[str, float]]:
        return None, dict(zip(("cpu", "clock"), next(times), strict=True))

    monkeypatch.setattr(reading, "run_timed", pass_by)
    monkeypatch.setattr(reading, "PASSES", 3)
    assert Reader(8000).read() == {"cpu": 4000.0, "clock": 2000.0}


def test_two_buffers_are_read_at_a_speed() -> None:
    for num_bytes in (1 << 12, 1 << 16):
        assert Reader(num_bytes).read()["cpu"] > 0
