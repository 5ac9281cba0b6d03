"""Teacher-forced decode: given tokens are fed, whatever the model would have said."""

from __future__ import annotations

from collections.abc import Iterator

from fastcar.reference.arrays import BoolArray, FloatArray, TokenIds
from fastcar.reference.decoder import Decoder
from fastcar.reference.observation import Observer


def feed_tokens(
    decoder: Decoder,
    prompt_ids: TokenIds,
    token_ids: TokenIds,
    observer: Observer | None = None,
    prompt_mask: BoolArray | None = None,
) -> Iterator[FloatArray]:
    """Feed a prompt, then given tokens one by one; nothing happens before the first is asked for.

    Args:
        decoder: with room for all of them.
        prompt_ids: [B, P] int64.
        token_ids: [B, S] int64.
        observer: called once per layer and token, the prompt left out.
        prompt_mask: [B, P], False for padding at the left.

    Yields:
        Logits behind the tokens that were fed: [B, P, V] of the prompt, then S times [B, 1, V].

    Raises:
        ArgumentError: ids, shapes or a number of tokens that the decoder does not have.
    """
    yield decoder.prefill(prompt_ids, prompt_mask)
    for column in token_ids.T:
        yield decoder.step(column, observer)[:, None]
