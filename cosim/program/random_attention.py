"""Random instructions of attention: legal ones, in blocks that keep the order rules of section 8.

A block goes to one core, in the order in which it stands, so what one of its instructions needs of
another (a norm, scores that are final, a token) is there.
"""

from __future__ import annotations

from random import Random

from fastcar.reference.integer.whole.scores import MAX_LOGIT
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import (
    FIELD_BITS,
    Buffer,
    Instruction,
    Opcode,
    get_buffer_words,
    join_options,
    split_group,
    split_tap_distance,
)

MAX_SHORT_LENGTH = 4
MAX_EMBEDDING_SHIFT = 2
MAX_LOGIT_SHIFT = 47


def count_attention_beats(config: AcceleratorConfig) -> int:
    """Beats of the longest request or row of writes of attention; 0 without.

    >>> from fastcar.rtl.config import TINY, TINY_DECODER
    >>> count_attention_beats(TINY), count_attention_beats(TINY_DECODER)
    (0, 64)
    """
    if config.attention is None:
        return 0
    largest_buffer = max(get_buffer_words(config, buffer) for buffer in Buffer)
    blocks = config.attention.max_blocks * config.attention.key_size
    return max(
        blocks, largest_buffer * config.attention.head_dim, config.num_lanes * largest_buffer
    )


class AttentionDrawer:
    """Draws blocks of instructions of a slot.

    Args:
        config: sizes, with an attention phase.
        num_beats: of the memory.
        random: what draws.
    """

    def __init__(self, config: AcceleratorConfig, num_beats: int, random: Random) -> None:
        assert config.attention is not None
        self.config, self.num_beats, self.random = config, num_beats, random
        self.attention = config.attention

    def draw_block(self, slot: int) -> list[Instruction]:
        """Any block that decides nothing."""
        kinds = self.draw_rope, self.draw_stores, self.draw_pick, self.draw_scores
        return self.random.choice(kinds)(slot)

    def draw_rope(self, slot: int) -> list[Instruction]:
        """ROPE to any buffer but its own two."""
        target = self.random.choice([one for one in Buffer if one not in (Buffer.G, Buffer.P)])
        return [
            Instruction(
                Opcode.ROPE,
                slot=slot,
                target=target,
                source=Buffer.G,
                rows=self.draw_length(self.count_words(target, Buffer.G)),
                shift=self.random.randrange(1 << FIELD_BITS["shift"]),
                gate_shift=self.random.randrange(4),
                multiplier=self.random.getrandbits(16),
            )
        ]

    def draw_stores(self, slot: int) -> list[Instruction]:
        """STORE_KEY and STORE_VALUE."""
        random, lanes = self.random, self.config.num_lanes
        size = self.attention.head_dim
        source = random.choice(tuple(Buffer))
        rows = self.draw_length(self.count_words(source))
        fields = {"slot": slot, "source": source, "rows": rows}
        key_beats = -(-rows * lanes // size) * size
        return [
            Instruction(Opcode.STORE_KEY, **fields, address=self.draw_address(key_beats)),
            Instruction(
                Opcode.STORE_VALUE,
                **fields,
                address=self.draw_address(rows * lanes),
                reserved=join_options(lane=random.randrange(lanes)),
            ),
        ]

    def draw_pick(self, slot: int) -> list[Instruction]:
        """NORM, PICK in one or two chunks, EMBED of the token."""
        random, lanes = self.random, self.config.num_lanes
        block = [
            Instruction(
                Opcode.NORM,
                slot=slot,
                rows=self.draw_length(self.count_words(Buffer.X, Buffer.N, Buffer.P)),
                address=random.randrange(1, 1 << 32),
            )
        ]
        num_chunks, num_ids = random.randint(1, 2), 0
        for chunk in range(num_chunks):
            rows = self.draw_length(self.count_words(Buffer.P, Buffer.G))
            columns = self.draw_length(self.count_words(Buffer.N))
            is_final = int(chunk == num_chunks - 1)
            num_ids += rows * lanes
            block.append(
                Instruction(
                    Opcode.PICK,
                    slot=slot,
                    source=Buffer.N,
                    rows=rows,
                    columns=columns,
                    shift=random.randrange(1 << FIELD_BITS["shift"]),
                    address=self.draw_address(rows * lanes * columns),
                    is_last=is_final & random.getrandbits(1),
                    reserved=join_options(is_fresh=int(not chunk), is_final=is_final),
                )
            )
        return [*block, self.draw_embed(slot, num_ids)]

    def draw_embed(self, slot: int, num_ids: int) -> Instruction:
        """EMBED of any of the first tokens."""
        target = self.random.choice(tuple(Buffer))
        rows = self.draw_length(self.count_words(target))
        shift = self.random.randint(0, MAX_EMBEDDING_SHIFT)
        while shift and num_ids << shift > self.num_beats // 2:
            shift -= 1
        return Instruction(
            Opcode.EMBED,
            slot=slot,
            target=target,
            rows=rows,
            shift=shift,
            address=self.draw_address(2 * rows + (num_ids << shift)),
        )

    def draw_scores(self, slot: int, decides: bool = False) -> list[Instruction]:
        """SCORES of one or two segments and CONTEXT of them; perhaps all of it decides."""
        random, group = self.random, self.random.randrange(self.attention.group_size)
        heads, left = self.attention.num_key_value_heads, self.attention.max_blocks
        num_segments = random.randint(1, min(2, left))
        word = 0
        scores, contexts = [], []
        for index in range(num_segments):
            rows = self.draw_length(left - (num_segments - 1 - index))
            left -= rows
            edges = {
                "is_fresh": int(not index),
                "is_final": int(index == num_segments - 1),
            }
            taps = decides and index == num_segments - 1
            scores.append(self.draw_segment(slot, group, rows, word, edges, taps))
            contexts.append(
                Instruction(
                    Opcode.CONTEXT,
                    slot=slot,
                    rows=rows,
                    columns=word,
                    address=self.draw_address(rows * self.attention.key_size),
                    reserved=join_options(**edges),
                    **split_group(group),
                )
            )
            word += rows * heads
        return [*scores, *contexts]

    def draw_tap(self, slot: int) -> list[Instruction]:
        """What decides a slot: a tap alone, or with scores."""
        if self.random.getrandbits(1):
            return self.draw_scores(slot, decides=True)
        group = self.random.randrange(self.attention.group_size)
        return [self.draw_segment(slot, group, 1, 0, {"is_unweighted": 1}, taps=True)]

    def draw_segment(
        self,
        slot: int,
        group: int,
        rows: int,
        word: int,
        edges: dict[str, int],
        taps: bool,
    ) -> Instruction:
        """SCORES of some blocks; at least one key is visible, no logit is too large."""
        random, lanes = self.random, self.config.num_lanes
        last = random.randrange(lanes)
        options = {
            "first_lane": random.randint(0, last if rows == 1 else lanes - 1),
            "last_lane": last,
            **edges,
        }
        distance = 0
        if taps:
            options |= {"lane": random.randrange(lanes), "is_tapped": 1, "decides": 1}
            distance = random.randrange(min(rows, 1 << 8))
        multiplier = random.getrandbits(16)
        largest = self.attention.head_dim * multiplier << 15 + 7
        smallest_shift = max(0, (largest // (MAX_LOGIT // 2)).bit_length())
        return Instruction(
            Opcode.SCORES,
            slot=slot,
            rows=rows,
            columns=word,
            multiplier=multiplier,
            shift=random.randint(smallest_shift, MAX_LOGIT_SHIFT),
            address=self.draw_address(rows * self.attention.key_size),
            reserved=join_options(**options),
            **split_group(group),
            **split_tap_distance(distance),
        )

    def count_words(self, *buffers: Buffer) -> int:
        """Words of the smallest buffer."""
        return min(get_buffer_words(self.config, one) for one in buffers)

    def draw_length(self, limit: int) -> int:
        """The limit itself, or something short."""
        return self.random.choice((limit, self.random.randint(1, min(limit, MAX_SHORT_LENGTH))))

    def draw_address(self, num_beats: int) -> int:
        """Where so many beats are in the memory."""
        return self.random.randrange(self.num_beats - num_beats)
