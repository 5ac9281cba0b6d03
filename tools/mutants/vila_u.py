"""Planted bugs of VILA-U's body, codes, depth transformer, guidance and directories."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_TRACE = "tests/reference/vila_u/test_trace.py"
_GENERATE = "tests/reference/vila_u/test_generate.py"
_DEPTH = "tests/reference/vila_u/test_depth_transformer.py"
_CHECKPOINT = "tests/reference/vila_u/test_checkpoint.py"
_CONFIG = "tests/reference/vila_u/test_config.py"


def _bug(stem: str, name: str, old: str, new: str, test: str) -> Mutant:
    """A mutant of a module of `reference/vila_u`."""
    return Mutant(f"VILA-U: {name}", f"reference/vila_u/{stem}.py", old, new, (test,))


VILA_U_MUTANTS = (
    _bug(
        "code_embedding",
        "no GELU stands between the maps of a projector",
        "compute_gelu(x) if index else x",
        "x",
        "tests/reference/vila_u/test_code_embedding.py",
    ),
    _bug(
        "depth_transformer",
        "every depth has the position of the first",
        "transformer.positions[self._num_fed]",
        "transformer.positions[0]",
        _DEPTH,
    ),
    _bug(
        "depth_transformer",
        "a depth does not see itself",
        ": self._num_fed + 1]",
        ": max(1, self._num_fed)]",
        _DEPTH,
    ),
    _bug(
        "generate",
        "the next depth sees the last codeword alone",
        "words if latent is None else latent + words",
        "words",
        _GENERATE,
    ),
    _bug(
        "generate",
        "codes are drawn of the conditional rows",
        "guided = combine_logits(logits, self.options.guidance)",
        "guided = combine_logits(logits, 1.0)",
        _GENERATE,
    ),
    _bug(
        "trace",
        "scores of layers without a threshold are left out",
        "self._compute_score(seen) if seen.score is None else seen.score",
        "np.nan if seen.score is None else seen.score",
        _TRACE,
    ),
    _bug(
        "trace",
        "the last place takes a position of the body",
        "if prompt_tokens + positions - 1 > limit:",
        "if prompt_tokens + positions > limit + 2:",
        _TRACE,
    ),
    _bug("model", "a prompt may end as it likes", "if token_id != start:", "if False:", _TRACE),
    _bug(
        "checkpoint",
        "copies of a shared codebook are not compared",
        "if name in tower.places and not np.array_equal(",
        "if name in tower.places and np.array_equal(None, ",
        _CHECKPOINT,
    ),
    _bug(
        "checkpoint",
        "the row that pads is a code",
        "first = tower.read(_CODEBOOK.format(0))[:-1]",
        "first = tower.read(_CODEBOOK.format(0))",
        _TRACE,
    ),
    _bug(
        "config",
        "linear scaling reaches no further",
        "positions = max(config.max_position_embeddings, min(positions, most))",
        "positions = config.max_position_embeddings",
        _CONFIG,
    ),
    _bug(
        "config_keys",
        "unknown keys are ignored",
        'not key.startswith("_")',
        "False",
        _CONFIG,
    ),
    Mutant(
        "VILA-U: the trained length is lost in int8",
        "reference/vila_u/quantize.py",
        "_keep_limit(config.folders.llm, out / ",
        '_keep_limit(out / "llm", out / ',
        ("tests/reference/vila_u/test_quantize.py",),
    ),
    Mutant(
        "VILA-U: the norm behind the last layer is left out",
        "reference/decoder.py",
        "return self._norm(self._run_token(embedded",
        "return (self._run_token(embedded",
        (_TRACE,),
    ),
)
"""Of `reference/vila_u`, but for pixels, prompts and draws (`tools.mutants.vila_u_pixels`)."""
