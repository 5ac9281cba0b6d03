"""The certified gate with a certificate that says what the test wants."""

from __future__ import annotations

import numpy as np
import pytest

from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gates.query import GateQuery
from fastcar.strategies import make_run
from tests.reference.runs import decode

ROWS = 3


class ScriptedCertificate:
    """Bounds 1, 2, 3 for the three rows; remembers who computed."""

    num_layers = 2

    def __init__(self) -> None:
        self.computed: list[list[bool]] = []

    def reset(self, rows: int, tokens_per_frame: int) -> None:
        """Three rows, as scripted."""
        assert rows == ROWS

    def bound(self, query: GateQuery) -> np.ndarray:
        """The same for every token."""
        return np.array([1.0, 2.0, 3.0])

    def count_multiplications(self, replayed: np.ndarray) -> int:
        """Free."""
        return 0

    def remember(self, query: GateQuery, computing: np.ndarray) -> None:
        """Keep the flags."""
        self.computed.append(computing.tolist())


def test_rows_within_epsilon_replay_and_the_others_are_remembered() -> None:
    certificate = ScriptedCertificate()
    decoded = decode(make_run(0), CertifiedGate(certificate, (2.0, None)))
    assert decoded.replayed[-1].tolist() == [[True, True, False], [False] * 3]
    assert decoded.measures[-1, 0].tolist() == [1.0, 2.0, 3.0]
    assert certificate.computed[0] == [True] * 3
    assert certificate.computed[-1] == [False, False, True]
    # only the first layer has an epsilon, so only its tokens are remembered
    assert len(certificate.computed) == len(decoded.replayed)


def test_where_all_replay_nothing_is_remembered() -> None:
    certificate = ScriptedCertificate()
    decoded = decode(make_run(0), CertifiedGate(certificate, (3.0, None)))
    assert len(certificate.computed) == int((~decoded.replayed[:, 0]).any(axis=1).sum())


@pytest.mark.parametrize("epsilon", [-1.0, -np.inf, np.nan])
def test_negative_or_missing_epsilon_is_refused(epsilon: float) -> None:
    with pytest.raises(ArgumentError, match=r"^max_error = .*: must be at least 0$"):
        CertifiedGate(ScriptedCertificate(), (1.0, epsilon))


def test_number_of_epsilons_is_that_of_the_layers() -> None:
    with pytest.raises(ArgumentError, match=r"^number of thresholds = 1: must be 2, one per layer"):
        decode(make_run(0), CertifiedGate(ScriptedCertificate(), (1.0,)))
