"""Planted bugs of what users call: arguments of every type, and what the commands refuse."""

from __future__ import annotations

from tools.mutants.mutant import Mutant

_ARGUMENTS = ("tests/reference/test_arguments.py",)
_FUNCTIONS = ("tests/fastcar/api/test_functions.py",)
_WRONG_INPUTS = ("tests/fastcar/test_wrong_inputs.py",)

ARGUMENT_MUTANTS = (
    Mutant(
        "a boolean is taken for a whole number",
        "reference/arguments.py",
        "if isinstance(value, bool) or not isinstance(value, int | np.integer):",
        "if not isinstance(value, int | np.integer):",
        _ARGUMENTS,
    ),
    Mutant(
        "integers beyond int64 are taken",
        "reference/arguments.py",
        "if value > MAX_INT:",
        "if value > MAX_INT**2:",
        _ARGUMENTS,
    ),
    Mutant(
        "the empty path is the working directory",
        "reference/arguments.py",
        'if not isinstance(text, str) or not text or "\\0" in text:',
        'if not isinstance(text, str) or "\\0" in text:',
        (*_ARGUMENTS, *_WRONG_INPUTS),
    ),
    Mutant(
        "any number of processes is taken",
        "fastcar/workers.py",
        "if not 1 <= count <= most:",
        "if not 1 <= count:",
        ("tests/fastcar/test_workers.py", *_WRONG_INPUTS),
    ),
    Mutant(
        "tokens per frame are ignored without a checkpoint",
        "fastcar/predicting.py",
        "if tokens_per_frame is not None:\n            limit",
        "if False:\n            limit",
        _WRONG_INPUTS,
    ),
    Mutant(
        "the mask of a prompt is forgotten",
        "fastcar/tracing.py",
        "given.prompt_mask,",
        "None,",
        _FUNCTIONS,
    ),
    Mutant(
        "the limit on replays in a row is not passed on",
        "fastcar/api/generate.py",
        "max_chain=max_chain,",
        "max_chain=None,",
        _FUNCTIONS,
    ),
    Mutant(
        "a prediction does not say what it was measured on",
        "fastcar/predicting.py",
        "if checkpoint is None or isinstance(model, ModelConfig):",
        "if True:",
        _FUNCTIONS,
    ),
    Mutant(
        "more true frames than a row has",
        "cosim/run.py",
        "if request.given_frames > max(most_frames, CosimRequest.given_frames):",
        "if False:",
        ("tests/fastcar/test_cli_cosim.py",),
    ),
)
