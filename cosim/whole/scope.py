"""What a co-simulation runs on the accelerator, and the request for it."""

from __future__ import annotations

from enum import Enum
from typing import Any

from fastcar.cosim.request import CosimRequest
from fastcar.cosim.whole.request import DecoderRequest
from fastcar.reference.errors import ArgumentError


class Scope(Enum):
    """What the accelerator computes; the reference computes the rest."""

    MLP = "mlp"
    """Decisions and MLP phase, one run for each layer of a token."""
    DECODER = "decoder"
    """Everything from token to token, one run for each token."""


OF_DECODER = "temperature", "barrier", "max_blocks"
"""Arguments that other scopes do not have."""
REFUSED = {
    "guidance": "left out: a slot has the logits of one row",
    "top_k": "left out: the accelerator picks by argmax",
    "top_p": "left out: the accelerator picks by argmax",
}
"""Arguments of a generation that no scope has."""
LEFT_OPEN = frozenset({"given_frames", *OF_DECODER, *REFUSED})
"""Arguments with which None says nothing."""


def make_cosim_request(scope: Scope | str, **arguments: Any) -> CosimRequest:
    """The request of a scope; those of `LEFT_OPEN` that are None have the default of the scope.

    Raises:
        ArgumentError: an argument that the scope does not have, or outside its limits.

    >>> make_cosim_request("mlp", temperature=0.7)
    Traceback (most recent call last):
    fastcar.reference.errors.ArgumentError: temperature = 0.7: must be given with scope decoder
    """
    try:
        scope = Scope(scope)
    except ValueError:
        limit = f"one of {', '.join(one.value for one in Scope)}"
        raise ArgumentError("scope", scope, limit) from None
    given = {
        name: value
        for name, value in arguments.items()
        if value is not None or name not in LEFT_OPEN
    }
    for name, limit in REFUSED.items():
        if name in given:
            raise ArgumentError(name, given[name], limit)
    if scope is Scope.DECODER:
        return DecoderRequest(**given)
    for name in OF_DECODER:
        if name in given:
            raise ArgumentError(name, given[name], "given with scope decoder")
    return CosimRequest(**given)
