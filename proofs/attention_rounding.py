"""What float64 does to the attention of one head, and to the bounds on it (P-03, P-04, P-12).

u is the unit roundoff. Terms of the order u^2 are left to what the limits have to spare.
`fastcar.proofs.attention` offers the limits of one head beside `compute_head`.
"""

from __future__ import annotations

import numpy as np

from fastcar.proofs.arithmetic import Array, compute_norm, compute_row_norms, get_maximum
from fastcar.proofs.statement import UNIT_ROUNDOFF


def compute_softmax_rounding(query: Array, keys: Array) -> float:
    """Limit on the sum over the keys of |p_i - p_i in float64|.

    A logit is off by e = (d + 3) u |q| max |k_i| / sqrt(d) (d products and sums, the root, the
    quotient). By P-01 that moves the distribution by 2 tanh(2 e / 4) <= e in this sum. The
    softmax itself adds at most (2 n + 8) u, as derived for P-01.
    """
    head_dim = len(query)
    size = float(compute_norm(query) * get_maximum(compute_row_norms(keys)))
    logits = (head_dim + 3) * size / float(np.sqrt(head_dim))
    return UNIT_ROUNDOFF * (logits + 2 * len(keys) + 8)


def compute_head_rounding(query: Array, keys: Array, value_norm: float) -> float:
    """Limit on |context - context in float64|: the probabilities' error times max |v_i|, and n u
    max |v_i| for the sum of n products in every element.
    """
    return value_norm * (compute_softmax_rounding(query, keys) + UNIT_ROUNDOFF * len(keys))


def compute_bound_rounding(head_dim: int, value_norm: float) -> float:
    """Limit on the float64 error of `bound` and of the distance of two given contexts; either is
    at most 2 M_V.

    The distance: a subtraction and a norm of d elements, a factor 1 + (d + 6) u. The bound: the
    gap and the diameter are such distances too, so the argument of tanh carries a factor
    1 + (2 d + 16) u, and x tanh'(x) <= tanh x says that tanh carries no larger one; its own error,
    M_V, the products and the four operations with a mass (P-04, P-12) add (d + 14) u.
    """
    return 2 * value_norm * UNIT_ROUNDOFF * (4 * head_dim + 36)


def compute_variation_rounding(head_dim: int, value_norm: float) -> float:
    """The same for 2 M_V V, V = `fastcar.proofs.shared_variation.bound` at given masses.

    V moves with a relative change of osc by no more than tanh(osc / 4) does: osc dV / d osc is osc
    times h^2 t (r - t) (1 - t r) / (1 - t^2)^2 with r = g / h, which grows with r up to 1. Of its
    own rounding, g, h and e carry 2 u each, (h - g) / e 10 u, so q 12 u, its square 25 u, the
    product with tanh and the sum 5 u more, V being at most 1. Where rounding picks the wrong side,
    q is of the size of its error and q^2 far below u.
    """
    return compute_bound_rounding(head_dim, value_norm) + 2 * value_norm * UNIT_ROUNDOFF * 30
