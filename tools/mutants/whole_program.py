"""Planted bugs of programs of whole tokens: order, memory, sections, text and random programs."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file

_COMPILER_TEST = name_test_file("cosim/program/whole/whole_compiler")


def _bug(stem: str, name: str, old: str, new: str, test: str | None = None) -> Mutant:
    """A mutant of `cosim/program/<stem>.py`; the test of that file, or another one, must notice."""
    path = f"cosim/program/{stem}"
    tests = (name_test_file(path) if test is None else test,)
    return Mutant(f"whole program: {name}", f"{path}.py", old, new, tests)


WHOLE_PROGRAM_MUTANTS = (
    _bug(
        "whole/order",
        "query heads stay in their order",
        "np.arange(config.num_heads).reshape(config.num_key_value_heads, -1).T.ravel()",
        "np.arange(config.num_heads)",
    ),
    _bug(
        "whole/order",
        "contexts have pairs side by side",
        "_order_elements(order_query_heads(config), np.arange(config.head_dim))",
        "_order_elements(order_query_heads(config), order_pairs(config.head_dim))",
    ),
    _bug(
        "whole/segments",
        "sinks and a window that reaches them are two segments",
        "if start <= sparse.sink_tokens:",
        "if start < sparse.sink_tokens:",
    ),
    _bug(
        "whole/segments",
        "context of one block too many",
        "if largest > config.attention.max_blocks:",
        "if largest > config.attention.max_blocks + 1:",
    ),
    _bug(
        "whole/scores",
        "every group decides",
        "is_last = group == num_groups - 1",
        "is_last = True",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/scores",
        "key of the token after is tapped",
        "tapped = token.position - self._map.mlp.tokens_per_frame",
        "tapped = token.position - self._map.mlp.tokens_per_frame + 1",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/scores",
        "weights of the window over those of the sinks",
        """            yield self._make_scores(step, slot, one, group, word, distance, options)
            word += self._map.attention.num_key_value_heads * one.num_blocks""",
        """            yield self._make_scores(step, slot, one, group, word, distance, options)
            word += one.num_blocks""",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/attention_section",
        "values are not narrow",
        "    Buffer.N,\n    is_narrow=True,\n",
        "    Buffer.N,\n",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/attention_section",
        "value of the lane before",
        "join_options(lane=lane)",
        "join_options(lane=lane ^ 1)",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/attention_section",
        "distance of the residual stream before attention",
        "        yield Instruction(Opcode.ADD, rows=config.hidden_words)\n        end",
        "        end",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/pick_section",
        "every chunk begins anew",
        "is_fresh=int(not first)",
        "is_fresh=1",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/whole_compiler",
        "no section of a slot is left out",
        "            if not layer.is_decided[slot]:\n",
        "            if token is not None and not layer.is_decided[slot]:\n",
        _COMPILER_TEST,
    ),
    _bug(
        "compiler",
        "outputs of a prompt go to the replay cache",
        "        if step.is_cached:\n            yield store(Buffer.Y",
        "        if True:\n            yield store(Buffer.Y",
        _COMPILER_TEST,
    ),
    _bug(
        "whole/whole_image",
        "padded rows of the head may win",
        "PADDED_NOISE = -MAX_ACTIVATION",
        "PADDED_NOISE = 0",
    ),
    _bug(
        "whole/whole_map",
        "rows of the embedding overlap",
        "(BEATS_PER_WORD * self.config.hidden_words - 1).bit_length()",
        "(BEATS_PER_WORD * self.config.hidden_words).bit_length() - 1",
        name_test_file("cosim/program/whole/whole_image"),
    ),
    _bug(
        "attention_text",
        "reserved bits beside options are not written",
        '*([f"reserved={rest}"] if rest else [])',
        "",
        name_test_file("cosim/program/assembler"),
    ),
    _bug(
        "random_attention",
        "picked ids of one chunk alone are counted",
        "num_ids += rows * lanes",
        "num_ids = rows * lanes",
    ),
    Mutant(
        "whole program: mapping goes on behind the next BEGIN",
        "cosim/cycles/cycle_recursion.py",
        "self.pointer = self.pointer if self.flows else 0",
        "self.pointer = self.pointer",
        (name_test_file("cosim/cycles/cycle_model"),),
    ),
    Mutant(
        "whole program: next section of a slot does not wait",
        "cosim/cycles/cycle_recursion.py",
        "max(self.pass_cycle, self._get_section_cycle(slot))",
        "self.pass_cycle",
        (name_test_file("cosim/cycles/cycle_model"),),
    ),
    Mutant(
        "whole program: excluded instructions wait for the section before",
        "cosim/cycles/cycle_recursion.py",
        """        self.pass_cycle = look
        if instruction.predicate != Predicate.ALWAYS:
            self.pass_cycle = max(look, self._get_visible_cycle(slot))""",
        """        self.pass_cycle = max(look, self._get_section_cycle(slot))
        if instruction.predicate != Predicate.ALWAYS:
            self.pass_cycle = max(self.pass_cycle, self._get_visible_cycle(slot))""",
        (name_test_file("cosim/cycles/cycle_model"),),
    ),
)
