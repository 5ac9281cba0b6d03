"""Planted bugs of the integer semantics: units, engine, decoder, quantisation and their proofs.

`tools.mutants` runs them with all others; `tools.mutants.rtl` holds those of the hardware.
"""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, *, tree: str = "reference") -> Mutant:
    """A mutant of `<tree>/<stem>.py`; the test of that file must notice."""
    path = f"{tree}/{stem}"
    return Mutant(f"integer: {name}", f"{path}.py", old, new, (name_test_file(path),))


_UNITS = (
    _bug(
        "integer/units",
        "reciprocal root loses a bit of its remainder",
        "& 255",
        "& 254",
    ),
    _bug(
        "integer/units",
        "silu taken for an odd function",
        "positive - (magnitude << 4)",
        "-positive",
    ),
    _bug(
        "integer/units",
        "silu reads its table one cell too far",
        ">= SILU_LAST_INDEX",
        "> SILU_LAST_INDEX",
    ),
    _bug(
        "integer/units",
        "a distance that equals its threshold computes",
        "return distance <= integer",
        "return distance < integer",
    ),
    _bug(
        "integer/units",
        "saturates to -32768",
        "np.clip(x, -MAX_ACTIVATION,",
        "np.clip(x, -MAX_ACTIVATION - 1,",
    ),
    _bug(
        "tables",
        "entries of the reciprocal root rounded down",
        "(isqrt(doubled_squared) + 1) // 2",
        "isqrt(doubled_squared) // 2",
    ),
    _bug(
        "tables",
        "entries of silu rounded down",
        'scaled + Decimal("0.5")',
        "scaled",
    ),
    _bug(
        "integer/layer",
        "differences of a distance taken for 16 bits",
        "hidden_size * (2 * MAX_ACTIVATION) ** 2",
        "hidden_size * MAX_ACTIVATION**2",
    ),
    _bug(
        "integer/digest",
        "digest shifts instead of rotating",
        " | (digests >> np.uint32(31))",
        "",
    ),
)

_ENGINE = (
    _bug(
        "integer/engine",
        "remembers inputs of replayed slots",
        "inputs[computing] = activations.normed",
        "inputs[:] = layer.normalize(x)",
    ),
    _bug(
        "integer/engine",
        "hands out its replay cache itself",
        "outputs.copy(),",
        "outputs,",
    ),
    _bug(
        "integer/engine",
        "computes only where every slot does",
        "computing.any()",
        "computing.all()",
    ),
    _bug(
        "integer/decoder",
        "aligned key one token late",
        ".scales, self._aligned_entry",
        ".scales, self._aligned_entry + 1",
    ),
    _bug(
        "integer/decoder",
        "query heads take their key heads in turn",
        "np.repeat(key, self.config.queries_per_key, axis=1)",
        "np.tile(key, (1, self.config.queries_per_key, 1))",
    ),
    _bug(
        "integer/decoder",
        "limit on chains ignored",
        "self.rule.get_eligible(layer_index, token_index)",
        "np.full(self.num_rows, self.rule.replay.is_eligible(token_index))",
    ),
    _bug(
        "integer/decoder",
        "residual stream goes on in float",
        "self._dequantize(result.residual, scale), decision",
        "x + decision.output, decision",
    ),
)

_DECISION = (
    _bug(
        "integer/threshold",
        "strict distance threshold is the loose one",
        "math.ceil(square) - 1 if strict else math.floor(square)",
        "math.floor(square)",
    ),
    _bug(
        "integer/fixed_point",
        "threshold root rounded down",
        "math.isqrt(math.ceil(square) - 1) + 1",
        "math.isqrt(math.floor(square)) + 1",
    ),
    _bug(
        "integer/fixed_point",
        "threshold below 0 rounded away from 0",
        "-math.isqrt(math.floor(square))",
        "-math.isqrt(math.ceil(square))",
    ),
    _bug(
        "integer/fixed_point",
        "ties are quantised downwards",
        "floor(exact + Fraction(1, 2))",
        "ceil(exact - Fraction(1, 2))",
    ),
    _bug(
        "scheduler",
        "pointer not wrapped",
        "0 if pointer == num_cores - 1 else",
        "0 if pointer == num_cores else",
    ),
    _bug(
        "scheduler",
        "static mapping by blocks of slots",
        "slot % num_cores",
        "slot // num_cores % num_cores",
    ),
)

_SCALES = (
    _bug(
        "integer/quantization",
        "a row of zeros takes bits from all multipliers",
        "choose_multipliers(largest / MAX_WEIGHT * ratio, name)",
        "choose_multipliers(np.where(largest > 0, largest / MAX_WEIGHT, 1) * ratio, name)",
    ),
    _bug(
        "integer/quantization",
        "residual's scale without the layer's output",
        'widest.cover("residual", seen.layer_out)',
        "pass",
    ),
    _bug(
        "integer_mlp_steps",
        "bound of hidden without the gate's error",
        "SILU_SLOPE * gate_error",
        "0 * gate_error",
        tree="proofs",
    ),
    Mutant(
        "integer: bound of a product without saturation",
        "proofs/integer_steps.py",
        "cut = cut_positive(abs(steps) - MAX_ACTIVATION)",
        "cut = 0 * steps",
        (name_test_file("proofs/integer_mlp_steps"),),
    ),
    _bug(
        "tables",
        "error of a root at one end of its cell",
        "((cells + 1) * squares).max()",
        "(cells * squares).max()",
        tree="proofs",
    ),
)


INTEGER_MUTANTS = (*_UNITS, *_ENGINE, *_DECISION, *_SCALES)
"""Every planted bug of the integer semantics."""
