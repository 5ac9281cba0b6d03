"""No key counts that its token does not see: beyond the number of keys, or before a window.

Two copies of everything from logits to weights begin alike and get the same instructions and the
same logits where a key is visible, and any logits elsewhere: weights, maxima, sums and reciprocals
are the same ever after. Which keys are visible the checker says for itself, by their positions:
from `first_lane` on, up to the last one, n - 1 = L (rows - 1) + `last_lane`. Then, in one copy, the
weight of a key that is not visible is 0; and where a weight is 0 the product with the value is 0,
whatever the value is: the sums of CONTEXT are those of the visible keys' values alone.

Assumed of the core: what an instruction says holds until its last word; words come when the
contract of the softmax allows it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pyrtl

from fastcar.proofs.formal.control import get_range
from fastcar.proofs.formal.design import make_planted
from fastcar.proofs.formal.task import FormalTask, Method, PlantedBug, count_obligations
from fastcar.proofs.formal.unit import DESIGN, Unit
from fastcar.proofs.formal.unit_task import UnitBug, read_body
from fastcar.rtl.attention.config import AttentionConfig
from fastcar.rtl.attention.formats import (
    BIT_LENGTH_BITS,
    EXPONENT_BITS,
    LOGIT_BITS,
    RECIPROCAL_BITS,
)
from fastcar.rtl.attention.scoring import ScoringInputs, make_scoring
from fastcar.rtl.attention.softmax import latency_cycles
from fastcar.rtl.config import AcceleratorConfig
from fastcar.rtl.instruction import FIELD_BITS
from fastcar.rtl.lanes import ACTIVATION_BITS

ATTENTION = AttentionConfig(2, 2, 4, 2)
CONFIG = AcceleratorConfig(1, 4, 2, 8, 8, ATTENTION.query_size, 4, ATTENTION)
CONFIGURATION = "L = 4, 2 key heads, any number of blocks"
LANES, HEADS = CONFIG.num_lanes, ATTENTION.num_key_value_heads
FIELDS = ("rows", "columns", "reserved")
SOFTMAX = f"{DESIGN}_softmax"
COMPARISON, EXPONENTIAL = f"{SOFTMAX}_comparison", f"{SOFTMAX}_weighing_exponential"
MEMORIES = tuple(
    f"{SOFTMAX}_{name}"
    for name in ("comparison_maximum_exponents", "sum_totals", "reciprocal_results")
)
ARE_VISIBLE = f"{COMPARISON}_are_visible_q"
LOGITS = f"{COMPARISON}_logits_q"
FOLLOWERS = {
    f"{EXPONENTIAL}_{name}_q": f"{EXPONENTIAL}_{flag}_q"
    for name, flag in (
        ("entry_1", "is_visible_1"),
        ("octave_1", "is_visible_1"),
        ("entry_2", "is_visible_2"),
        ("distance", "is_visible_2"),
        ("halves", "is_counted"),
    )
}
"""Registers that hold anything where the flag beside them is 0."""


def build(wires: dict[str, pyrtl.WireVector]) -> dict[str, pyrtl.WireVector]:
    """Scores of one query between ports: words of logits to words of weights."""
    fields = {name: wires.pop(name) for name in FIELDS}
    return vars(make_scoring(CONFIG, DESIGN, ScoringInputs(**wires, fields=fields)))


UNIT = Unit(
    build,
    dict.fromkeys(("clear", "start", "word_valid", "exponent_head", "reciprocal_head"), 1)
    | {name: FIELD_BITS[name] for name in FIELDS}
    | {"logits": LANES * LOGIT_BITS},
    dict.fromkeys(("weights_valid", "is_done"), 1)
    | {
        "weights": LANES * ACTIVATION_BITS,
        "exponent": EXPONENT_BITS,
        "weights_index": (ATTENTION.score_words - 1).bit_length(),
        "read_exponent": EXPONENT_BITS,
        "read_reciprocal": RECIPROCAL_BITS,
        "read_bit_length": BIT_LENGTH_BITS,
    },
)
CONSTANTS = {"LANES": LANES, "HEADS": HEADS, "LATENCY": latency_cycles(LANES)}
ALIKE_BODY = f"""
always @(posedge clk) begin
    invariant_place: assert (!is_open || head < HEADS && block < rows);
    invariant_head: assert (!is_open || one_{DESIGN}_head_q == head);
    invariant_first: assert (!is_open || one_{DESIGN}_is_first_block_q == (block == 0));
    invariant_last: assert (!is_open || one_{DESIGN}_is_last_block_q == (block == rows - 1));
    invariant_behind: assert (!is_open || one_{DESIGN}_num_blocks_behind_q == rows - 1 - block);
    if (had_word) exactly_the_visible: assert (one_{ARE_VISIBLE} == visible_then);
    an_early_key: cover (word_valid && !visible[0] && visible[1] && block == 0
        && logits != logits_other);
    the_last_block: cover (word_valid && visible == 3 && block == 1 && is_end
        && logits[95:48] != logits_other[95:48]);
    a_sum: cover (one_out_weights_valid && one_out_weights[15:0] == 0
        && one_out_weights[31:16] != 0);
end
"""
MASK_BUGS = (
    UnitBug(
        "every lane has a weight",
        "fastcar.rtl.attention.exponential",
        "is_counted_q = latch(is_visible & is_near,",
        "is_counted_q = latch(is_near,",
    ),
    UnitBug(
        "the first lane always counts",
        "fastcar.rtl.attention.comparison",
        'visible=delay(is_visible, num_waits, f"{name}_visible"),',
        'visible=delay(is_visible | counter.is_first, num_waits, f"{name}_visible"),',
    ),
)
"""Of what says which keys count; the weights see them, too."""
BUGS = (
    UnitBug(
        "the first key that is not visible counts",
        "fastcar.rtl.attention.block_walk",
        "is_behind = pyrtl.Const(lane, len(last_lane)) > last_lane",
        "is_behind = pyrtl.Const(lane, len(last_lane)) > last_lane + 1",
    ),
    UnitBug(
        "keys before the window count",
        "fastcar.rtl.attention.block_walk",
        "lanes.append(~(flags.is_first & is_before) & ~(flags.is_last & is_behind))",
        "lanes.append(~(flags.is_last & is_behind))",
    ),
    UnitBug(
        "the maximum is that of all lanes",
        "fastcar.rtl.attention.comparison",
        "return pyrtl.select(is_visible, octave, lowest)",
        "return octave",
    ),
    *MASK_BUGS,
)


def _relate(names: tuple[str, ...]) -> Iterator[str]:
    """Whether both copies hold the same, but where a key is not visible."""
    conditions = dict(FOLLOWERS)
    for stage in range(1, LANES + 4):
        conditions[f"{COMPARISON}_logit_{stage}_q"] = f"{COMPARISON}_visible_{stage}_q"
    same = [name for name in names if name not in {*conditions, LOGITS}]
    one, other = (", ".join(f"{copy}_{name}" for name in same) for copy in ("one", "other"))
    pairs = (f"(!one_{flag} || one_{name} == other_{name})" for name, flag in conditions.items())
    yield f"wire is_state_alike = {{{one}}} == {{{other}}};"
    yield f"wire are_stages_alike = {' && '.join(pairs)};"
    part = f"[{LOGIT_BITS}*lane +: {LOGIT_BITS}]"
    yield f"""
reg are_logits_alike, is_word_alike;
integer lane;
always @* begin
    {{are_logits_alike, is_word_alike}} = 3;
    for (lane = 0; lane < LANES; lane = lane + 1) begin
        if (one_{ARE_VISIBLE}[lane] && one_{LOGITS}{part} != other_{LOGITS}{part})
            are_logits_alike = 0;
        if (visible[lane] && logits{part} != logits_other{part}) is_word_alike = 0;
    end
end
wire are_lanes_alike = are_logits_alike && are_stages_alike;
always @(posedge clk) begin
    begin_alike: assume (age != 0 || is_state_alike && are_lanes_alike);
    same_where_visible: assume (!word_valid || is_word_alike);
    invariant_state: assert (is_state_alike);
    invariant_lanes: assert (are_lanes_alike);
end"""


def _claim() -> Iterator[str]:
    """Both copies show and keep the same."""
    claims = {
        claim: tuple(f"out_{name}" for name in names)
        for claim, names in {
            "weights_are_the_same": ("weights_valid", "weights", "exponent", "weights_index"),
            "reader_sees_the_same": ("read_exponent", "read_reciprocal", "read_bit_length"),
            "ends_the_same": ("is_done",),
        }.items()
    }
    for kept, memory in zip(("maxima", "sums", "reciprocals"), MEMORIES, strict=True):
        claims[f"{kept}_are_the_same"] = tuple(f"{memory}_{word}" for word in range(HEADS))
    for claim, names in claims.items():
        equal = " && ".join(f"one_{name} == other_{name}" for name in names)
        yield f"always @(posedge clk) {claim}: assert ({equal});"


def make_checker(top: str) -> tuple[str, tuple[str, ...]]:
    """The checker of two copies, and the inner wires that it reads."""
    registers = UNIT.list_registers()
    words = {
        f"{memory}_{word}": UNIT.read_word_bits(memory)
        for memory in MEMORIES
        for word in range(HEADS)
    }
    outputs = {f"out_{name}": width for name, width in UNIT.outputs.items()}
    seen = outputs | registers | words
    inputs = {**UNIT.inputs, "logits_other": UNIT.inputs["logits"]}
    ports = "".join(f", input wire {get_range(width)}{name}" for name, width in inputs.items())
    lines = [f"module {top}(input wire clk{ports});"]
    lines += [f"localparam {name} = {value};" for name, value in CONSTANTS.items()]
    lines += ["reg [7:0] age = 0;", "always @(posedge clk) if (age != 255) age <= age + 1;"]
    for copy, instance, logits in (("one", "design", "logits"), ("other", "copy", "logits_other")):
        lines += [f"wire {get_range(width)}{copy}_{name};" for name, width in seen.items()]
        pins = [f".{name}({name})" for name in ("clk", *UNIT.inputs) if name != "logits"]
        pins += [f".logits({logits})", *(f".{name}({copy}_{name})" for name in seen)]
        lines.append(f"{DESIGN} {instance}({', '.join(pins)});")
    names = (*registers, *words)
    lines += [read_body("visible_keys"), *_relate(names), *_claim(), ALIKE_BODY, "endmodule"]
    return "\n".join(lines) + "\n", names


def list_tasks() -> Iterator[FormalTask]:
    """Two copies of the softmax."""
    top = "masked_keys_checker"
    checker, visible = make_checker(top)
    kinds = count_obligations(checker)
    yield FormalTask(
        name="masked keys",
        claim="maxima, sums, reciprocals and weights do not depend on logits beyond the number of "
        "keys, nor on those before the first visible one",
        configuration=CONFIGURATION,
        make_design=UNIT.export,
        design_top=DESIGN,
        checker=checker,
        top=top,
        method=Method.INDUCTION,
        depth_cycles=1,
        num_assertions=kinds["assert"],
        num_assumptions=kinds["assume"],
        num_covers=kinds["cover"],
        cover_depth_cycles=24,
        visible=visible,
        memories=tuple((memory, HEADS) for memory in MEMORIES),
        bugs=tuple(
            PlantedBug(bug.name, make_planted(UNIT.export, bug.module, bug.old, bug.new), 16)
            for bug in BUGS
        ),
        shown=("start", "word_valid", "head", "block", "visible", "logits", "logits_other"),
        argument="both copies begin with the same registers and memories, whatever they are; every "
        "register but those of lanes that are not visible stays the same",
        solver="bitwuzla",
    )
