"""What a guarantee costs: replay ratio against guaranteed error, beside TAS at equal ratio.

Teacher-forced decodes of recorded clips. Of every replay the fresh output is computed as well, so
that true errors can be compared with guaranteed ones. All errors are relative: divided by the mean
norm of the layer's MLP output in the dense run, because layers differ by an order of magnitude.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fastcar.proofs.certificate import make_certificate
from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.reference.arrays import BoolArray
from fastcar.reference.certified_gate import CertifiedGate
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.clips import decode_rows
from fastcar.reference.config import ModelConfig
from fastcar.reference.gate_factory import calibrate_thresholds, make_measuring_gate
from fastcar.reference.gates.gate import Gate
from fastcar.reference.gates.query import GateQuery
from fastcar.reference.generate import DecodeOptions
from fastcar.reference.records import DecodeResult, ReplayRecord
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import Measures

SHARES = (0.0, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Guaranteed errors, relative to the mean norm of a layer's MLP output."""

UNGUARANTEED = ("tas", "input")
"""Gates that replay as often without a guarantee."""

CORRECTIVE_RUNS = 3
"""Of a gate without a guarantee, to meet the ratio of the certified one."""


@dataclass(frozen=True)
class GuaranteeResult:
    """One gate on the clips; errors relative to the mean norm of the layer's MLP output.

    Attributes:
        gate: "input, distance certificate", "tas", ...
        guaranteed: error that the certificate promises; None without one.
        ratio: replayed share of all fed tokens and layers.
        layer_ratios: the same of every layer.
        mean_error: of the replays; 0 without any.
        percentile_99_error: likewise.
        largest_error: likewise.
        saved_share: MLP multiplications saved, the gate's own deducted.
        nats: mean negative log likelihood of the true tokens, from the third frame on.
        num_broken: replays whose error exceeds what their certificate bounds it by.
    """

    gate: str
    guaranteed: float | None
    ratio: float
    layer_ratios: tuple[float, ...]
    mean_error: float
    percentile_99_error: float
    largest_error: float
    saved_share: float
    nats: float
    num_broken: int


class ObservedGate(Gate):
    """Another gate, and the true error of each of its replays.

    Attributes:
        errors: per layer, |used - fresh| of every replay.
        num_broken: replays whose error exceeds the gate's measure; counted for certified gates.
        output_norms: per layer, norms of all fresh outputs.
    """

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.needs_score = gate.needs_score  # type: ignore[misc]
        self.name = gate.name  # type: ignore[misc]

    def is_active(self, layer_index: int) -> bool:
        """As the gate says."""
        return self.gate.is_active(layer_index)

    def reset(
        self, config: ModelConfig, rows: int, tokens_per_frame: int, dtype: np.dtype[np.floating]
    ) -> None:
        """Forget all errors."""
        self.gate.reset(config, rows, tokens_per_frame, dtype)
        self.errors: list[list[float]] = [[] for _ in range(config.num_hidden_layers)]
        self.output_norms: list[list[float]] = [[] for _ in range(config.num_hidden_layers)]
        self.num_broken = 0

    def measure(self, query: GateQuery) -> Measures:
        """As the gate says."""
        return self.gate.measure(query)

    def decide(self, query: GateQuery, measures: Measures) -> BoolArray:
        """As the gate says."""
        return self.gate.decide(query, measures)

    def update(self, query: GateQuery, measures: Measures, replayed: BoolArray) -> None:
        """Compute what was not to be computed, to know the error."""
        fresh = query.fresh_output.astype(np.float64)
        self.output_norms[query.layer_index] += np.linalg.norm(fresh, axis=1).tolist()
        errors = np.linalg.norm(fresh - query.cached_output, axis=1)[replayed]
        self.errors[query.layer_index] += errors.tolist()
        if isinstance(self.gate, CertifiedGate):
            self.num_broken += int((errors > measures[replayed]).sum())
        self.gate.update(query, measures, replayed)


@dataclass
class GuaranteeStudy:
    """Runs gates on the first recorded held-out clips of a model.

    Attributes:
        model: with held-out rows.
        num_clips: rows that are decoded side by side.
        num_frames: of each.
        progress: called with one line per run.
    """

    model: ClipModel
    num_clips: int = 8
    num_frames: int = 16
    progress: Callable[[str], None] = lambda line: None
    _dense: dict[str, ReplayRecord] = field(default_factory=dict, init=False)

    def run(self, shares: tuple[float, ...] = SHARES) -> list[GuaranteeResult]:
        """Every certificate at every guaranteed error, and the other gates at its ratio."""
        scale = self._measure_norms()
        results = []
        for certificate in CERTIFICATES:
            for share in shares:
                certified = self._run_certified(certificate, share, scale)
                results.append(certified)
                if certified.ratio > 0:
                    results += [
                        self._run_at_ratio(gate, certified.ratio, scale) for gate in UNGUARANTEED
                    ]
        return results

    def _measure_norms(self) -> NDArray[np.float64]:
        """Mean norm of every layer's MLP output in a dense run, [L]."""
        gate = ObservedGate(make_measuring_gate("input", self.model.config.num_hidden_layers))
        self._decode(gate)
        return np.array([np.mean(norms) for norms in gate.output_norms])

    def _run_certified(
        self, certificate: str, share: float, scale: NDArray[np.float64]
    ) -> GuaranteeResult:
        made = make_certificate(certificate, self.model.weights)
        observed = ObservedGate(CertifiedGate(made, tuple(share * scale)))
        result = self._decode(observed)
        spent = made.count_multiplications(result.record.replayed)
        name = f"input, {certificate} certificate"
        return self._summarize(name, share, observed, result, scale, spent)

    def _run_at_ratio(self, name: str, ratio: float, scale: NDArray[np.float64]) -> GuaranteeResult:
        num_layers = self.model.config.num_hidden_layers
        if name not in self._dense:
            self._dense[name] = self._decode(make_measuring_gate(name, num_layers)).record
        runs: list[tuple[ObservedGate, DecodeResult]] = []

        def run(gate: Gate) -> ReplayRecord:
            observed = ObservedGate(gate)
            runs.append((observed, self._decode(observed)))
            return runs[-1][1].record

        dense = self._dense[name]
        calibrate_thresholds(
            name, ratio, run, num_layers, corrective_runs=CORRECTIVE_RUNS, dense=dense
        )
        observed, result = min(runs, key=lambda pair: abs(pair[1].record.replay_ratio - ratio))
        spent = result.record.replayed.size * self.model.config.hidden_size * (name == "input")
        return self._summarize(name, None, observed, result, scale, spent)

    def _decode(self, gate: Gate) -> DecodeResult:
        rows = self.model.load_rows("held_out").take(self.num_clips)
        options = DecodeOptions(ReplayConfig(self.model.tokens_per_frame), gate)
        return decode_rows(self.model, rows, options, self.num_frames)

    def _summarize(
        self,
        name: str,
        guaranteed: float | None,
        observed: ObservedGate,
        result: DecodeResult,
        scale: NDArray[np.float64],
        spent: int,
    ) -> GuaranteeResult:
        config, replayed = self.model.config, result.record.replayed
        errors = np.concatenate(
            [np.array(layer) / norm for layer, norm in zip(observed.errors, scale, strict=True)]
        )
        shown = errors if errors.size else np.zeros(1)
        work = 3 * config.hidden_size * config.intermediate_size
        scored = 2 * self.model.tokens_per_frame
        self.progress(f"{name}: {replayed.mean():.1%} replayed")
        return GuaranteeResult(
            name,
            guaranteed,
            float(replayed.mean()),
            tuple(replayed.mean(axis=(0, 2)).tolist()),
            float(shown.mean()),
            float(np.percentile(shown, 99)),
            float(shown.max()),
            float((replayed.sum() * work - spent) / (replayed.size * work)),
            float(result.nats[scored:].mean()),
            observed.num_broken,
        )
