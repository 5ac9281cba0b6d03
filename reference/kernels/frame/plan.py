"""What a call of the frame kernel is given; named tuples, because Numba knows them.

Notation as in `fastcar.reference.decoder`: B rows, L layers, H heads, H_kv key heads, d head width,
D model width, F width of the MLP, V vocabulary, N tokens per frame. Videos are rows without
guidance, half of the rows with it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Array = Any
Matrix = tuple[Array, ...]
"""As in `products`: float32 or bits of bfloat16 alone, or int8 with scales."""

WEIGHTS = (
    "attention_norm",
    "q_proj",
    "k_proj",
    "v_proj",
    "o_proj",
    "mlp_norm",
    "gate_proj",
    "up_proj",
    "down_proj",
)
"""Of a layer, in the order of `Model.addresses`."""
(
    ATTENTION_NORM,
    Q_PROJ,
    K_PROJ,
    V_PROJ,
    O_PROJ,
    MLP_NORM,
    GATE_PROJ,
    UP_PROJ,
    DOWN_PROJ,
) = range(len(WEIGHTS))

FINE, BAD_STREAM, BAD_SCORE, BAD_ENTRY, BAD_LOGITS, BAD_GUIDED = range(6)
"""What may be beyond the range (D-37): what `Shared.status` begins with."""
NO_GATE, SCORE_GATE, INPUT, ORACLE, PLANNED = range(5)
"""What a gate looks at; planned decisions were made before the call."""
CACHED, CORRECTED, CONSTANT = range(3)
"""What rows that replay use (D-53)."""
MEAN, MAX, WEIGHTED = range(3)
"""How the scores of heads become one."""


class Sizes(NamedTuple):
    """Of the model and the batch."""

    layers: int
    rows: int
    videos: int
    heads: int
    key_heads: int
    head_dim: int
    width: int
    hidden: int
    vocab: int
    tokens_per_frame: int
    prompt_tokens: int
    rank: int
    """Of a correction; 0 without one."""


class Model(NamedTuple):
    """Weights.

    Attributes:
        embedding: [V, D], of its own kind.
        matrix: an empty matrix of the kind of all layers.
        addresses: [L, 9, 2] int64, of the arrays of each of `WEIGHTS`.
        norm: [D].
        head: [V, D], of its own kind.
        eps: of the norms.
        cosines: [positions, d / 2], rotary.
        sines: likewise.
    """

    embedding: Matrix
    matrix: Matrix
    addresses: Array
    norm: Array
    head: Matrix
    eps: float
    cosines: Array
    sines: Array


class Memory(NamedTuple):
    """Keys and values, and which of them are seen.

    Attributes:
        keys: [L, B, H_kv, capacity, d] as stored.
        values: likewise.
        key_scales: [L, B, H_kv, capacity] of int8 keys; else without entries.
        value_scales: likewise.
        padding: [B] int64.
        sinks: oldest entries that stay visible.
        window: newest ones; the capacity without a window.
    """

    keys: Array
    values: Array
    key_scales: Array
    value_scales: Array
    padding: Array
    sinks: int
    window: int


class Rule(NamedTuple):
    """The gate and who may replay.

    Attributes:
        kind: what the gate looks at, of `gate`.
        takes_score: whether it takes the score, also if it decides without.
        active: [L] bool; a layer that is not active computes and keeps nothing.
        higher_is_safer: orientation of the measure.
        is_strict: at equality compute.
        thresholds: [L, B] float64; adapted in place.
        spreads: [L, B] float64, likewise.
        surpluses: [L, B] float64, likewise.
        is_adaptive: whether they are.
        target: share that adaptive thresholds track.
        gain: their step, with the sign of the orientation.
        planned: [slice, L, B] bool, decisions of gates that do not look.
        planned_measures: [slice, L, B] float64, their measures.
        replacement: what rows that replay use.
        cached: [L, B, N, D], MLP outputs that were used, or computed; without layers if constant.
        last_inputs: [L, B, N, D], of the input gate or a correction.
        keeps_inputs: whether there are any.
        down: [L, r, D], of a correction; without layers else.
        up: [L, D, r], likewise.
        constant: [L, D], that stand for replayed outputs; without layers else.
        chains: [L, B, N] int32.
        warmup_frames: that never replay.
        max_chain: -1 = unlimited.
        aggregation: mean, maximum or weights of heads, of `gate`.
        head_weights: [L, H] float32.
        is_published: scores of the query before rotary embedding.
    """

    kind: int
    takes_score: bool
    active: Array
    higher_is_safer: bool
    is_strict: bool
    thresholds: Array
    spreads: Array
    surpluses: Array
    is_adaptive: bool
    target: float
    gain: float
    planned: Array
    planned_measures: Array
    replacement: int
    cached: Array
    last_inputs: Array
    keeps_inputs: bool
    down: Array
    up: Array
    constant: Array
    chains: Array
    warmup_frames: int
    max_chain: int
    aggregation: int
    head_weights: Array
    is_published: bool


class Draws(NamedTuple):
    """How tokens are chosen.

    Attributes:
        codes: only ids below are drawn.
        temperature: 0 = greedy.
        top_k: at least 1.
        top_p: in (0, 1].
        is_guided: two rows per video.
        guidance: scale.
        given: [videos, G] int64, fed instead of drawn.
        uniforms: [tokens, videos] float64.
    """

    codes: int
    temperature: float
    top_k: int
    top_p: float
    is_guided: bool
    guidance: Any
    given: Array
    uniforms: Array


class Records(NamedTuple):
    """What is kept of every token, as in `ReplayRecord` and `DecodeResult`.

    Attributes:
        token_ids: [videos, tokens] int64.
        guided: [slice, videos, V] float32, logits that tokens were chosen of.
        score_heads: [S, L, B, H].
        scores: [S, L, B].
        measures: [S, L, B] float64.
        eligible: [S, L, B] bool.
        replayed: [S, L, B] bool.
        chains: [S, L, B] int32.
        extra_scores: [1] int64.
        ticks: [4], of the parts of `laps`.
    """

    token_ids: Array
    guided: Array
    score_heads: Array
    scores: Array
    measures: Array
    eligible: Array
    replayed: Array
    chains: Array
    extra_scores: Array
    ticks: Array


class Shared(NamedTuple):
    """Numbers in hand that all threads see; allocated once.

    Attributes:
        ids: [B] int64, tokens that are fed.
        x: [B, D], residual stream.
        attended: [B, D], before the MLP.
        query: [B, H * d].
        key: [B, H_kv * d].
        value: [B, H_kv * d].
        plain_query: [B, H * d], before rotary embedding.
        context: [B, H * d].
        added: [B, D], what attention or MLP adds.
        gate: [B, F], then the hidden activations.
        up: [B, F].
        tapped: [B, H], scores of heads.
        score: [B], aggregated.
        computing: [B] int64, rows that compute.
        replaying: [B] int64, the others.
        narrow: [B, r], of a correction.
        corrected: [B, D], what it adds to rows that replay, one after the other.
        logits: [B, V].
        lanes: [16] float64.
        status: [4] int64: kind of failure in a layer or behind the last one, layer, rows that
            compute, kind of failure under guidance. In one place, a thread that is late to look
            for the first kind would see the second, and leave others waiting.
        barrier: [16] int64.
    """

    ids: Array
    x: Array
    attended: Array
    query: Array
    key: Array
    value: Array
    plain_query: Array
    context: Array
    added: Array
    gate: Array
    up: Array
    tapped: Array
    score: Array
    computing: Array
    replaying: Array
    narrow: Array
    corrected: Array
    logits: Array
    lanes: Array
    status: Array
    barrier: Array


class Own(NamedTuple):
    """Numbers of one thread.

    Attributes:
        thread: its number in the team, from 0.
        threads: how many share the work.
        normed: [B, D].
        gathered: [B, D], rows that compute.
        squares: [B, 1], of what was normalised last.
        narrow: quantised rows of width D: int8 [B, D], sums [B] int32, scales [B].
        narrow_context: likewise of width H * d.
        narrow_hidden: likewise of width F.
        logits: [H, LEAD + 64], of one block of keys; what is before `LEAD` means nothing.
        running: [2, H], peak and total of the softmax.
        ranked: [K] float32, logits in the order of their size.
        order: [K] int64, their ids.
        masses: [K] float64.
    """

    thread: int
    threads: int
    normed: Array
    gathered: Array
    squares: Array
    narrow: tuple[Array, ...]
    narrow_context: tuple[Array, ...]
    narrow_hidden: tuple[Array, ...]
    logits: Array
    running: Array
    ranked: Array
    order: Array
    masses: Array


class Plan(NamedTuple):
    """All of it."""

    sizes: Sizes
    model: Model
    memory: Memory
    rule: Rule
    draws: Draws
    records: Records
    shared: Shared
