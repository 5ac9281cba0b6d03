"""Tiny decoders with the tokens to feed them, and tokens alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fastcar.reference.arrays import BoolArray, TokenIds
from fastcar.reference.clip_model import TokenRows
from fastcar.reference.config import ModelConfig
from fastcar.reference.generate import Prompts
from fastcar.reference.weights import ModelWeights, make_random_weights
from fastcar.strategies.models import FLOAT_TYPES, FloatType, make_config, model_configs


@dataclass(frozen=True)
class Run:
    """A model and the tokens that it is fed.

    Attributes:
        config: sizes.
        weights: random.
        prompt_ids: [B, P].
        prompt_mask: [B, P], False for padding at the left.
        forced_ids: [B, S].
        tokens_per_frame: N.
    """

    config: ModelConfig
    weights: ModelWeights = field(repr=False)
    prompt_ids: TokenIds
    prompt_mask: BoolArray
    forced_ids: TokenIds
    tokens_per_frame: int

    @property
    def rows(self) -> int:
        """B."""
        return len(self.prompt_ids)

    @property
    def steps(self) -> int:
        """S."""
        return int(self.forced_ids.shape[1])

    def select_rows(self, rows: list[int]) -> Run:
        """The same run with some of its rows."""
        return replace(
            self,
            prompt_ids=self.prompt_ids[rows],
            prompt_mask=self.prompt_mask[rows],
            forced_ids=self.forced_ids[rows],
        )


def make_run(
    seed: int,
    config: ModelConfig | None = None,
    *,
    rows: int = 3,
    tokens_per_frame: int = 3,
    frames: int = 3,
    dtype: FloatType = np.float32,
    padding: tuple[int, ...] = (0, 0, 0, 0),
    prompt_tokens: int = 4,
    steps: int | None = None,
) -> Run:
    """A run drawn from a seed; the last token of the last frame is not fed unless `steps` says."""
    config = make_config() if config is None else config
    rng = np.random.default_rng(seed)
    weights = make_random_weights(config, rng, dtype)
    num_steps = frames * tokens_per_frame - 1 if steps is None else steps
    prompt_ids = rng.integers(0, config.vocab_size, (rows, prompt_tokens))
    forced_ids = rng.integers(0, config.vocab_size, (rows, num_steps))
    prompt_mask = np.arange(prompt_tokens) >= np.array(padding[:rows])[:, None]
    return Run(config, weights, prompt_ids, prompt_mask, forced_ids, tokens_per_frame)


@st.composite
def runs(
    draw: st.DrawFn,
    *,
    dtypes: tuple[FloatType, ...] = FLOAT_TYPES,
    padded: bool = True,
    min_rows: int = 1,
) -> Run:
    """A tiny decoder of any kind of attention, one or two layers, with tokens to feed.

    Up to three rows, prompts of up to four tokens, two to four frames of one to four tokens.

    Args:
        draw: of Hypothesis.
        dtypes: of the arithmetic.
        padded: whether prompts may have padding at the left.
        min_rows: fewest rows.

    >>> from hypothesis import find
    >>> run = find(runs(), lambda run: run.rows == 2)
    >>> run.forced_ids.shape == (2, run.steps)
    True
    """
    config = draw(model_configs())
    rows = draw(st.integers(min_rows, 3))
    prompt_tokens = draw(st.integers(1, 4))
    most_padding = prompt_tokens - 1 if padded else 0
    return make_run(
        draw(st.integers(0, 2**16)),
        config,
        rows=rows,
        tokens_per_frame=draw(st.integers(1, 4)),
        frames=draw(st.integers(2, 4)),
        dtype=draw(st.sampled_from(dtypes)),
        padding=tuple(draw(st.integers(0, most_padding)) for _ in range(rows)),
        prompt_tokens=prompt_tokens,
    )


@st.composite
def clips(
    draw: st.DrawFn,
    vocab_size: int,
    *,
    max_rows: int = 4,
    max_prompt_tokens: int = 4,
    max_tokens: int = 16,
) -> TokenRows:
    """Rows of tokens with their prompts, each id drawn on its own, so that it shrinks to 0.

    Args:
        draw: of Hypothesis.
        vocab_size: V; ids are below.
        max_rows: most rows B.
        max_prompt_tokens: most tokens of a prompt.
        max_tokens: most tokens of a row.

    >>> from hypothesis import find
    >>> rows = find(clips(vocab_size=9), lambda rows: rows.token_ids.shape[1] == 2)
    >>> rows.prompts.conditional.shape[0] == len(rows)
    True
    """
    rows = draw(st.integers(1, max_rows))
    ids = st.integers(0, vocab_size - 1)
    prompt_ids = draw(
        arrays(np.int64, (rows, draw(st.integers(1, max_prompt_tokens))), elements=ids)
    )
    token_ids = draw(arrays(np.int64, (rows, draw(st.integers(1, max_tokens))), elements=ids))
    return TokenRows(Prompts(prompt_ids, prompt_ids), token_ids, "drawn rows")
