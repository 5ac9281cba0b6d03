"""Tokens of all slots on simulated hardware beside the integer decoder: the same results, and the
cycles of the formula.

The loop is closed: PICK leaves the token that EMBED loads. Whatever differs stops the run. Behind
the prompt and the first tokens come some in the middle of the video, where memory has what the
reference has.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from fastcar.cosim.backends.backend import Backend, RunResult, RunSettings
from fastcar.cosim.cycles.cycle_model import predict_sets
from fastcar.cosim.program.compiler import LayerStep
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep, make_prompt_step
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.reference.arrays import Int16Array, TokenIds
from fastcar.reference.errors import FastCarError
from fastcar.reference.gate_factory import make_threshold_gate
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.head import make_gumbel_noise
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling, make_streams
from fastcar.reference.thresholds import FixedThresholds
from fastcar.rtl.instruction import encode
from tools.hardware.decoder.measure import Measured
from tools.hardware.decoder.mid_video import write_state
from tools.hardware.decoder.settings import Json
from tools.hardware.run import TimedBackend
from tools.hardware.tally import LATENCY_CYCLES


class DifferenceError(FastCarError):
    """Hardware and reference, or hardware and formula, differ."""

    def __init__(self, token_index: int, what: str, found: object, expected: object) -> None:
        super().__init__(f"token {token_index}: {what} = {found}, must be {expected}")


class KeepingEngine(IntegerMlpEngine):
    """The integer reference that keeps what it was asked for last, and what it did."""

    def __init__(self, measured: Measured) -> None:
        super().__init__(measured.whole.mlp, measured.settings.lanes)
        self.seen: list[tuple[MlpRequest, MlpResult]] = []

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the reference and keep both."""
        result = super().run_layer(layer_index, request)
        self.seen = [*self.seen[:layer_index], (request, result)]
        return result


class Lockstep:
    """Reference and hardware side by side.

    Args:
        measured: model, integers, memory, settings.
        thresholds: of SCORE.
        backend: an accelerator of the memory map's sizes.
    """

    def __init__(self, measured: Measured, thresholds: Sequence[float], backend: Backend) -> None:
        backend.reset()
        self.measured, self.backend = measured, TimedBackend(backend)
        model, settings = measured.model, measured.settings
        clips = model.load_clips("held_out").take(settings.videos)
        self.prompt_ids = model.encode_prompts(clips.prompts).conditional
        self.engine = KeepingEngine(measured)
        self.decoder = WholeDecoder(
            model.config,
            model.weights,
            rows=settings.videos,
            capacity_tokens=measured.memory_map.num_positions,
            replay=ReplayConfig(model.tokens_per_frame),
            model=measured.whole,
            num_lanes=settings.lanes,
            gate=make_threshold_gate("tas", FixedThresholds(list(thresholds))),
            engine=self.engine,
        )
        self.picker = PickEngine(measured.whole.head.scale)
        self.streams, self.twins = (make_streams(0, settings.videos) for _ in range(2))
        self.image = WholeImage(measured.memory_map, measured.whole)
        self.compiler = WholeCompiler(measured.memory_map, measured.whole, flows=True)
        self.sums = {"tokens": 0, "cycles": 0, "records": 0, "decided": 0, "replayed": 0}

    def run(self) -> Json:
        """Prompt and tokens of the settings.

        Raises:
            DifferenceError: the first that differs.
        """
        start = time.process_time()
        settings = self.measured.settings
        logits = self.decoder.prefill(self.prompt_ids)[:, -1]
        self._write_noise()
        picked = self._pick(logits)
        for column in range(self.measured.num_prompt):
            result = self._run_prompt(column)
        self._check_picks(result, picked, -1)
        for token_index in range(settings.middle_token + settings.lockstep_tokens):
            if token_index == settings.middle_token:
                write_state(self.image, self.decoder, self.engine)
            fed, picked = picked, self._pick(self.decoder.step(picked))
            self._write_noise()
            if settings.first_tokens <= token_index < settings.middle_token:
                continue
            result = self._run_token(token_index, fed)
            self._check_layers(result, token_index)
            self._check_picks(result, picked, token_index)
        self._check_store()
        seconds = self.backend.seconds
        return self.sums | {
            "simulation_seconds": seconds,
            "cycles_per_second": self.sums["cycles"] / seconds,
            "processor_seconds": time.process_time() - start,
            "load": os.getloadavg()[0],
            "processors": os.cpu_count(),
        }

    def _write_noise(self) -> None:
        """Noise of the tokens that are picked next: what the reference will draw."""
        model, temperature = self.measured.model, self.measured.settings.temperature
        uniforms = np.stack([stream.random(model.num_codes) for stream in self.twins])
        noise: Int16Array = make_gumbel_noise(uniforms, temperature, self.picker.scale)
        for slot, row in enumerate(noise):
            self.image.write_noise(slot, row)

    def _pick(self, logits: Any) -> TokenIds:
        sampling = Sampling(self.measured.settings.temperature)
        return self.picker.draw(sampling, logits[:, : self.measured.model.num_codes], self.streams)

    def _run_prompt(self, column: int) -> RunResult:
        slots = tuple(SlotStep(column, int(token)) for token in self.prompt_ids[:, column])
        picks = column == self.measured.num_prompt - 1
        layers = self.measured.memory_map.mlp.num_layers
        step = make_prompt_step(slots, layers, picks=picks)
        return self._run(step, column - self.measured.num_prompt)

    def _run_token(self, token_index: int, fed: TokenIds) -> RunResult:
        """A token that PICK has left, but for the first one in the middle, which is given."""
        is_given = token_index == self.measured.settings.middle_token
        position = self.measured.num_prompt + token_index
        layers = tuple(
            LayerStep.from_request(index, request)
            for index, (request, _) in enumerate(self.engine.seen)
        )
        slots = tuple(SlotStep(position, token if is_given else None) for token in fed.tolist())
        return self._run(TokenStep(slots, layers), token_index)

    def _run(self, step: TokenStep, token_index: int) -> RunResult:
        """A token in the cycles of the formula."""
        program, config = self.compiler.compile(step), self.measured.memory_map.config
        words = [encode(one) for one in program]
        settings = RunSettings(limit_cycles=1 << 30)
        result = self.backend.run(words, self.image.memory, settings)
        check_equal(token_index, "error", result.error, None)
        decisions = np.array([record.computes for record in result.decisions])
        sets = decisions.reshape(len(step.layers), -1).tolist()
        expected = predict_sets(config, program, sets, LATENCY_CYCLES)
        check_equal(token_index, "counters", result.counters, expected.counters)
        commits = tuple(record.cycle for record in result.decisions)
        check_equal(token_index, "commits", commits, expected.decision_cycles)
        spans = [(one.slot, one.core, one.start_cycle, one.end_cycle) for one in result.retires]
        check_equal(
            token_index,
            "retirements",
            spans,
            [(one.slot, one.core, one.start_cycle, one.end_cycle) for one in expected.retirements],
        )
        self.sums["tokens"] += 1
        self.sums["cycles"] += result.cycles
        self.sums["records"] += len(result.decisions) + len(result.retires)
        return result

    def _check_layers(self, result: RunResult, token_index: int) -> None:
        """Decisions, scores and what the MLP phases stored."""
        num_slots = self.measured.settings.videos
        digests: dict[int, list[int]] = {slot: [] for slot in range(num_slots)}
        for record in result.retires:
            digests[record.slot].append(record.digest)
        for layer, (request, expected) in enumerate(self.engine.seen):
            found = result.decisions[layer * num_slots : (layer + 1) * num_slots]
            place = f"of layer {layer}"
            replayed = [not one.computes for one in found]
            check_equal(token_index, f"replayed {place}", replayed, expected.replayed.tolist())
            decided = np.flatnonzero(request.is_decided)
            scores = [found[slot].score for slot in decided]
            check_equal(token_index, f"scores {place}", scores, expected.scores[decided].tolist())
            stored = [digests[slot][2 * layer + 1] for slot in range(num_slots)]
            check_equal(token_index, f"digests {place}", stored, expected.digests.tolist())
            self.sums["decided"] += len(decided)
            self.sums["replayed"] += sum(replayed)

    def _check_picks(self, result: RunResult, picked: TokenIds, token_index: int) -> None:
        last = {record.slot: record.token for record in result.retires}
        tokens = [last[slot] for slot in range(len(picked))]
        check_equal(token_index, "tokens", tokens, picked.tolist())

    def _check_store(self) -> None:
        """Keys and values of all tokens that were fed."""
        cache = self.decoder.integer_cache
        count = self.decoder.kv_cache.num_entries
        for layer, slot in np.ndindex(cache.keys.shape[:2]):
            for name, read, numbers in (
                ("keys", self.image.read_keys, cache.keys),
                ("values", self.image.read_values, cache.values),
            ):
                is_equal = np.array_equal(read(layer, slot, count), numbers[layer, slot, :, :count])
                place = f"{name} of layer {layer}, slot {slot} are equal"
                check_equal(count, place, is_equal, True)


def check_equal(token_index: int, what: str, found: object, expected: object) -> None:
    """Stop at a difference.

    Raises:
        DifferenceError: names token and number.
    """
    if found != expected:
        raise DifferenceError(token_index, what, found, expected)
