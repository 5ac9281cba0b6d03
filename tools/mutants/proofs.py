"""Planted bugs of `proofs`: false bounds, hypotheses that are not checked, verdicts said too early.

Every statement has at least two; `tools.mutants` runs them with those of the reference.
"""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, test: str | None = None) -> Mutant:
    """A mutant of `proofs/<stem>.py`; the test of that file must notice, or the one named."""
    return Mutant(name, f"proofs/{stem}.py", old, new, (name_test_file(f"proofs/{test or stem}"),))


def _no_rounding(number: str, stem: str, head: str) -> Mutant:
    """A statement that claims to compute exactly; `head` is the line of its `compute_rounding`."""
    return _bug(
        stem,
        f"{number} claims that nothing is rounded",
        f"def compute_rounding({head}) -> float:",
        f"def compute_rounding({head}) -> float:\n    return 0.0",
    )


_FRAMEWORK = (
    _bug(
        "statement",
        "undecided is said to hold",
        "return Verdict.VIOLATED\n        return Verdict.UNDECIDED",
        "return Verdict.VIOLATED\n        return Verdict.HOLDS",
    ),
    _bug(
        "statement",
        "balls need not meet the hypotheses",
        "if not all(hypothesis.holds(balls) for hypothesis in self.hypotheses):",
        "if False:",
    ),
    _bug(
        "statement",
        "a witness proves a violation",
        "if sides.is_right_exact and is_certain(",
        "if is_certain(",
    ),
    _bug(
        "statement",
        "hypotheses are listed but not checked",
        "if not hypothesis.holds(instance):",
        "if False:",
    ),
    _bug(
        "statement",
        "a tolerance beside the rounding",
        "return bool(self.left <= self.right + self.rounding)",
        "return bool(self.left <= self.right + self.rounding + 1e-8)",
    ),
    _bug(
        "arithmetic",
        "certain as soon as the midpoints say so",
        "return bool(comparison)",
        "return comparison is not False or True",
    ),
    _bug("arithmetic", "norm squares huge numbers", "scaled = flat / largest", "scaled = flat"),
    _bug(
        "arithmetic",
        "balls of a tenth, not of the float",
        "arb(float(element))",
        "arb(str(float(element)))",
    ),
    _bug(
        "attack",
        "violations are not counted",
        "self.num_violations += not check.holds",
        "self.num_violations += 0",
    ),
    _bug("attack", "the climb never climbs", "if found > ratio:", "if found < 0:"),
)

_ATTENTION = (
    _bug("softmax", "P-01 half the bound", "tanh(oscillation / 4)", "tanh(oscillation / 8)"),
    _bug("softmax", "P-01 twice the bound", "tanh(oscillation / 4)", "tanh(oscillation / 2)"),
    _no_rounding("P-01", "softmax", "pair: LogitPair"),
    _bug(
        "temporal_attention_score",
        "P-02 without the self-score",
        "return own + compute_key_gap(other_norm, key_norm, self_score, head_dim)",
        "return own",
    ),
    _bug(
        "temporal_attention_score",
        "P-02 without the square root",
        "return sqrt(squares - 2 * compute_root(head_dim, score) * score)",
        "return squares - 2 * compute_root(head_dim, score) * score",
    ),
    _bug(
        "temporal_attention_score",
        "P-02 without sqrt(d)",
        "2 * compute_root(head_dim, score) * score",
        "2 * score",
    ),
    _no_rounding("P-02", "temporal_attention_score", "pair: AlignedQueries"),
    _bug(
        "attention",
        "P-03 half the value norm",
        "return 2 * value_norm * softmax.bound(oscillation)",
        "return value_norm * softmax.bound(oscillation)",
    ),
    _bug(
        "attention",
        "P-03 divides by d",
        "/ compute_root(head_dim, query_gap * key_diameter)",
        "/ head_dim",
    ),
    _bug(
        "attention",
        "P-03 diameter of neighbours only",
        "((floats[index + 1 :] - key) ** 2)",
        "((floats[index + 1 : index + 2] - key) ** 2)",
    ),
    _bug(
        "causal_attention",
        "P-04 without rho",
        "shared_variation.bound(oscillation, fresh_mass)",
        "shared_variation.bound(oscillation, 0.0)",
    ),
    _bug(
        "causal_attention",
        "P-04 half of rho",
        "shared_variation.bound(oscillation, fresh_mass)",
        "shared_variation.bound(oscillation, fresh_mass / 2)",
    ),
    _bug(
        "shared_variation",
        "P-04 the rest of the mass scales tanh once more",
        "kept**2",
        "kept**3",
    ),
    _bug(
        "shared_variation",
        "P-12 smaller mass for the larger",
        "larger, smaller = maximum(fresh_mass, stale_mass), minimum(fresh_mass, stale_mass)",
        "smaller, larger = maximum(fresh_mass, stale_mass), minimum(fresh_mass, stale_mass)",
    ),
    _bug(
        "shared_variation",
        "P-12 the smaller mass is left out",
        "own, other = sqrt(1 - larger), sqrt(1 - smaller)",
        "own, other = sqrt(1 - larger), sqrt(1 - 0 * smaller)",
    ),
    _bug(
        "causal_attention",
        "P-04 mass of the shared keys",
        "[num_shared:].sum()",
        "[:num_shared].sum()",
    ),
    _bug(
        "causal_attention",
        "P-04 without any shared key",
        "1 <= pair.num_shared <= len(pair.keys)",
        "pair.num_shared <= len(pair.keys)",
    ),
    _bug(
        "head_aggregation",
        "P-05 largest score for the mean",
        "bound(mean_square, compute_mean(compute_scores(pair)), pair.queries.shape[1])",
        "bound(mean_square, max(compute_scores(pair)), pair.queries.shape[1])",
    ),
    _bug(
        "head_aggregation",
        "P-05 mean of the norms for the mean of their squares",
        "compute_mean(query_norms * query_norms + key_norms * key_norms)",
        "compute_mean(query_norms) ** 2 + compute_mean(key_norms) ** 2",
    ),
    _no_rounding("P-05", "head_aggregation", "pair: AlignedHeads"),
    _bug(
        "multi_head_attention",
        "P-13 forgets the projection",
        "together = output_norm * compute_norm(head_gaps)",
        "together = compute_norm(head_gaps)",
    ),
    _bug(
        "multi_head_attention",
        "P-13 largest head for all heads",
        "return minimum(together, (head_norms * head_gaps).sum())",
        "return minimum(together, max(head_norms * head_gaps))",
    ),
    _bug(
        "multi_head_attention",
        "P-13 groups query heads by remainder",
        "return head_index // (num_heads // num_key_heads)",
        "return head_index % num_key_heads",
    ),
    _bug(
        "query_projection",
        "P-14 smaller of the projections' norms",
        "gap = compute_spectral_norm(heads.q_proj - heads.k_proj)",
        "gap = abs(compute_spectral_norm(heads.q_proj) - compute_spectral_norm(heads.k_proj))",
    ),
    _bug(
        "query_projection",
        "P-14 largest element for the norm of the input",
        "right = bound(gap, compute_norm(heads.normed))",
        "right = bound(gap, get_maximum(abs(heads.normed)))",
    ),
    _bug(
        "query_projection",
        "P-14 limit without sqrt(D)",
        "return compute_root(len(gain), largest) * largest",
        "return largest",
    ),
)

_POSITIONS = (
    _bug(
        "rotary",
        "P-11 half the chord",
        "+ 2 * largest_sine * query_norm",
        "+ largest_sine * query_norm",
    ),
    _bug(
        "rotary",
        "P-11 without the rotation",
        "+ 2 * largest_sine * query_norm",
        "",
    ),
    _bug(
        "rotary",
        "P-11 smallest angle for the largest",
        "get_maximum(abs(np.sin(compute_angles(position, frequencies) / 2)))",
        "-get_maximum(-abs(np.sin(compute_angles(position, frequencies) / 2)))",
    ),
    _bug(
        "rotary",
        "P-11 without a position below 0",
        "lambda pair: pair.position >= 0",
        "lambda pair: True",
    ),
    _bug(
        "decoded_run",
        "attention factor left out of the key projection",
        "k_proj=factor * layer.k_proj",
        "k_proj=layer.k_proj",
    ),
    _bug(
        "sparse_attention",
        "P-12 stale keys ignored",
        "shared_variation.bound(oscillation, fresh_mass, stale_mass)",
        "shared_variation.bound(oscillation, fresh_mass)",
    ),
    _bug(
        "sparse_attention",
        "P-12 values of the earlier token ignored",
        "values = np.concatenate([pair.seen[1], pair.other_seen[1]])",
        "values = pair.seen[1]",
    ),
)

_VALUES = (
    _bug(
        "value_spread",
        "P-25 values of the fresh keys left out",
        "np.concatenate([pair.shared_values, pair.fresh_values, pair.stale_values])",
        "np.concatenate([pair.shared_values, pair.shared_values, pair.stale_values])",
    ),
    _bug(
        "value_spread",
        "P-25 radius for the diameter",
        "return value_diameter * variation",
        "return value_diameter * variation / 2",
    ),
    _bug(
        "value_spread",
        "P-25 a stale key gains weight",
        "[shared, own[num_shared:], -other[num_shared:]]",
        "[shared, own[num_shared:], other[num_shared:]]",
    ),
)

_MLP = (
    _bug(
        "rms_norm",
        "P-06 larger root mean square for the mean",
        "(compute_root_mean_square(x, eps) + compute_root_mean_square(other, eps)) / 2",
        "max(compute_root_mean_square(x, eps), compute_root_mean_square(other, eps))",
    ),
    _bug(
        "rms_norm",
        "P-06 without the gain",
        "return gain_max * distance / radius",
        "return distance / radius",
    ),
    _bug(
        "rms_norm",
        "P-06 sum for the mean square",
        "return sqrt(x @ x / len(x) + eps)",
        "return sqrt(x @ x + eps)",
    ),
    _bug("rms_norm", "P-06 with eps below 0", "lambda pair: pair.eps > 0", "lambda pair: True"),
    _bug("silu", "P-07 slope of silu taken for 1", "= 1.099839320128867", "= 1.0"),
    _bug(
        "swiglu",
        "P-07 without the gate's projection",
        "SILU_SLOPE * extent.up_max * extent.gate_norm",
        "SILU_SLOPE * extent.up_max",
    ),
    _bug(
        "swiglu",
        "P-07 without the down projection",
        "return extent.down_norm * slope * distance",
        "return slope * distance",
    ),
    _bug(
        "swiglu_pair",
        "P-07 mean activation for the largest",
        "get_maximum(abs(compute_silu(pair.gate_proj @ pair.normed)))",
        "abs(compute_silu(pair.gate_proj @ pair.normed)).sum() / len(pair.gate_proj)",
        "swiglu",
    ),
    _no_rounding("P-07", "swiglu", "pair: SwiGLUPair"),
    _bug(
        "spectral_norm",
        "upper bound without the defect of the basis",
        "bound = product_norm + product_error + defect * frobenius",
        "bound = product_norm + product_error",
    ),
    _bug(
        "spectral_norm",
        "upper bound without rounding",
        "return math.nextafter(math.ldexp(bound, exponent), math.inf)",
        "return math.ldexp(bound, exponent) * (1 - 1e-9)",
    ),
)

_REPLAY = (
    _bug(
        "replay_chain",
        "P-08 last step for the whole chain",
        "return sum(swiglu.bound(step.distance, step.extent) for step in steps)",
        "return swiglu.bound(steps[-1].distance, steps[-1].extent)",
        "replay",
    ),
    _bug(
        "replay_chain",
        "P-08 forgets the norm",
        "distance = rms_norm.bound(compute_norm(x - other), gain_max, radius)",
        "distance = compute_norm(x - other)",
        "replay",
    ),
    _bug(
        "replay",
        "P-08 without any replay",
        "lambda chain: len(chain.inputs) >= 2",
        "lambda chain: True",
    ),
    _bug(
        "integer_mlp",
        "P-19 believes any integers",
        "np.array_equal(getattr(again, name), getattr(element.found, name))",
        "getattr(again, name) is not None",
    ),
    _bug(
        "integer_steps",
        "P-19 without the rounded weights",
        "+ of_weights + input_error",
        "+ input_error",
        "integer_mlp",
    ),
    _bug(
        "integer_steps",
        "P-19 without the error of the table of roots",
        "RSQRT_RELATIVE_ERROR / roots + difference",
        "difference",
        "integer_mlp",
    ),
    _bug(
        "combined_bound",
        "P-15 without the residual connection",
        "return lipschitz * (residual_gap + attention_gap)",
        "return lipschitz * attention_gap",
    ),
    _bug(
        "combined_bound",
        "P-15 without attention",
        "return lipschitz * (residual_gap + attention_gap)",
        "return lipschitz * residual_gap",
    ),
    _bug(
        "combined_layer",
        "P-15 without the self-scores",
        "        sum(compute_query_gaps(head)),",
        "        compute_query_gaps(head)[0],",
        "combined_bound",
    ),
    _bug(
        "combined_layer",
        "P-15 without the norm's radius",
        "rms_norm.bound(1.0, get_maximum(abs(pair.gain)), radius)",
        "rms_norm.bound(1.0, get_maximum(abs(pair.gain)), 1.0)",
        "combined_bound",
    ),
    _bug(
        "decoder/step",
        "P-16 without the replay's own error",
        "return mid + bound_mlp(mid, terms.mlp) + terms.mlp.replay_error",
        "return mid + bound_mlp(mid, terms.mlp)",
        "decoder/bound",
    ),
    _bug(
        "decoder/step",
        "P-16 without the distance of the caches",
        "return distance + terms.cache_gap + bound_attention(",
        "return distance + bound_attention(",
        "decoder/bound",
    ),
    _bug(
        "decoder/step",
        "P-16 tangent without the rest",
        "return minimum(whole, terms.slope * normed_gap + rest)",
        "return minimum(whole, terms.slope * normed_gap)",
        "decoder/bound",
    ),
    _bug(
        "decoder/step",
        "P-16 radius of the dense vector alone",
        "radius = norm.radius - distance / (2 * norm.root)",
        "radius = norm.radius + distance / (2 * norm.root)",
        "decoder/bound",
    ),
    _bug(
        "distance_bound",
        "P-17 first order only",
        "powers = distance[..., None] ** np.arange(DEGREE + 1)",
        "powers = distance[..., None] ** np.arange(DEGREE + 1) * (np.arange(DEGREE + 1) < 2)",
        "certificate",
    ),
    _bug(
        "distance_bound",
        "P-17 without rounding",
        "error[:, :3] += 2 * rounding",
        "error[:, :3] += 0 * rounding",
        "certificate",
    ),
    _bug(
        "distance_bound",
        "P-17 overflow is certified",
        "np.where(magnitude < largest / 4, error, np.inf)",
        "error",
        "certificate",
    ),
    _bug(
        "activation_certificate",
        "P-17 forgets the directions that are not followed",
        "total += k.next_value**2 *",
        "total += 0 * k.next_value**2 *",
        "certificate",
    ),
    _bug(
        "activation_certificate",
        "P-17 bits of a row depend on the batch",
        "compute_linear(gap, k.directions)",
        "(gap @ k.directions.T)",
        "certificate",
    ),
    _bug(
        "distance_certificate",
        "P-17 remembers replayed inputs",
        "self._inputs[layer_index, computing, location] = normed",
        "self._inputs[layer_index, :, location] = query.mlp_input",
        "certificate",
    ),
)

_CORRECTION = (
    _bug(
        "silu",
        "P-26 curvature beyond its second zero",
        "logistic * rest * raise_to(distance - 2.0, 2.0)",
        "logistic * rest * 2.0",
    ),
    _bug(
        "corrected_pair",
        "P-26 curvature at the last input alone",
        "raise_to(neurons.gate - gate_moves, 0.0)",
        "raise_to(neurons.gate - 0 * gate_moves, 0.0)",
        "corrected_replay",
    ),
    _bug(
        "corrected_pair",
        "P-26 the correction is not part of the first order",
        "pair.down_proj @ hidden - pair.correction @ direction",
        "pair.down_proj @ hidden",
        "corrected_replay",
    ),
    _bug(
        "corrected_pair",
        "P-26 gate and up do not move together",
        " + neurons.slope * gate_moves * up_moves",
        "",
        "corrected_replay",
    ),
    _bug(
        "corrected_pair",
        "P-26 up stays where it was",
        "(k.up + k.up_rows * distance) / 2",
        "k.up / 2",
        "corrected_replay",
    ),
    _bug(
        "corrected_rounding",
        "P-26 claims that nothing is rounded",
        "def compute_rounding(pair: CorrectedPair) -> float:",
        "def compute_rounding(pair: CorrectedPair) -> float:\n    return 0.0",
        "corrected_replay",
    ),
)

_HARDWARE = (
    _bug(
        "fixed_point",
        "P-09 quarter steps for half steps",
        "half_query, half_key = number(query_scale) / 2, number(key_scale) / 2",
        "half_query, half_key = number(query_scale) / 4, number(key_scale) / 4",
    ),
    _bug(
        "fixed_point",
        "P-09 without the product of both errors",
        "moved = half_query * key_sum + half_key * query_sum + both",
        "moved = half_query * key_sum + half_key * query_sum",
    ),
    _bug(
        "scheduler",
        "P-10 rounds rounded down",
        "return -(-num_computing // num_cores)",
        "return num_computing // num_cores",
    ),
    _bug(
        "scheduler_model",
        "P-10 an obligation is left out",
        "for num_cores in range(1, MAX_CORES + 1):",
        "for num_cores in range(1, MAX_CORES):",
        "scheduler",
    ),
    _bug(
        "scheduler_model",
        "P-10 unknown counts as proved",
        "verdict == z3.unsat, shown)",
        "verdict != z3.unknown, shown)",
        "scheduler",
    ),
    _bug(
        "scheduler_model",
        "P-10 an open obligation does not matter",
        "return len(outcomes) == NUM_OBLIGATIONS and all(outcomes)",
        "return len(outcomes) == NUM_OBLIGATIONS",
        "scheduler",
    ),
    _bug(
        "static_mapping",
        "P-18 rounds rounded down",
        "(weight * -(-number // num_cores) for number, weight in enumerate(weights))",
        "(weight * (number // num_cores) for number, weight in enumerate(weights))",
    ),
    _bug(
        "static_mapping",
        "P-18 probability of computing and replaying swapped",
        "weights = {size: compute_binomial_weights(size, 1 - replay) for size in set(sizes)}",
        "weights = {size: compute_binomial_weights(size, replay) for size in set(sizes)}",
    ),
    _bug(
        "static_mapping",
        "P-18 as if every core had the same slots",
        "sizes = [len(range(core, num_slots, num_cores)) for core in range(num_cores)]",
        "sizes = [num_slots // num_cores] * num_cores",
    ),
    _bug(
        "fixed_point",
        "P-09 saturated elements allowed",
        "get_maximum(abs(x)) <= (MAX_ACTIVATION + 0.25) * scale",
        "get_maximum(abs(x)) <= np.inf",
    ),
)

PROOF_MUTANTS = (
    *_FRAMEWORK,
    *_ATTENTION,
    *_POSITIONS,
    *_VALUES,
    *_MLP,
    *_REPLAY,
    *_CORRECTION,
    *_HARDWARE,
)
"""Every planted bug of the proofs."""
