"""Total variation of two softmax distributions that share only some keys: exact (P-04, P-12).

Claim. Token j has the distribution p over keys S ("shared") and F ("fresh"), token j- has p' over S
and G ("stale"); rho = p(F), sigma = p'(G), and osc is the oscillation over S of the difference of
their logits. With m the larger and k the smaller of rho and sigma, g = sqrt(1 - m), h = sqrt(1 - k)
and e = 1 - exp(-osc / 2), the total variation of p and p' is at most

    V = m + tanh(osc / 4) q^2,  q = max(0, h - (h - g) / e)  (q = 0 where osc = 0),

and no smaller number bounds it for these rho, sigma and osc.

Proof. Let rho >= sigma; the other case is its mirror image, p and p' exchanged. p_i / p'_i = c r_i
on S, all r_i in some interval [1, E], E = e^osc. Let A be the keys of S with p' > p, x = p(A) and
y = p'(A). F has no mass in p' and G none in p, so the variation is p'(A and G) - p(A) =
sigma + y - x. On S the masses are s = 1 - rho = g^2 and s' = 1 - sigma = h^2, and as for P-01 the
odds of A against the rest of S differ by a factor of at most E: y / (s' - y) <= E x / (s - x). So

    sigma + y - x <= f(x) = sigma + s' E x / (x (E - 1) + s) - x,  0 <= x <= s.

f is concave, and f' = 0 where x (E - 1) + s = g h sqrt(E). With t = 1 / sqrt(E) = 1 - e that is
x = g t (h - t g) / (1 - t^2), which is not below 0, as g <= h; it is at most s iff t h <= g.
There f = sigma + (h - t g)^2 / (1 - t^2) = rho + (g - t h)^2 / (1 - t^2): the two differ by
sigma - rho + (h^2 - g^2) = 0. Where t h > g, f increases up to f(s) = sigma + s' - s = rho. As
1 - t^2 = e (1 + t), e / (1 + t) = tanh(osc / 4) and g - t h = e h - (h - g) = e q where that is
positive, both cases are V.

Attained by two shared keys with r = 1 and r = E and mass x on the first, or, where t h > g, by a
single one. Limits: osc = 0 gives m, rho = sigma = 0 gives tanh(osc / 4), which is P-01, m = 1 gives
1, osc without limit m + g^2 = 1. Always V <= m + (1 - m) tanh(osc / 4), for q <= g: q = g exactly
where h = g. V increases with all three: the derivative in m is 1 - (1 - t h / g) / (1 - t^2), in k
t (g - t h) / (h (1 - t^2)), in osc that of f at a fixed x, between 0 and 1, 1/2 and 1/4.

Source: ours.
"""

from __future__ import annotations

from fastcar.proofs import softmax
from fastcar.proofs.arithmetic import Scalar, expm1, is_certain, maximum, minimum, sqrt


def bound(oscillation: Scalar, fresh_mass: Scalar, stale_mass: Scalar = 0.0) -> Scalar:
    """V: largest total variation of two distributions that share only some keys.

    No difference of nearly equal numbers is taken that V depends on, so floats keep their digits at
    every end. Balls that do not show whether q is positive yield m, a lower limit of V.

    Args:
        oscillation: osc over the shared keys, at least 0.
        fresh_mass: rho, mass of the one token on keys that it alone sees, 0 to 1.
        stale_mass: sigma, the same of the other token.

    >>> bound(0.0, 0.25), round(bound(4.0, 0.0), 4), round(bound(4.0, 0.25), 4), bound(4.0, 1.0)
    (0.25, 0.7616, 0.7939, 1.0)
    """
    larger, smaller = maximum(fresh_mass, stale_mass), minimum(fresh_mass, stale_mass)
    own, other = sqrt(1 - larger), sqrt(1 - smaller)  # g, h
    share = -expm1(-oscillation / 2)  # e
    difference = larger - smaller  # (h - g) (h + g)
    if not is_certain(difference < share * other * (own + other)):
        return larger
    kept = other - difference / ((own + other) * share)  # q
    return larger + softmax.bound(oscillation) * kept**2
