"""Planted bugs of what is refused: files of a video model, numbers beyond the range."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, test: str | None = None) -> Mutant:
    """A mutant of `reference/<stem>.py`, which the test of its module notices."""
    found_by = name_test_file(f"reference/{stem}") if test is None else test
    return Mutant(f"inputs: {name}", f"reference/{stem}.py", old, new, (found_by,))


INPUT_MUTANTS = (
    _bug(
        "video/codebook_file",
        "a codebook beyond [0, 1] passes",
        "np.argwhere((values < 0) | (values > 1))",
        "np.argwhere(values < 0)",
    ),
    _bug(
        "video/codebook_file",
        "the codebook is rounded before it is looked at",
        "read_tensor(place, np.float64)",
        "read_tensor(place, np.float32)",
    ),
    _bug(
        "video/clips_file",
        "a token that is no code passes",
        "(token_ids >= num_codes)",
        "(token_ids > num_codes)",
    ),
    _bug(
        "video/clips_file",
        "clips shorter than a video pass",
        "shape[1] % frame or shape[1] < least",
        "shape[1] % frame",
    ),
    _bug(
        "video/clips_file",
        "prompts are not encoded before they are needed",
        "            vocabulary.encode(prompts[-1])\n",
        "",
    ),
    _bug(
        "video/clips_file",
        "prompts of a model that takes none are passed over",
        "    if match[2] not in parts:\n",
        "    if match[2] not in PARTS:\n",
    ),
    _bug(
        "video/vocabulary",
        "a model without prompts has a null token",
        "return self.num_codes + 1\n",
        "return self.num_codes + 2\n",
    ),
    _bug(
        "video/shipped_models",
        "a shipped model that is not here is offered",
        " if place.is_dir()}",
        "}",
    ),
    _bug(
        "video/geometry_file",
        "true is a size",
        "type(fields[name]) is not int",
        "not isinstance(fields[name], int)",
    ),
    _bug(
        "video/companion_files",
        "a model of too few positions passes",
        "if positions < least:",
        "if positions < least - 1:",
        "tests/reference/video/test_model.py",
    ),
    _bug(
        "files/dequantized_checkpoint",
        "integers without their scales",
        "read_integers(place) * scales[:, None]",
        "read_integers(place) * np.ones_like(scales)[:, None]",
    ),
    _bug(
        "files/dequantized_checkpoint",
        "products that overflow pass",
        "    check_finite(matrix, place)\n",
        "",
    ),
    _bug(
        "files/quantization_config",
        "weights of another program pass for ours",
        "found is None or found == QUANTIZATION",
        "found is None or isinstance(found, dict)",
        "tests/reference/files/test_dequantized_checkpoint.py",
    ),
    _bug(
        "finite_check",
        "squares that overflow pass",
        "math.isfinite(np.vdot(x, x))",
        "np.isfinite(x).all()",
    ),
    _bug(
        "finite_check",
        "the MLP is blamed for attention",
        '        _check_rows(attended, layer_index, "attention", fed)\n',
        "",
    ),
    _bug(
        "finite_check",
        "the sum over a batch is held against a row",
        "    if good.all():\n        return\n    index = _find_first(good)\n    row",
        "    index = _find_first(good)\n    row",
    ),
    _bug(
        "finite_check",
        "padding counts as a token",
        "good |= ~fed.mask\n    if good",
        "pass\n    if good",
    ),
    _bug(
        "decoder",
        "scores are not looked at",
        "        check_scores(heads, aggregated, layer_index, self._fed)\n",
        "",
        "tests/reference/test_finite_check.py",
    ),
    _bug(
        "sampling",
        "tokens are drawn of any logits",
        "        check_logits(logits)\n",
        "",
        "tests/reference/test_finite_check.py",
    ),
    _bug(
        "bfloat16_matrix",
        "float64 rounded twice",
        "towards_zero | 1)",
        "bits)",
    ),
    _bug(
        "bfloat16_matrix",
        "a NaN of all ones is zero",
        "((bits & 0x7F800000) != 0x7F800000) & ",
        "",
    ),
)
"""All of them."""
