"""Planted bugs of the whole decoder in lock-step, and of its command; names begin with that."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file

_COMPARE_TEST = name_test_file("cosim/whole/compare")
_LOCKSTEP_TEST = name_test_file("cosim/whole/lockstep")
_COMMAND_TEST = "tests/fastcar/test_cli_cosim_decoder.py"


def _bug(stem: str, name: str, old: str, new: str, test: str) -> Mutant:
    """A mutant of `cosim/whole/<stem>.py`."""
    return Mutant(f"whole loop: {name}", f"cosim/whole/{stem}.py", old, new, (test,))


WHOLE_LOOP_MUTANTS = (
    _bug(
        "compare",
        "values are not read back",
        'yield from self._compare_store("value", index, layer)',
        'yield from self._compare_store("key", index, layer)',
        _COMPARE_TEST,
    ),
    _bug(
        "compare",
        "what no token has stored yet is not compared",
        "np.argwhere(wanted != found).tolist():",
        "np.argwhere((wanted != found) & (wanted != 0)).tolist():",
        _COMPARE_TEST,
    ),
    _bug(
        "compare",
        "core of the attention is that of the MLP phase",
        "found = self._sections[slot][2 * layer_index]\n",
        "found = self._sections[slot][2 * layer_index]\n                core = found.core\n",
        _COMPARE_TEST,
    ),
    _bug(
        "compare",
        "residual stream behind the last layer is not read",
        'compare_rows("residual", wanted * fed, _hide(found, fed))',
        'compare_rows("residual", wanted * fed, wanted * fed)',
        _COMPARE_TEST,
    ),
    _bug(
        "compare",
        "picks are those of the layer before",
        "found = self._sections[slot][-1]",
        "found = self._sections[slot][-2]",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "digests",
        "value in the first lane",
        "value_beats[:, position % num_lanes] = value.ravel()",
        "value_beats[:, 0] = value.ravel()",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "wanted",
        "every layer begins with core 0",
        "pointer = pointer if flows else CoreIndex(0)",
        "pointer = CoreIndex(0)",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "prediction",
        "dense is what was replayed",
        "return TokenPrediction(prediction, dense.cycles)",
        "return TokenPrediction(prediction, prediction.cycles)",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "lockstep",
        "the host feeds what PICK left",
        "told_ids = fed_ids if begins else given_ids",
        "told_ids = fed_ids",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "lockstep",
        "keys and values are not handed over",
        "            write_state(self.hardware.image, self.decoder)\n",
        "",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "draws",
        "noise of another draw",
        "self._twins = make_streams(seed, num_rows)",
        "self._twins = make_streams(seed + 1, num_rows)",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "draws",
        "a given token takes a draw",
        "        return taken",
        "        self.make_noise()\n        return self.draw(logits)",
        _LOCKSTEP_TEST,
    ),
    _bug(
        "sizes",
        "fewer blocks than a token sees",
        "if max_blocks < needed:",
        "if max_blocks < needed - 1:",
        name_test_file("cosim/whole/sizes"),
    ),
    _bug(
        "statistics",
        "decisions of the prompt count",
        "if run.token_index >= 0:",
        "if run.token_index >= -1:",
        _COMMAND_TEST,
    ),
    Mutant(
        "whole loop: the record of the last layer is shown",
        "cosim/wave/window.py",
        "    if cycle is not None:\n        found",
        "    if cycle is None:\n        found",
        (name_test_file("cosim/wave/window"),),
    ),
)
