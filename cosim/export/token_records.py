"""Records of decisions and retirements of whole tokens, as they must be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from fastcar.cosim.cycles.cycle_model import Prediction
from fastcar.cosim.records import CommitRecord, RetireRecord
from fastcar.cosim.whole.wanted import WantedToken
from fastcar.reference.scheduler import Dispatch, SlotIndex, get_static_core
from fastcar.rtl.config import AcceleratorConfig


@dataclass(frozen=True)
class _Section:
    """What the record of a section says, besides cycles."""

    core: int
    digest: int
    token: int = 0


def name_sections(token_index: int, num_layers: int) -> tuple[str, ...]:
    """Of every slot, in their order.

    >>> name_sections(7, 1)
    ('token 7 layer 0 attention', 'token 7 layer 0 mlp', 'token 7 pick')
    """
    parts = [
        f"layer {index} {part}" for index in range(num_layers) for part in ("attention", "mlp")
    ]
    return tuple(f"token {token_index} {part}" for part in (*parts, "pick"))


def list_decisions(
    config: AcceleratorConfig, tokens: Sequence[WantedToken], prediction: Prediction
) -> tuple[CommitRecord, ...]:
    """Every slot of every layer of every token, all of them fed.

    Args:
        config: sizes.
        tokens: what the reference did; layers flow (D-48), tokens do not.
        prediction: says when.
    """
    decided = [
        (slot, int(layer.scores[slot]), not layer.replayed[slot], core)
        for token in tokens
        for layer, cores in zip(token.layers, _list_cores(config, token), strict=True)
        for slot, core in enumerate(cores)
    ]
    return tuple(
        CommitRecord(order, slot, score, bool(computes), core, cycle)
        for order, ((slot, score, computes, core), cycle) in enumerate(
            zip(decided, prediction.decision_cycles, strict=True)
        )
    )


def list_retires(
    config: AcceleratorConfig,
    tokens: Sequence[WantedToken],
    names: Sequence[Sequence[str]],
    prediction: Prediction,
) -> tuple[tuple[RetireRecord, ...], tuple[str, ...]]:
    """Every section of every slot, and its name, in the order in which they end.

    Args:
        config: sizes.
        tokens: as above.
        names: of the sections of a slot, one sequence per token.
        prediction: says when, and in which order.
    """
    num_slots = len(tokens[0].step.slots)
    left = [_list_sections(config, tokens, names, slot) for slot in range(num_slots)]
    records, labels = [], []
    for order, one in enumerate(prediction.retirements):
        name, section = next(left[one.slot])
        labels.append(name)
        records.append(
            RetireRecord(
                order,
                one.slot,
                section.core,
                one.start_cycle,
                one.end_cycle,
                section.digest,
                section.token,
            )
        )
    return tuple(records), tuple(labels)


def _list_sections(
    config: AcceleratorConfig,
    tokens: Sequence[WantedToken],
    names: Sequence[Sequence[str]],
    slot: int,
) -> Iterator[tuple[str, _Section]]:
    """Of one slot, in their order, with their names."""
    for token, of_token in zip(tokens, names, strict=True):
        yield from zip(of_token, _list_token_sections(config, token, slot), strict=True)


def _list_token_sections(
    config: AcceleratorConfig, token: WantedToken, slot: int
) -> Iterator[_Section]:
    static = get_static_core(SlotIndex(slot), config.num_cores)
    for layer, cores in zip(token.layers, _list_cores(config, token), strict=True):
        yield _Section(static, layer.attention_digests[slot])
        yield _Section(cores[slot], layer.mlp_digests[slot])
    yield _Section(static, token.logit_digests[slot], token.token_ids[slot])


def _list_cores(config: AcceleratorConfig, token: WantedToken) -> list[list[int]]:
    return token.list_cores(config.num_cores, Dispatch.DYNAMIC, flows=True)
