"""Cycles of the videos of a batch: dense, with replay, and what a score costs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from fastcar.cosim.program.memory_map import MemoryMap
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.reference.arrays import BoolArray
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.scheduler import Dispatch
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.reference.video.model import VideoModel
from tools.hardware.decoder.counting import TokenCounter
from tools.hardware.decoder.decisions import Decisions, collect_decisions
from tools.hardware.decoder.programs import ProgramShelf, Token, list_tokens
from tools.hardware.decoder.settings import (
    MODES,
    RESET,
    DecoderSettings,
    Json,
    Mode,
    count_positions,
    fit_whole_config,
)
from tools.hardware.mapping import SOURCES
from tools.hardware.run import show

FLOW = Mode(flows=True, dispatch=Dispatch.DYNAMIC)


@dataclass(frozen=True)
class Measured:
    """A model, its integers and its memory, with tokens of all slots.

    Attributes:
        model: whose clips are decoded.
        whole: integer constants.
        memory_map: for all videos.
        num_prompt: tokens of every prompt.
        settings: how much is counted.
    """

    model: VideoModel
    whole: WholeModel
    memory_map: WholeMemoryMap
    num_prompt: int
    settings: DecoderSettings

    @property
    def num_fed(self) -> int:
        """Tokens behind the prompt that are fed."""
        return self.settings.frames * self.model.tokens_per_frame - 1

    def list_tokens(self, is_decided: bool) -> list[Token]:
        """All tokens of a row, of a dense run or with decisions."""
        tokens_per_frame = self.model.tokens_per_frame if is_decided else None
        return list_tokens(self.num_prompt, self.num_fed, tokens_per_frame)


def make_measured(model: VideoModel, whole: WholeModel, settings: DecoderSettings) -> Measured:
    """With a memory of the right size for all videos."""
    clips = model.load_clips("held_out").take(settings.videos)
    num_prompt = model.encode_prompts(clips.prompts).conditional.shape[1]
    num_positions = count_positions(model, num_prompt, settings.frames)
    config = fit_whole_config(model.config, settings, num_positions)
    layers = model.config.num_hidden_layers
    memory_map = WholeMemoryMap(
        MemoryMap(config, layers, settings.videos, model.tokens_per_frame),
        model.config.vocab_size,
        model.num_codes,
        config.attention.max_blocks if config.attention else 0,
    )
    return Measured(model, whole, memory_map, num_prompt, settings)


class Bench:
    """Counters of every kind of attention and source, made when they are asked for."""

    def __init__(self, measured: Measured) -> None:
        self.measured = measured
        self.get_counter = cache(self._make_counter)

    def _make_counter(self, sparse: SparseAttention | None, source: DecisionSource) -> TokenCounter:
        measured = self.measured
        return TokenCounter(ProgramShelf(measured.memory_map, measured.whole, sparse, source))

    @property
    def everyone(self) -> BoolArray:
        """[layers, B], every slot computes."""
        memory_map = self.measured.memory_map.mlp
        return np.ones((memory_map.num_layers, memory_map.num_slots), bool)

    def count_dense(self, sparse: SparseAttention | None, mode: Mode) -> Json:
        """Every token of a run without gate."""
        counter = self.get_counter(sparse, DecisionSource.SCORE)
        tokens = self.measured.list_tokens(is_decided=False)
        counts = [counter.count(token, self.everyone, mode) for token in tokens]
        opcodes: Counter[tuple[str, str]] = sum((one.opcodes for one in counts), Counter())
        return {
            "cycles": sum(one.cycles for one in counts),
            "tokens": len(counts),
            "busy": dict(sum((one.busy for one in counts), Counter())),
            "mac_beats": dict(sum((one.mac_beats for one in counts), Counter())),
            "opcodes": [
                {"opcode": name, "cycles": cycles, "without_mac": opcodes[name, "without"]}
                for (name, kind), cycles in opcodes.items()
                if kind == "cycles"
            ],
        }

    def count_replay(
        self,
        sparse: SparseAttention | None,
        name: str,
        decisions: Decisions,
        mode: Mode,
        stride: int,
    ) -> Json:
        """Tokens of a run with replay, and the same tokens of a dense run.

        Args:
            sparse: what attention sees.
            name: of the gate.
            decisions: of all tokens behind the prompt.
            mode: how layers follow each other, and who computes what.
            stride: every such token is counted, from the middle of the first stretch on.
        """
        counter = self.get_counter(sparse, SOURCES[name])
        without = self.get_counter(sparse, DecisionSource.SCORE)
        dense_mode = FLOW if mode.flows else MODES[0]
        tokens = self.measured.list_tokens(is_decided=True)
        dense = self.measured.list_tokens(is_decided=False)
        sums: Counter[str] = Counter()
        for index in range(stride // 2, len(tokens), stride):
            token, computes = tokens[index], self._get_computes(decisions, index)
            count = counter.count(token, computes, mode)
            sums.update(
                tokens=1,
                cycles=count.cycles,
                busy=sum(count.busy.values()),
                dense_cycles=without.count(dense[index], self.everyone, dense_mode).cycles,
                computing=int(computes.sum()),
                slots=computes.size,
            )
        return dict(sums)

    def _get_computes(self, decisions: Decisions, index: int) -> BoolArray:
        """[layers, B] of a token of a row; a prompt computes."""
        fed = index - self.measured.num_prompt
        return self.everyone if fed < 0 else ~decisions.replayed[fed]

    def cost_score(self, sparse: SparseAttention | None, name: str, mode: Mode) -> Json:
        """A token that is decided, and computes, against the same one that is not decided."""
        counter, settings = self.get_counter(sparse, SOURCES[name]), self.measured.settings
        tokens = [one for one in self.measured.list_tokens(is_decided=True) if one.is_decided]
        extra = []
        for token in tokens[settings.stride // 2 :: settings.stride]:
            alone = Token(token.position)
            found = [counter.count(one, self.everyone, mode) for one in (token, alone)]
            busy = [sum(one.busy.values()) for one in found]
            extra.append((busy[0] - busy[1], found[0].cycles - found[1].cycles))
        core_cycles = [one / self.everyone.size for one, _ in extra]
        cycles = [one / len(self.everyone) for _, one in extra]
        return {
            "source": name,
            "window": None if sparse is None else sparse.window_tokens,
            "mode": mode.name,
            "tokens": len(extra),
            "core_cycles": [min(core_cycles), max(core_cycles)],
            "cycles": [min(cycles), max(cycles)],
        }


def count_runs(bench: Bench) -> list[Json]:
    """Every kind of attention, source and share, in every mode."""
    settings = bench.measured.settings
    return [
        row
        for attention in settings.attentions
        for name in SOURCES
        for ratio in settings.ratios
        for row in _count_modes(bench, attention, name, ratio)
    ]


def _count_modes(bench: Bench, attention: str, name: str, ratio: float) -> Iterator[Json]:
    """One set of decisions in every mode: a sample of the tokens, and all where targets are."""
    measured, settings = bench.measured, bench.measured.settings
    sparse = settings.attentions[attention]
    show(f"{attention} attention, {name}, {ratio:.0%}: decisions")
    decisions = collect_decisions(measured.model, measured.whole, name, ratio, sparse, settings)
    for mode in _list_modes(name, ratio, settings):
        show(mode.name)
        place = sparse, name, decisions, mode
        is_complete = settings.is_complete(name, ratio, mode)
        yield {
            "attention": attention,
            "source": name,
            "target_ratio": ratio,
            "replayed": float(decisions.replayed.mean()),
            "replayed_of_decided": float(decisions.replayed[decisions.decided].mean()),
            "mode": mode.name,
            "sampled": bench.count_replay(*place, settings.stride),
            "complete": bench.count_replay(*place, 1) if is_complete else None,
        }


def _list_modes(name: str, ratio: float, settings: DecoderSettings) -> Sequence[Mode]:
    is_main = name == "tas" and ratio == settings.main_ratio
    return (*MODES, RESET) if is_main else MODES


def cost_scores(bench: Bench) -> Iterator[Json]:
    """What both sources cost, and SCORE where the window has left the aligned key."""
    settings = bench.measured.settings
    short = SparseAttention(settings.short_window, settings.sinks)
    for name in SOURCES:
        for sparse in (*settings.attentions.values(), short):
            for mode in (MODES[0], FLOW):
                show(f"score: {name}, {sparse}, {mode.name}")
                yield bench.cost_score(sparse, name, mode)
