"""Whole decodes twice: by the integer reference, and by interpreted programs on one memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.cosim.program.compiler import LayerStep
from fastcar.cosim.program.whole.planning import plan_memory
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep, make_prompt_step
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.cosim.program.whole.whole_image import WholeImage
from fastcar.reference.arrays import BoolArray, Int16Array, TokenIds
from fastcar.reference.config import ModelConfig
from fastcar.reference.gates.gate import Gate
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import MlpRequest, MlpResult
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.head import make_gumbel_noise
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.sampling import Sampling, make_streams
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Instruction, Opcode, encode
from fastcar.strategies import Run
from tests.cosim.whole_interpreter import WholeInterpreter
from tests.reference.integer.whole.runs import make_whole_decoder, to_integers

HEADS = {"multi-head": (2, 2, 4), "grouped-query": (4, 2, 4), "multi-query": (3, 1, 8)}
"""Query heads, key heads and their width."""


def make_heads_config(kind: str, layers: int = 2, vocab_size: int = 11) -> ModelConfig:
    """A tiny model with heads that words of 4 lanes fill."""
    heads, key_heads, size = HEADS[kind]
    return ModelConfig(vocab_size, 12, 20, layers, heads, key_heads, size, 1e-5, 100.0, 64)


def make_accelerator(
    config: ModelConfig, num_slots: int, num_cores: int = 2, num_lanes: int = 4, blocks: int = 16
) -> AcceleratorConfig:
    """An accelerator of a model's sizes."""
    heads, key_heads = config.num_attention_heads, config.num_key_value_heads
    return AcceleratorConfig(
        num_cores=num_cores,
        num_lanes=num_lanes,
        num_slots=num_slots,
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        query_size=heads * config.head_dim,
        attention=AttentionConfig(heads, key_heads, config.head_dim, blocks),
    )


class RecordingEngine(IntegerMlpEngine):
    """The integer reference that keeps requests and results, one of each for a layer of a token."""

    def __init__(self, model: WholeModel, num_lanes: int) -> None:
        super().__init__(model.mlp, num_lanes)
        self.seen: list[tuple[MlpRequest, MlpResult]] = []

    def run_layer(self, layer_index: int, request: MlpRequest) -> MlpResult:
        """Run the reference and keep both."""
        result = super().run_layer(layer_index, request)
        self.seen.append((request, result))
        return result


@dataclass
class Decoding:
    """What the reference did, and what it was given.

    Attributes:
        run: model and tokens.
        model: its integers.
        decoder: keys and values are in its cache.
        layers: requests and results of all layers, by token.
        logits: [S + 1, B, V] integers, from those behind the prompt on.
        noise: [S + 1, B, num_codes].
        picked: [S + 1, B].
        sparse: sinks and window.
        is_forced: whether given tokens were fed instead of those that were picked.
    """

    run: Run
    model: WholeModel
    decoder: WholeDecoder
    sparse: SparseAttention | None
    is_forced: bool
    layers: list[list[tuple[MlpRequest, MlpResult]]] = field(default_factory=list)
    logits: list[NDArray[np.int64]] = field(default_factory=list)
    noise: list[Int16Array] = field(default_factory=list)
    picked: list[TokenIds] = field(default_factory=list)

    @property
    def replayed(self) -> BoolArray:
        """[S, layers, B]."""
        return np.array([[result.replayed for _, result in token] for token in self.layers])

    @property
    def eligible(self) -> BoolArray:
        """[S, layers, B], slots that a score or distance decided."""
        return np.array([[request.is_decided for request, _ in token] for token in self.layers])


def decode_by_reference(
    run: Run,
    model: WholeModel,
    gate: Gate | None = None,
    sparse: SparseAttention | None = None,
    *,
    is_forced: bool = False,
    num_codes: int | None = None,
    **options: Any,
) -> Decoding:
    """Prompt and all tokens; each is picked at temperature 0.7, and fed unless others are given."""
    engine = RecordingEngine(model, options.get("num_lanes", 4))
    decoder = make_whole_decoder(run, model, gate, engine=engine, sparse=sparse, **options)
    decoding = Decoding(run, model, decoder, sparse, is_forced)
    codes = run.config.vocab_size if num_codes is None else num_codes
    sampling, picker = Sampling(0.7), PickEngine(model.head.scale)
    streams, twins = (make_streams(3, run.rows) for _ in range(2))
    logits = decoder.prefill(run.prompt_ids, run.prompt_mask)[:, -1]
    for token_index in range(run.steps + 1):
        uniforms = np.stack([stream.random(codes) for stream in twins])
        decoding.noise.append(make_gumbel_noise(uniforms, 0.7, model.head.scale))
        decoding.picked.append(picker.draw(sampling, logits[:, :codes], streams))
        decoding.logits.append(to_integers(logits, model))
        if token_index == run.steps:
            break
        fed = run.forced_ids[:, token_index] if is_forced else decoding.picked[-1]
        logits = decoder.step(fed)
        num_layers = run.config.num_hidden_layers
        decoding.layers.append(engine.seen[-num_layers:])
    return decoding


class Machine:
    """Programs of whole tokens, interpreted on one memory.

    Args:
        decoding: what the reference did: its tokens, its noise, who may replay.
        dispatch: of the decisions.
        num_cores: C.
    """

    def __init__(
        self, decoding: Decoding, dispatch: Dispatch = Dispatch.DYNAMIC, num_cores: int = 2
    ) -> None:
        run, self.decoding, self.dispatch = decoding.run, decoding, dispatch
        lanes = decoding.decoder.num_lanes
        config = make_accelerator(run.config, run.rows, num_cores, lanes)
        num_tokens = run.prompt_ids.shape[1] + run.steps
        self.map = plan_memory(
            config,
            run.config,
            num_slots=run.rows,
            tokens_per_frame=run.tokens_per_frame,
            capacity_tokens=num_tokens,
            num_codes=decoding.noise[0].shape[1],
            sparse=decoding.sparse,
        )
        self.image = WholeImage(self.map, decoding.model)
        self.compiler = WholeCompiler(self.map, decoding.model, decoding.sparse)
        self.interpreter = WholeInterpreter(config, self.image.beats)
        self.programs: list[list[Instruction]] = []

    def run(self, step: TokenStep) -> None:
        """Compile and interpret one token."""
        self.programs.append(self.compiler.compile(step))
        self.interpreter.run([encode(one) for one in self.programs[-1]])

    def select(self, *opcodes: Opcode) -> list[Instruction]:
        """Instructions of all programs that ran."""
        return [one for program in self.programs for one in program if one.opcode in opcodes]

    def feed_prompt(self) -> None:
        """All tokens of the prompts; each row begins with its own first one."""
        run = self.decoding.run
        for slot, noise in enumerate(self.decoding.noise[0]):
            self.image.write_noise(slot, noise)
        num_columns = run.prompt_ids.shape[1]
        padding = (~run.prompt_mask).sum(axis=1).tolist()
        for column in range(num_columns):
            slots = tuple(
                SlotStep(column - padding[slot], int(run.prompt_ids[slot, column]))
                if run.prompt_mask[slot, column]
                else None
                for slot in range(run.rows)
            )
            picks = column == num_columns - 1
            layers = run.config.num_hidden_layers
            self.run(make_prompt_step(slots, layers, picks=picks, dispatch=self.dispatch))

    def feed_token(self, token_index: int) -> None:
        """One generated token."""
        run, decoding = self.decoding.run, self.decoding
        for slot, noise in enumerate(decoding.noise[token_index + 1]):
            self.image.write_noise(slot, noise)
        positions = run.prompt_mask.sum(axis=1) + token_index
        given = run.forced_ids[:, token_index].tolist() if decoding.is_forced else None
        slots = tuple(
            SlotStep(int(positions[slot]), None if given is None else given[slot])
            for slot in range(run.rows)
        )
        layers = tuple(
            LayerStep.from_request(layer_index, request, self.dispatch)
            for layer_index, (request, _) in enumerate(decoding.layers[token_index])
        )
        self.run(TokenStep(slots, layers))


def fold(steps: list[NDArray[Any]]) -> int:
    """Digest of beats, and of words of logits."""
    digest = 0
    for step in steps:
        digest = (digest << 1 | digest >> 31) & 0xFFFFFFFF
        for start in range(0, step.nbytes, 4):
            digest ^= int.from_bytes(step.tobytes()[start : start + 4], "little")
    return digest


def digest_attention(
    decoding: Decoding, layer: int, slot: int, position: int, residual: Int16Array
) -> int:
    """What a section of attention stores: key, value and residual stream."""
    cache, lanes = decoding.decoder.integer_cache, decoding.decoder.num_lanes
    keys = cache.keys[layer, slot, :, position]  # [H_kv, d]
    half = keys.shape[1] // 2
    beats = list(np.stack([keys[:, :half], keys[:, half:]], axis=-1).reshape(-1, lanes))
    for number in cache.values[layer, slot, :, position].ravel():
        beat = np.zeros(lanes, np.int8)
        beat[position % lanes] = number
        beats.append(beat)
    padded = np.zeros(-(-len(residual) // lanes) * lanes, "<i2")
    padded[: len(residual)] = residual
    return fold([*beats, *padded.view(np.int8).reshape(-1, lanes)])


def check_picks(machine: Machine, token_index: int) -> None:
    """Every slot's logits and token are those of the reference."""
    decoding = machine.decoding
    picks = [one for one in machine.interpreter.sections if one.token is not None]
    assert [one.slot for one in picks] == list(range(decoding.run.rows))
    codes = decoding.noise[0].shape[1]
    logits = [one.logits[:codes] for one in picks]
    lanes = decoding.decoder.num_lanes
    for one in picks:
        assert one.digest == fold([*np.array(one.logits, "<i2").reshape(-1, lanes)])
    assert logits == decoding.logits[token_index][:, :codes].tolist()
    assert [one.token for one in picks] == decoding.picked[token_index].tolist()


def check_layers(machine: Machine, token_index: int) -> None:
    """Decisions, scores, residual streams and digests of every layer and slot."""
    sections = iter(machine.interpreter.sections)
    slots = range(machine.decoding.run.rows)
    layers = machine.decoding.layers[token_index]
    positions = machine.decoding.run.prompt_mask.sum(axis=1) + token_index
    for index, done in enumerate(machine.interpreter.layers):
        request, result = layers[index]
        assert [not done.computes[slot] for slot in slots] == result.replayed.tolist()
        decided = np.flatnonzero(request.is_decided).tolist()
        assert done.scores == {slot: int(result.scores[slot]) for slot in decided}
        width = request.residual.shape[1]
        for slot in slots:
            section = next(sections)
            assert section.stored is not None
            assert section.slot == slot
            assert section.stored[:width].tolist() == request.residual[slot].tolist()
            assert section.digest == digest_attention(
                machine.decoding, index, slot, int(positions[slot]), request.residual[slot]
            )
        for slot in slots:
            section = next(sections)
            assert section.stored is not None
            assert section.slot == slot
            assert section.stored[:width].tolist() == result.residual[slot].tolist()
            assert section.digest == result.digests[slot]


def check_store(machine: Machine) -> None:
    """Keys and values of all layers and slots."""
    decoding, cache = machine.decoding, machine.decoding.decoder.integer_cache
    num_tokens = decoding.run.prompt_mask.sum(axis=1) + decoding.run.steps
    for layer, slot in np.ndindex(cache.keys.shape[:2]):
        count = int(num_tokens[slot])
        keys = machine.image.read_keys(layer, slot, count)
        assert np.array_equal(keys, cache.keys[layer, slot, :, :count])
        values = machine.image.read_values(layer, slot, count)
        assert np.array_equal(values, cache.values[layer, slot, :, :count])


def check_machine(machine: Machine) -> None:
    """A whole decode, token by token."""
    machine.feed_prompt()
    check_picks(machine, 0)
    for token_index in range(machine.decoding.run.steps):
        machine.feed_token(token_index)
        check_layers(machine, token_index)
        check_picks(machine, token_index + 1)
    check_store(machine)
