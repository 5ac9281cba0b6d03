from __future__ import annotations

from tools.bench.machine import describe_machine
from tools.bench.memory import get_free_bytes


def test_the_machine_is_described() -> None:
    machine = describe_machine()
    assert machine["cores"] >= 1
    assert machine["memory_gigabytes"] * 1e9 > get_free_bytes() > 0
    assert all(str(machine[key]) for key in ("processor", "numpy", "numba", "blas", "python"))
