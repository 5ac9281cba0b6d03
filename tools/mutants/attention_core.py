"""Planted bugs of attention in the core and of sections; names begin with `attention core:`."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_CORE = "tests/rtl/test_attention_core.py"
EQUAL = f"{_CORE}::test_attention_equals_the_naive_core"
CYCLES = f"{_CORE}::test_every_instruction_takes_its_cycles"
ORDER = f"{_CORE}::test_each_rule_of_order_is_a_sticky_error"
_WHOLE = "tests/cosim/program/whole/test_whole_hardware.py"
DECODE = f"{_WHOLE}::test_decode_is_that_of_the_reference_in_the_cycles_of_the_formula"
FLOW = f"{_WHOLE}::test_flow_is_faster_than_the_barrier"


def _bug(path: str, name: str, old: str, new: str, test: str = EQUAL) -> Mutant:
    """A mutant of a file of `rtl/`."""
    return Mutant(f"attention core: {name}", f"rtl/{path}.py", old, new, (test,))


_WALK = (
    _bug(
        "mac_array",
        "weights of the softmax taken for signed numbers",
        "left[-1] & ~inputs.is_left_unsigned",
        "left[-1]",
    ),
    _bug(
        "datapath",
        "rows of matrices meet activations without a sign",
        "is_one_of(fields, (Opcode.CONTEXT,)), f",
        "is_one_of(fields, (Opcode.CONTEXT, Opcode.GEMV)), f",
        DECODE,
    ),
    _bug(
        "attention/block_walk",
        "a query goes on with the next head's words",
        "is_key_last, pyrtl.select(is_head_last, next_head, head_start_q), next_word",
        "is_key_last, pyrtl.select(is_head_last, next_head, first), next_word",
    ),
    _bug(
        "attention/block_walk",
        "every group reads the first queries",
        "    first = find_group_start(config, inputs.group, index_bits)\n",
        "    first = pyrtl.Const(0, index_bits)\n",
    ),
    _bug(
        "attention/block_walk",
        "the first block hides keys of the last one",
        "~(flags.is_first & is_before)",
        "~is_before",
    ),
    _bug(
        "attention/block_walk",
        "the last visible key does not count",
        "pyrtl.Const(lane, len(last_lane)) > last_lane",
        "pyrtl.Const(lane, len(last_lane)) >= last_lane",
    ),
    _bug(
        "attention/block_walk",
        "one block is not the last one",
        "(start, num_blocks == 1)",
        "(start, 0)",
    ),
)

_SCORES = (
    _bug(
        "attention/score_tap",
        "the block before the aligned key's is tapped",
        "is_block = flags.num_behind == inputs.distance",
        "is_block = (flags.num_behind + 1)[: len(inputs.distance)] == inputs.distance",
    ),
    _bug(
        "attention/score_tap",
        "the score stays when it has been taken",
        "        (inputs.is_taken, 0),\n",
        "",
    ),
    _bug(
        "datapath",
        "what is tapped alone makes logits",
        "& has_logits",
        "",
    ),
    _bug(
        "attention/scoring",
        "weights begin with word 0 of the score buffer",
        '(start, fields["columns"][: len(index_q)])',
        "(start, 0)",
    ),
)

_CONTEXT = (
    _bug(
        "attention/attention",
        "the shift of a word is that of the next one",
        "sum_cycles - DROP_CYCLES, ",
        "sum_cycles - DROP_CYCLES - 1, ",
    ),
    _bug(
        "attention/weighting",
        "every segment starts its accumulators",
        'is_first=flags.is_first & options["is_fresh"]',
        "is_first=flags.is_first",
    ),
    _bug(
        "attention/weighting",
        "reciprocals come a cycle late",
        "wait = context.LATENCY_CYCLES - READ_CYCLES - 1",
        "wait = context.LATENCY_CYCLES - READ_CYCLES",
    ),
    _bug(
        "requantizer",
        "a moving shift does not move",
        'steps = delay(steps, PRODUCT_CYCLES, f"{name}_steps")',
        "pass",
    ),
    _bug(
        "write_back",
        "every group writes the first contexts",
        "    return _ContextWords(\n        ((is_begin, first),)",
        "    return _ContextWords(\n        ((is_begin, 0),)",
    ),
)

_RESULTS = (
    _bug(
        "result_path",
        "a context is not divided",
        "(own, attention.reciprocal)",
        "(own, own)",
    ),
    _bug(
        "attention/turn",
        "a turned pair adds twice",
        "second_q[: len(first)] ^ is_even.sign_extended(len(first))",
        "second_q[: len(first)]",
    ),
    _bug(
        "operand_feed",
        "the turn of the second head goes on behind the first",
        "next_word = mask(next_word, ~is_end)",
        "pass",
    ),
    _bug(
        "requantizer",
        "a narrow result may be -128",
        "_find_limits(halves, sign, is_wide, MAX_BYTE)",
        "_find_limits(halves, sign, is_wide, MAX_BYTE + 1)",
    ),
    _bug(
        "attention/pick",
        "the last largest logit is picked",
        "pyrtl.signed_gt(limited_q, best_q)",
        "pyrtl.signed_ge(limited_q, best_q)",
    ),
    _bug(
        "attention/pick",
        "a part of a head counts from 0",
        "drive(number_q, (inputs.is_begin, 0), ",
        "drive(number_q, (~element.valid & ~is_compared, 0), ",
    ),
    _bug(
        "attention/token_address",
        "rows of the embedding one beat apart",
        'pyrtl.shift_left_logical(room, inputs.fields["shift"])',
        "room",
    ),
    _bug(
        "core",
        "an EMBED that is forgotten asks for its beats",
        "embedding.is_ready & ~is_dropping",
        "embedding.is_ready",
        f"{_CORE}::test_an_abort_at_any_point_of_embed_opens_nothing",
    ),
    _bug(
        "latency",
        "PICK ends with its last logit",
        "Opcode.PICK: gemv + pick.LATENCY_CYCLES,",
        "Opcode.PICK: gemv,",
        CYCLES,
    ),
)

_ORDER = (
    _bug(
        "attention/order",
        "CONTEXT of an open softmax is let through",
        'drive(is_divided_q, (is_scored, options["is_final"])',
        "drive(is_divided_q, (is_scored, 1)",
        ORDER,
    ),
    _bug(
        "attention/order",
        "a new residual stream counts as normed",
        "drive(is_normed_q, (is_norm, 1), (is_replaced, 0), clear=inputs.clear)",
        "drive(is_normed_q, (is_norm, 1), clear=inputs.clear)",
        ORDER,
    ),
    _bug(
        "attention/order",
        "any slot has a token when one has",
        "~read_slot(has_token_q, slot)",
        "(has_token_q == 0)",
        f"{_CORE}::test_tokens_are_those_of_their_slots",
    ),
)

_SECTIONS = (
    _bug(
        "dispatcher",
        "a section does not wait for the one before",
        "is_wanted = is_ready if view.is_closed is None else is_ready & ~view.is_closed",
        "is_wanted = is_ready",
        DECODE,
    ),
    _bug(
        "section_lock",
        "the end of any section opens all slots",
        "    kept = closed_q & ~opened\n",
        "    kept = pyrtl.select(opened == 0, closed_q, pyrtl.Const(0, len(closed_q)))\n",
        DECODE,
    ),
    _bug(
        "dispatcher",
        "a flowing layer waits for nothing",
        "flows & is_settled, is_idle | flows_q & is_settled",
        "flows, is_idle | flows_q",
        f"{_WHOLE}::test_layers_flow_only_behind_their_decisions",
    ),
    _bug(
        "scheduler",
        "the pointer of a flowing layer starts at core 0",
        "is_restart = inputs.reset | inputs.is_begin & ~inputs.flows",
        "pass",
        DECODE,
    ),
    Mutant(
        "attention core: a layer never flows",
        "cosim/program/whole/whole_compiler.py",
        "self._flows and layer.layer_index > 0",
        "False",
        (FLOW,),
    ),
)

ATTENTION_CORE_MUTANTS = (*_WALK, *_SCORES, *_CONTEXT, *_RESULTS, *_ORDER, *_SECTIONS)
