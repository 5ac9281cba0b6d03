"""Whole tokens of all layers, recorded for a testbench as one run.

Everything expected comes from the integer reference of the whole decoder and from the cycle model,
nothing from the hardware. The memory before the run is the state of the reference in mid-video;
the first recorded token is given, each other one is what PICK has left, and sees the keys and
values that those before it have stored. The host does not write between them, so all of them are
picked with the same noise (D-49).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fastcar.cosim.calibrated_model import GATES
from fastcar.cosim.cycles.cycle_model import predict_sets
from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.scene import Scene
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.sharing_engine import SharingEngine
from fastcar.cosim.export.sizes import NUM_TOKENS
from fastcar.cosim.export.token_records import list_decisions, list_retires, name_sections
from fastcar.cosim.program.memory_image import Beats
from fastcar.cosim.program.memory_map import SlotPart
from fastcar.cosim.program.whole.planning import plan_memory
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.cosim.whole.handover import write_state
from fastcar.cosim.whole.reference import TracedDecoder
from fastcar.cosim.whole.wanted import WantedToken, make_token_step, make_wanted
from fastcar.reference.arrays import Int16Array, TokenIds
from fastcar.reference.gate_factory import make_measuring_gate
from fastcar.reference.integer.fixed_point import quantize
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.whole.head import make_gumbel_noise, pick_tokens
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.quantization import quantize_whole_checkpoint
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.scheduler import Dispatch
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, encode

NOISE_TEMPERATURE, NOISE_SEED = 1.0, 0


@dataclass(frozen=True)
class _Setup:
    """What all recordings of a scene share."""

    scene: Scene
    config: AcceleratorConfig
    source: DecisionSource

    @property
    def first_token(self) -> int:
        """Generated index of the first recorded token, which may replay."""
        num_given: int = self.scene.token_ids.shape[1]
        return max(self.scene.tokens_per_frame, num_given - NUM_TOKENS)

    @cached_property
    def memory_map(self) -> WholeMemoryMap:
        """Addresses."""
        return plan_memory(
            self.config,
            self.scene.config,
            num_slots=len(self.scene.token_ids),
            tokens_per_frame=self.scene.tokens_per_frame,
            capacity_tokens=self.capacity_tokens,
            num_codes=self.scene.num_codes,
        )

    @cached_property
    def model(self) -> WholeModel:
        """Integer constants."""
        scene = self.scene
        return quantize_whole_checkpoint(
            scene.config, scene.weights, scene.prompt_ids, scene.token_ids
        )

    @property
    def capacity_tokens(self) -> int:
        """Of a row: its prompt, all tokens before the recorded ones, and these."""
        prompt_tokens: int = self.scene.prompt_ids.shape[1]
        return prompt_tokens + self.first_token + NUM_TOKENS


@dataclass(frozen=True)
class _Decode:
    """What the reference did, and the memory before and after it."""

    tokens: list[WantedToken]
    memory: Beats
    memory_after: Beats


def record_tokens(
    config: AcceleratorConfig,
    scene: Scene,
    source: DecisionSource = DecisionSource.SCORE,
    latency_cycles: int = 4,
    shares: Sequence[Share] = (Share.HALF,),
) -> list[Recording]:
    """Record the last tokens of a scene, in all layers, once for every share.

    In each layer slot 0 computes without a decision; of the others a share replays.

    Args:
        config: sizes of the accelerator, with those of an attention phase.
        scene: model and tokens; two frames, the last tokens may replay.
        source: what decides.
        latency_cycles: of the memory.
        shares: one recording each; all have the same memory before the run.

    Raises:
        ArgumentError: heads of other sizes, or a context that the score buffer does not hold.
    """
    setup = _Setup(scene, config, source)
    _ = setup.memory_map  # First: it refuses what does not fit.
    return [_record(setup, share, latency_cycles) for share in shares]


def _record(setup: _Setup, share: Share, latency_cycles: int) -> Recording:
    config, decode = setup.config, _decode(setup, share)
    program = _compile(setup, decode.tokens)
    layers = [layer for token in decode.tokens for layer in token.layers]
    sets = [(~layer.replayed).tolist() for layer in layers]
    prediction = predict_sets(config, program, sets, latency_cycles)
    first, last = setup.first_token, setup.first_token + NUM_TOKENS - 1
    names = [name_sections(first + index, len(sets) // NUM_TOKENS) for index in range(NUM_TOKENS)]
    retires, sections = list_retires(config, decode.tokens, names, prediction)
    where = f"tokens {first} to {last}, layers 0 to {len(names[0]) // 2 - 1}"
    return Recording(
        f"{setup.scene.description}, {where}, {setup.source.value}",
        config,
        latency_cycles,
        tuple(encode(instruction) for instruction in program),
        decode.memory,
        decode.memory_after,
        list_decisions(config, decode.tokens, prediction),
        retires,
        prediction.counters,
        sections,
        setup.memory_map,
    )


def _compile(setup: _Setup, tokens: Sequence[WantedToken]) -> list[Instruction]:
    """Programs one behind the other, with the END of the last one alone: one run."""
    compiler = WholeCompiler(setup.memory_map, setup.model, flows=True)
    programs = [compiler.compile(token.step) for token in tokens]
    return [*(one for program in programs for one in program[:-1]), programs[-1][-1]]


def _decode(setup: _Setup, share: Share) -> _Decode:
    """Decode on the reference, densely up to the recorded tokens."""
    scene, decoder = setup.scene, _make_decoder(setup, share)
    decoder.prefill(scene.prompt_ids)
    for token_ids in scene.token_ids[:, : setup.first_token].T:
        decoder.step(token_ids)
    image, noise = WholeImage(setup.memory_map, setup.model), _draw_noise(setup)
    for slot, row in enumerate(noise):
        image.write_noise(slot, row)
    write_state(image, decoder)
    before, tokens = image.beats.copy(), []
    fed, given = scene.token_ids[:, setup.first_token], True
    for _ in range(NUM_TOKENS):
        tokens.append(_step(setup, decoder, fed, noise, is_given=given))
        fed, given = np.array(tokens[-1].token_ids), False
    write_state(image, decoder)
    for slot, residual in enumerate(tokens[-1].layers[-1].residual):
        image.mlp.write_activation(slot, SlotPart.RESIDUAL, residual)
    return _Decode(tokens, before, image.beats)


def _make_decoder(setup: _Setup, share: Share) -> TracedDecoder:
    scene, num_lanes = setup.scene, setup.config.num_lanes
    return TracedDecoder(
        scene.config,
        scene.weights,
        rows=len(scene.token_ids),
        capacity_tokens=setup.capacity_tokens,
        replay=ReplayConfig(scene.tokens_per_frame),
        model=setup.model,
        num_lanes=num_lanes,
        engine=SharingEngine(setup.model, num_lanes, share, setup.first_token),
        gate=make_measuring_gate(GATES[setup.source], scene.config.num_hidden_layers),
    )


def _draw_noise(setup: _Setup) -> Int16Array:
    """[B, num_codes] int16, in memory before the run."""
    shape = len(setup.scene.token_ids), setup.scene.num_codes
    uniforms = np.random.default_rng(NOISE_SEED).random(shape)
    return make_gumbel_noise(uniforms, NOISE_TEMPERATURE, setup.model.head.scale)


def _step(
    setup: _Setup, decoder: TracedDecoder, fed: TokenIds, noise: Int16Array, *, is_given: bool
) -> WantedToken:
    """Feed one token [B] to the reference, pick the next; a given one stands in the program."""
    logits = decoder.step(fed)[:, : setup.scene.num_codes]
    picked = pick_tokens(quantize(logits, setup.model.head.scale), noise)
    [trace] = decoder.traces
    step = make_token_step(trace, fed if is_given else None, Dispatch.DYNAMIC)
    return make_wanted(decoder, trace, step, setup.memory_map.num_positions, logits, picked)
