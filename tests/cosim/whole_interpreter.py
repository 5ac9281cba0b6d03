"""What a program of a whole token means: the naive interpreter with the opcodes of attention.

Written from docs/accelerator.md, section 8, number by number; it shares nothing with the compiler
but the fields of an instruction. Order rules and lengths are assertions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.reference.tables import EXPONENTIAL_TABLE
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import Buffer, Instruction, Opcode, Predicate, decode
from tests.cosim.interpreter import Interpreted, Interpreter, Word


@dataclass
class Section:
    """What a slot did up to an instruction that was its last.

    Attributes:
        slot: of it.
        opcode: of the last instruction.
        digest: of what it stored and, with PICK, of its logits.
        stored: what its STORE wrote last.
        token: that PICK left; None without.
        logits: of PICK, padding included.
    """

    slot: int
    opcode: Opcode
    digest: int
    stored: Word | None
    token: int | None = None
    logits: list[int] = field(default_factory=list)


@dataclass
class CoreState:
    """What a core holds beside its buffers.

    Attributes:
        scores: words of the score buffer: weights and exponent.
        maximum: M of every key head, while SCORES of a group go on.
        total: S of every key head.
        is_open: whether SCORES that is not fresh may come.
        is_final: whether CONTEXT may come.
        tap: sum of the accumulators of the aligned key.
        context: accumulators [H_kv, d].
        is_normed: whether N is the norm of what X holds.
        best: logit with noise, and id, of the best token so far.
        num_ids: ids that PICK has seen.
    """

    scores: dict[int, tuple[list[int], int]] = field(default_factory=dict)
    maximum: list[int | None] = field(default_factory=list)
    total: list[int] = field(default_factory=list)
    is_open: bool = False
    is_final: bool = False
    tap: int = 0
    context: list[list[int]] = field(default_factory=list)
    is_normed: bool = False
    best: tuple[int, int] | None = None
    num_ids: int = 0


def round_shift(value: int, shift: int) -> int:
    """round(value 2^-shift), ties upwards."""
    return (value + (1 << shift >> 1)) >> shift


def limit(value: int, largest: int = 32767) -> int:
    """sat16, or narrow."""
    return max(-largest, min(largest, value))


def weight(logit: int, exponent: int) -> int:
    """p of a logit below 256 M."""
    index = 256 * exponent - logit - 1
    return round_shift(EXPONENTIAL_TABLE[255 - index % 256], index // 256)


class WholeInterpreter(Interpreter):
    """Runs programs of whole tokens on a memory.

    Args:
        config: sizes, with an attention phase.
        beats: [beats, L] uint8, read and written.

    Attributes:
        layers: of the last run, what happened between one BEGIN and the next.
        sections: of the last run, in their order; those of a slot at least as in hardware.
        tokens: that PICK left, by slot.
    """

    def __init__(self, config: AcceleratorConfig, beats: NDArray[np.uint8]) -> None:
        super().__init__(config, beats)
        assert config.attention is not None
        self.attention = config.attention
        self.states = [CoreState() for _ in range(config.num_cores)]
        self.tokens: dict[int, int] = {}
        self.current = 0

    def run(self, words: Sequence[int]) -> Interpreted:
        """Run a program of several BEGIN and one END; gives what its last layer did."""
        self.layers: list[Interpreted] = []
        self.sections: list[Section] = []
        self.stored: dict[int, Word] = {}
        self.logits: dict[int, list[int]] = {}
        program = [decode(word) for word in words]
        assert program[0].opcode == Opcode.BEGIN
        assert [one.opcode for one in program].index(Opcode.END) == len(program) - 1
        for one in program[:-1]:
            if one.opcode == Opcode.BEGIN:
                self.begin(one)
            elif one.opcode == Opcode.THRESHOLD:
                self.threshold = one.value - (one.value >> 47 << 48)
            elif one.opcode == Opcode.DECIDE:
                self.decide(one.slot, bool(one.rows & 1))
            else:
                self.dispatch(one)
        assert not self.stored, "a section without end"
        return self.done

    def begin(self, one: Instruction) -> None:
        """All decisions are forgotten; no section is open, or the wait would never end."""
        assert not self.stored
        assert not any(state.tap for state in self.states)
        self.done = Interpreted()
        self.layers.append(self.done)
        self.pointer = self.pointer if one.flows else 0
        self.num_slots, self.threshold = one.rows, 0
        self.is_static, self.is_distance = bool(one.shift & 1), bool(one.shift & 2)

    def dispatch(self, one: Instruction) -> None:
        """To the core; the end of a section is its record."""
        core = one.slot % self.config.num_cores
        if one.predicate == Predicate.IF_COMPUTE and self.done.computes[one.slot]:
            core = self.done.mapping[one.slot]
        self.current = core
        before = len(self.done.retired)
        super().dispatch(one)
        if len(self.done.retired) > before:
            self.sections.append(
                Section(
                    one.slot,
                    Opcode(one.opcode),
                    self.done.digests.pop(one.slot, 0),
                    self.stored.pop(one.slot, None),
                    self.tokens.get(one.slot) if one.opcode == Opcode.PICK else None,
                    self.logits.pop(one.slot, []),
                )
            )

    def execute(self, one: Instruction, buffers: dict[int, Word]) -> None:
        """One instruction of a core."""
        state = self.states[self.current]
        attention: dict[int, Any] = {
            Opcode.EMBED: self.embed,
            Opcode.ROPE: self.rotate,
            Opcode.STORE_KEY: self.store_key,
            Opcode.STORE_VALUE: self.store_value,
            Opcode.SCORES: self.score,
            Opcode.CONTEXT: self.weigh,
            Opcode.PICK: self.pick,
        }
        if one.opcode in attention:
            assert one.predicate == Predicate.ALWAYS
            attention[one.opcode](one, buffers, state)
        else:
            super().execute(one, buffers)
        writes_x = one.opcode in (Opcode.LOAD, Opcode.EMBED, Opcode.GEMV, Opcode.ROPE)
        if one.opcode == Opcode.ADD or (writes_x and one.target == Buffer.X):
            state.is_normed = False
        elif one.opcode == Opcode.NORM:
            state.is_normed = True

    def store(self, one: Instruction, vector: Word) -> None:
        """Write, and remember what was written."""
        super().store(one, vector)
        self.stored[one.slot] = vector.copy()

    def multiply(self, one: Instruction, buffers: dict[int, Word]) -> Word:
        """GEMV, perhaps narrow, and GEMV_SILU."""
        result = super().multiply(one, buffers)
        if one.opcode == Opcode.GEMV and one.gate_shift & 1:
            return np.clip(result, -127, 127)
        return result

    def embed(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """The row of the token that PICK left."""
        first = one.address + (self.tokens[one.slot] << one.shift)
        beats = self.beats[first : first + 2 * one.rows]
        assert len(beats) == 2 * one.rows
        buffers[one.target] = beats.copy().view("<i2").ravel()

    def rotate(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """Pairs in adjacent lanes of G, by cosines and sines in adjacent lanes of P."""
        assert one.target not in (Buffer.G, Buffer.P)
        numbers, turns = buffers[Buffer.G].tolist(), buffers[Buffer.P].tolist()
        assert len(numbers) == one.rows * self.config.num_lanes
        assert len(turns) == self.attention.head_dim
        largest = 127 if one.gate_shift & 1 else 32767
        turned = []
        for place in range(0, len(numbers), 2):
            a, b = numbers[place : place + 2]
            cos, sin = (turns[(place + odd) % len(turns)] for odd in (0, 1))
            for product in (a * cos - b * sin, b * cos + a * sin):
                turned.append(limit(round_shift(product * one.multiplier, one.shift), largest))
        buffers[one.target] = np.array(turned, np.int16)

    def store_key(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """A beat for each word; those of the next head d beats on."""
        lanes, size = self.config.num_lanes, self.attention.head_dim
        words = buffers[one.source].reshape(-1, lanes)
        assert len(words) == one.rows
        for index, word in enumerate(words):
            head, part = divmod(index, size // lanes)
            beat = word.astype(np.uint16).astype(np.uint8)
            self.beats[one.address + head * size + part] = beat
            self.digest(one.slot, beat)

    def store_value(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """A beat for each number, of which one byte is written."""
        lanes, lane = self.config.num_lanes, one.options["lane"]
        numbers = buffers[one.source]
        assert len(numbers) == one.rows * lanes
        for index, byte in enumerate(numbers.astype(np.uint16).astype(np.uint8)):
            self.beats[one.address + index, lane] = byte
            beat = np.zeros(lanes, np.uint8)
            beat[lane] = byte
            self.digest(one.slot, beat)

    def read_blocks(self, one: Instruction) -> NDArray[np.int64]:
        """[blocks, H_kv, d beats of a head, L]."""
        heads, size = self.attention.num_key_value_heads, self.attention.head_dim
        beats = self.beats[one.address : one.address + one.rows * heads * size].view(np.int8)
        return beats.reshape(one.rows, heads, size, -1).astype(np.int64)

    def score(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """Accumulators, logits, weights and exponents of one group; the tap."""
        options, heads = one.options, self.attention.num_key_value_heads
        if options["is_unweighted"]:
            assert not options["is_fresh"]
            assert not options["is_final"]
        elif options["is_fresh"]:
            state.maximum, state.total = [None] * heads, [0] * heads
        else:
            assert state.is_open
        key_size = self.attention.key_size
        query = buffers[Buffer.H][one.group * key_size : (one.group + 1) * key_size]
        assert len(query) == key_size
        per_head = query.reshape(heads, -1).astype(np.int64)
        for block, keys in enumerate(self.read_blocks(one)):
            in_order = keys.reshape(heads, self.config.num_lanes, -1)  # [H_kv, L, d]
            for head in range(heads):
                sums = (in_order[head] @ per_head[head]).tolist()
                if options["is_tapped"] and block == one.rows - 1 - one.tap_distance:
                    state.tap += sums[options["lane"]]
                if not options["is_unweighted"]:
                    word = one.columns + block * heads + head
                    self.weigh_word(one, state, block, head, word, sums)
        if not options["is_unweighted"]:
            state.is_open, state.is_final = not options["is_final"], bool(options["is_final"])
        if options["decides"]:
            assert not self.is_distance
            self.done.scores[one.slot], tap = state.tap, state.tap
            state.tap = 0
            self.decide(one.slot, tap < self.threshold)

    def weigh_word(
        self,
        one: Instruction,
        state: CoreState,
        block: int,
        head: int,
        word: int,
        sums: list[int],
    ) -> None:
        """Softmax of the word of a block and key head."""
        assert word < self.attention.score_words
        options, lanes = one.options, self.config.num_lanes
        first = options["first_lane"] if block == 0 else 0
        last = options["last_lane"] if block == one.rows - 1 else lanes - 1
        visible = range(first, last + 1)
        logits = [round_shift(sums[lane] * one.multiplier, one.shift) for lane in visible]
        exponent, before = max(logits) // 256 + 1, state.maximum[head]
        if before is not None:
            exponent = max(exponent, before)
            state.total[head] >>= exponent - before
        weights = [0] * lanes
        for lane, logit in zip(visible, logits, strict=True):
            weights[lane] = weight(logit, exponent)
        state.total[head] += sum(weights) << 11
        state.maximum[head] = exponent
        state.scores[word] = weights, exponent

    def weigh(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """Weights times values; the last one divides, and gives the group's context to G."""
        assert state.is_final
        heads, size = self.attention.num_key_value_heads, self.attention.head_dim
        if one.options["is_fresh"]:
            state.context = [[0] * size for _ in range(heads)]
        for block, values in enumerate(self.read_blocks(one)):
            for head in range(heads):
                weights, exponent = state.scores[one.columns + block * heads + head]
                last = state.maximum[head]
                assert last is not None
                for dim in range(size):
                    pairs = zip(weights, values[head, dim].tolist(), strict=True)
                    product = sum(p * v for p, v in pairs)
                    state.context[head][dim] += (product << 11) >> (last - exponent)
        if one.options["is_final"]:
            self.write_context(one, buffers, state)

    def write_context(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """A R 2^-(e + 7) of every key head."""
        context = []
        for total, sums in zip(state.total, state.context, strict=True):
            bits = total.bit_length()
            reciprocal = (2**33 - 1) // (total >> (bits - 18))
            context += [limit(round_shift(a * reciprocal, bits + 7)) for a in sums]
        whole = np.zeros(self.attention.query_size, np.int16)
        kept = buffers[Buffer.G][: len(whole)]
        whole[: len(kept)] = kept
        whole[one.group * len(context) : (one.group + 1) * len(context)] = context
        buffers[Buffer.G] = whole

    def pick(self, one: Instruction, buffers: dict[int, Word], state: CoreState) -> None:
        """The first largest logit with noise, over all chunks."""
        assert state.is_normed
        if one.options["is_fresh"]:
            state.best, state.num_ids = None, 0
        noise = buffers[Buffer.G]
        self.check_length(one, noise)
        product = replace(one, opcode=Opcode.GEMV, source=Buffer.N, gate_shift=0)
        logits = self.multiply(product, buffers)
        for word in logits.reshape(-1, self.config.num_lanes):
            self.digest(one.slot, word)
        self.logits.setdefault(one.slot, []).extend(logits.tolist())
        for logit, extra in zip(logits.tolist(), noise.tolist(), strict=True):
            noisy = limit(logit + extra)
            if state.best is None or noisy > state.best[0]:
                state.best = noisy, state.num_ids
            state.num_ids += 1
        if one.options["is_final"]:
            assert state.best is not None
            self.tokens[one.slot] = state.best[1]

    def digest(self, slot: int, beat: NDArray[Any]) -> None:
        """Go on with the digest of a slot: a beat, or a word of logits."""
        before = self.done.digests.get(slot, 0)
        folded = int(np.bitwise_xor.reduce(np.ascontiguousarray(beat).view("<u4")))
        self.done.digests[slot] = ((before << 1 | before >> 31) & 0xFFFFFFFF) ^ folded
