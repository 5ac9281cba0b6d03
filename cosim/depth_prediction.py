"""What the depth transformer changes in a prediction, on the host or on the accelerator (D-63).

The accelerator computes decoder layers. On the host, beside it, the depth transformer takes none of
its cycles; on it, it would take time that no token replays, so every quotient moves towards 1. Its
width stands in the checkpoint only, so several are shown where there is none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fastcar.cosim.cycles.workload import Workload
from fastcar.reference.vila_u.work import (
    DepthSizes,
    count_depth_multiplications,
    count_projector_multiplications,
)

Report = dict[str, Any]


def predict_depth(
    workload: Workload, mlp_share: float, rows: Sequence[Mapping[str, Any]], dense_cycles: int
) -> list[Report]:
    """A run against dense where depth transformer and projector take time as layers do.

    Args:
        workload: with a depth transformer.
        mlp_share: of a dense run of the body alone.
        rows: of the prediction, with `drs_cycles`.
        dense_cycles: of the MLP phase of a layer step.

    Returns:
        For each width, and each place of keeping keys and values or computing them anew:
        `depth_width`, `is_recomputed`, multiplications per row of a token, their share of the
        body's, the MLP share of a dense run, and `drs_times` in the order of the rows.
    """
    return [
        _predict_width(workload, sizes, is_recomputed, mlp_share, rows, dense_cycles)
        for sizes in _get_sizes(workload)
        for is_recomputed in (False, True)
    ]


def _get_sizes(workload: Workload) -> Iterator[DepthSizes]:
    if workload.depth is not None:
        for width in workload.depth_widths or (workload.depth.width,):
            yield replace(workload.depth, width=width)


def _predict_width(
    workload: Workload,
    sizes: DepthSizes,
    is_recomputed: bool,
    mlp_share: float,
    rows: Sequence[Mapping[str, Any]],
    dense_cycles: int,
) -> Report:
    depth = count_depth_multiplications(sizes, is_recomputed=is_recomputed)
    projector = count_projector_multiplications(sizes)
    added = (depth + projector) / count_body_multiplications(workload)
    share = mlp_share / (1 + added)
    return {
        "depth_width": sizes.width,
        "is_recomputed": is_recomputed,
        "depth_multiplications": depth,
        "projector_multiplications": projector,
        "against_body": added,
        "mlp_share": share,
        "drs_times": [1 - share + share * row["drs_cycles"] / dense_cycles for row in rows],
    }


def count_body_multiplications(workload: Workload) -> int:
    """Products with the weights of all layers, for a row of a token; scores and contexts not."""
    hidden = workload.hidden_size
    layer = 3 * hidden * workload.intermediate_size + 4 * hidden * workload.query_size
    return workload.num_layers * layer


def fit_published(workload: Workload) -> Report | None:
    """A straight line through the published replay rows; None where there are fewer than two.

    Returns:
        `line_dense_seconds`, its value without replay, `unexplained_seconds` that the published
        dense run takes beyond it, `line_mlp_share` that the line leaves to replay, and
        `beside_body` that makes it so: work beside the body, in bodies, at equal speed.
    """
    published = {share: s for share, s in workload.published_seconds.items() if share > 0}
    if len(published) < 2:
        return None
    slope, start = np.polyfit(list(published), list(published.values()), 1)
    share = -slope / start
    return {
        "line_dense_seconds": float(start),
        "unexplained_seconds": float(workload.published_seconds[0.0] - start),
        "line_mlp_share": float(share),
        "beside_body": float(workload.mlp_weight_share / share - 1),
    }
