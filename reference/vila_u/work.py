"""What VILA-U computes beside its body for every token: depth transformer and projector.

Multiplications of products of matrices and of attention, as D-55 counts them. No token replays
them, so they bound what replay of the body's MLPs can save (D-63).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DepthSizes:
    """Sizes that count.

    Attributes:
        hidden_size: H of the body.
        code_width: C.
        num_codes: n.
        depth: D.
        width: W of the depth transformer.
        num_layers: of it.
        projector_layers: linear maps of the projector, the first from C, all to H.
    """

    hidden_size: int
    code_width: int
    num_codes: int
    depth: int
    width: int
    num_layers: int
    projector_layers: int = 1


def count_depth_multiplications(sizes: DepthSizes, *, is_recomputed: bool = False) -> int:
    """Multiplications of the depth transformer for a row of a token.

    Args:
        sizes: of the model.
        is_recomputed: all depths so far are computed anew for every code, as published; else keys
            and values are kept and each depth is fed once.

    >>> sizes = DepthSizes(8, 2, 10, depth=2, width=4, num_layers=1)
    >>> count_depth_multiplications(sizes)  # 8x4 + 2x4, two times 12x4x4 and 10x4, 3 places
    528
    """
    width, depth = sizes.width, sizes.depth
    passes = [range(code + 1) if is_recomputed else range(code, code + 1) for code in range(depth)]
    total = 0
    for places in passes:
        for place in places:
            total += width * (sizes.code_width if place else sizes.hidden_size)
            total += sizes.num_layers * (12 * width * width + 2 * (place + 1) * width)
        total += sizes.num_codes * width
    return total


def count_projector_multiplications(sizes: DepthSizes) -> int:
    """Multiplications of the projector for a row of a token.

    >>> count_projector_multiplications(DepthSizes(8, 2, 10, 2, 4, 1, projector_layers=2))
    80
    """
    hidden = sizes.hidden_size
    if not sizes.projector_layers:
        return 0
    return hidden * (sizes.code_width + hidden * (sizes.projector_layers - 1))
