"""Models as far as cycles depend on them, with what has been published about them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix, LayerScales
from fastcar.reference.vila_u.work import DepthSizes
from fastcar.rtl.config import DEMO, AcceleratorConfig


@dataclass(frozen=True)
class Workload:
    """Sizes of a model and of its videos.

    Attributes:
        hidden_size: D.
        intermediate_size: F.
        query_size: Q.
        num_layers: of the decoder.
        num_fed_tokens: of one video; the last token of a video is not fed.
        accelerator: cores, lanes and slots, where they are known.
        latency_cycles: of the memory, where it is known.
        published_seconds: latency of a video by replayed share, as published; share 0 is dense.
        depth: what draws the codes of a token beside the decoder (D-63).
        depth_widths: of it, where its width is not known: those that are tried.
    """

    hidden_size: int
    intermediate_size: int
    query_size: int
    num_layers: int
    num_fed_tokens: int
    accelerator: AcceleratorConfig | None = None
    latency_cycles: int | None = None
    published_seconds: Mapping[float, float] = field(default_factory=dict)
    depth: DepthSizes | None = None
    depth_widths: tuple[int, ...] = ()

    @property
    def mlp_weight_share(self) -> float:
        """MLP weights over all weights of a layer: gate, up and down against q, k, v and o."""
        mlp = 3 * self.hidden_size * self.intermediate_size
        return mlp / (mlp + 4 * self.hidden_size * self.query_size)

    @cached_property
    def blank_layer(self) -> IntegerLayer:
        """Constants of the right sizes and no content: cycles do not depend on it."""
        width, inner = self.hidden_size, self.intermediate_size
        return IntegerLayer(
            gains=np.zeros(width, np.int16),
            epsilon=1,
            gate_proj=_make_blank_matrix(inner, width),
            up_proj=_make_blank_matrix(inner, width),
            down_proj=_make_blank_matrix(width, inner),
            gate_shift=0,
            hidden_multiplier=0,
            hidden_shift=0,
            scales=LayerScales(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        )


def _make_blank_matrix(rows: int, columns: int) -> IntegerMatrix:
    """Zeros that take no memory."""
    weights = np.broadcast_to(np.int8(0), (rows, columns))
    return IntegerMatrix(weights, np.zeros(rows, np.uint16), shift=0)


WORKLOADS = {
    "demo": Workload(
        DEMO.hidden_size,
        DEMO.intermediate_size,
        DEMO.query_size,
        num_layers=4,
        num_fed_tokens=16 * 64 - 1,
        accelerator=DEMO,
        latency_cycles=1,
    ),
    "vila_u_7b_u280": Workload(
        hidden_size=4096,
        intermediate_size=11008,
        query_size=32 * 128,
        num_layers=32,
        num_fed_tokens=8 * 256 - 1,
        published_seconds={0.0: 689.7, 0.2: 556.8, 0.5: 475.3, 0.8: 390.7},
        depth=DepthSizes(
            hidden_size=4096,
            code_width=1024,
            num_codes=16384,
            depth=4,
            width=1024,
            num_layers=6,
            projector_layers=2,
        ),
        depth_widths=(1024, 2048, 4096),
    ),
}
"""The shipped model, and VILA-U 7B: 8 frames of 256 tokens, latencies on an Alveo U280 as published
in arXiv:2505.14709v1, whose cores, lanes, batch, clock and memory are not known to us (D-26). Of
its depth transformer the code fixes the 1024 values of a code; the rest is guessed."""
