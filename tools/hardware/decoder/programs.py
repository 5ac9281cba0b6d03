"""Programs of whole tokens, compiled once for all tokens that take the same cycles.

Addresses, lanes and the blocks back to the aligned key are in no cycle: what counts is how many
blocks every segment has, in which of them SCORES taps the aligned key, and who is decided.
All slots are at the same position, as prompts of the same length leave them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fastcar.cosim.program.compiler import LayerStep
from fastcar.cosim.program.whole.scores import find_tapped
from fastcar.cosim.program.whole.segments import list_segments
from fastcar.cosim.program.whole.token_step import SlotStep, TokenStep, make_prompt_step
from fastcar.cosim.program.whole.whole_compiler import WholeCompiler
from fastcar.cosim.program.whole.whole_map import WholeMemoryMap
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.integer.whole.model import WholeModel
from fastcar.reference.sparse_attention import SparseAttention
from fastcar.rtl.instruction import Instruction
from tools.hardware.decoder.settings import Mode


@dataclass(frozen=True)
class Token:
    """One token of every slot.

    Attributes:
        position: in the rows.
        is_prompt: nothing is kept for a replay.
        is_decided: score or distance decides every slot; False: every slot computes.
        picks: the next token is picked.
    """

    position: int
    is_prompt: bool = False
    is_decided: bool = False
    picks: bool = True


class ProgramShelf:
    """Programs of one kind of attention and one source of decisions.

    Args:
        memory_map: addresses and sizes.
        model: constants.
        sparse: sinks and window; None = full attention.
        source: of decisions.
    """

    def __init__(
        self,
        memory_map: WholeMemoryMap,
        model: WholeModel,
        sparse: SparseAttention | None,
        source: DecisionSource,
    ) -> None:
        self.memory_map, self.sparse, self.source = memory_map, sparse, source
        self._compilers = {
            flows: WholeCompiler(memory_map, model, sparse, flows=flows) for flows in (False, True)
        }
        self._programs: dict[tuple[object, ...], list[Instruction]] = {}

    def get(self, token: Token, mode: Mode) -> list[Instruction]:
        """A program that takes the cycles of a token: its own, or that of one like it."""
        key = *self.describe(token), mode.flows, mode.dispatch
        if key not in self._programs:
            self._programs[key] = self.compile(token, mode)
        return self._programs[key]

    def describe(self, token: Token) -> tuple[object, ...]:
        """What the cycles of a token depend on, but for decisions and mode."""
        lanes = self.memory_map.config.num_lanes
        segments = list_segments(token.position, self.sparse, lanes)
        is_tapped = token.is_decided and self.source is DecisionSource.SCORE
        block = (token.position - self.memory_map.mlp.tokens_per_frame) // lanes
        holder = find_tapped(segments, block) if is_tapped else None
        tapped = segments.index(holder) if holder else None
        blocks = tuple(segment.num_blocks for segment in segments)
        return blocks, tapped, token.is_prompt, token.is_decided, token.picks

    def compile(self, token: Token, mode: Mode) -> list[Instruction]:
        """The token's own program."""
        num_slots, num_layers = self.memory_map.mlp.num_slots, self.memory_map.mlp.num_layers
        slots = (SlotStep(token.position, 0 if token.is_prompt else None),) * num_slots
        if token.is_prompt:
            step = make_prompt_step(slots, num_layers, picks=token.picks, dispatch=mode.dispatch)
            return self._compilers[mode.flows].compile(step)
        everyone = np.ones(num_slots, bool)
        decided = everyone if token.is_decided else ~everyone
        layers = tuple(
            LayerStep(index, 0, self.source, 0, decided, everyone, mode.dispatch)
            for index in range(num_layers)
        )
        return self._compilers[mode.flows].compile(TokenStep(slots, layers, token.picks))


def list_tokens(num_prompt: int, num_fed: int, tokens_per_frame: int | None) -> list[Token]:
    """All tokens of a row: prompt, then those that are fed.

    Args:
        num_prompt: tokens of the prompt; the last one is followed by PICK.
        num_fed: tokens behind it.
        tokens_per_frame: the first frame is not decided; None = a dense run, nothing is.
    """
    prompt = [
        Token(index, is_prompt=True, picks=index == num_prompt - 1) for index in range(num_prompt)
    ]
    return prompt + [
        Token(
            num_prompt + index,
            is_decided=tokens_per_frame is not None and index >= tokens_per_frame,
        )
        for index in range(num_fed)
    ]
