"""Has the model learnt the tokens it is measured on? On noise no question of replay has an answer.

The yardstick knows nothing but how often each token occurs: the frequencies in the calibration
rows, one added to each count (Laplace). A model that does not beat it has not learnt the sequence.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from fastcar.analysis.bench import Workbench
from fastcar.analysis.finding import Finding, Json, Stance
from fastcar.analysis.runs import Setup
from fastcar.analysis.statistics import Direction, compare
from fastcar.metrics import FIRST_SCORED_FRAME, Values
from fastcar.reference.arrays import TokenIds


def measure_training(bench: Workbench) -> Json:
    """Nats of the dense model and of the token frequencies, on the same tokens."""
    settings, model = bench.settings, bench.model
    start = FIRST_SCORED_FRAME * model.tokens_per_frame
    end = settings.frames * model.tokens_per_frame
    held_out = model.load_rows("held_out").take(settings.clips).token_ids[:, start:end]
    seen = model.load_rows("calibration").take(settings.calibration_clips).token_ids[:, :end]
    frequencies = compute_frequency_nats(seen, held_out, model.num_codes)
    (dense,) = bench.run_all([bench.make_request(Setup())])
    return {
        "nats": dense.quality.mean_nats,
        "frequency_nats": float(frequencies.mean()),
        "is_trained": is_lower(dense.quality.nats, frequencies),
    }


def compute_frequency_nats(seen: TokenIds, scored: TokenIds, num_codes: int) -> Values:
    """-log frequency per token of each row of `scored`, [rows]; frequencies are those of `seen`.

    Args:
        seen: [rows, tokens], ids below `num_codes`.
        scored: [rows, tokens], likewise.
        num_codes: K.

    >>> compute_frequency_nats(np.array([[0, 0]]), np.array([[0], [1]]), 2).round(3).tolist()
    [0.288, 1.386]
    """
    counts = np.bincount(seen.ravel(), minlength=num_codes) + 1.0
    nats = -np.log(counts / counts.sum())
    return np.asarray(nats[scored].mean(axis=1))


def is_lower(nats: Values, frequency_nats: Values) -> bool:
    """Whether the model beats the frequencies; a single row has no error to compare with."""
    if len(nats) < 2:
        return bool(nats.mean() < frequency_nats.mean())
    return compare(nats, frequency_nats).verdict is Direction.LOWER


def withhold_stance(finding: Finding) -> Finding:
    """The same finding, which decides nothing."""
    return replace(finding, stance=Stance.UNDECIDED)


def describe_untrained(training: Json) -> str:
    """One line for an untrained model.

    >>> describe_untrained({"nats": 5.1, "frequency_nats": 4.9})[:37]
    'the model has not learnt these tokens'
    """
    return (
        f"the model has not learnt these tokens: {training['nats']:.2f} nats per token, where "
        f"their frequencies alone give {training['frequency_nats']:.2f}; nothing here speaks for "
        "or against the paper"
    )
