"""Planted bugs of the reference: replay rule, gates, decoder, files."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(stem: str, name: str, old: str, new: str, *tests: str) -> Mutant:
    """A mutant of `reference/<stem>.py`; tests by stem, that of the module if none is named."""
    files = tuple(name_test_file(f"reference/{test}") for test in tests or (stem,))
    return Mutant(name, f"reference/{stem}.py", old, new, files)


_ALIGNED = "return self.kv_cache.num_entries - 1 - self.replay.tokens_per_frame"
_ELIGIBLE = "return token_index // self.tokens_per_frame >= self.warmup_frames"
_INDEX = "token_index"
_SCATTER = "output[computing] = query.mlp.compute_outputs(computing)"
_KEEP = "kept[computing] = output[computing]"
_SEE = "gate.see_output(query, output, replayed)"
_REPLAYED = "replayed = eligible & gate.decide(query, measures)"
_COMPARE = "safe > limit if self.strict else safe >= limit"
_STREAMS = "self._streams = [np.random.default_rng([self.seed, row]) for row in range(rows)]"
_SCORED = "query if is_paper else plain_query"

_SCORE_RULE = (
    _bug("decoder", "aligned key one token late", _ALIGNED, _ALIGNED + " + 1"),
    _bug("decoder", "aligned key one token early", _ALIGNED, _ALIGNED + " - 1"),
    _bug("decoder", "published query after rotary", _SCORED, "query", "official_vectors"),
    _bug("decoder", "paper query before rotary out of the window", _SCORED, "plain_query"),
    _bug(
        "decoder",
        "variants of the score swapped",
        "is_tapped = is_paper and",
        "is_tapped = not is_paper and",
        "official_vectors",
    ),
    _bug(
        "decoder",
        "key cached before rotary",
        "engine.rotate(self.rotary, key, positions)\n        self._store",
        "key\n        self._store",
        "official_vectors",
    ),
    _bug(
        "engine",
        "tap not moved to the gathered window",
        "tap = sparse.get_gathered_index(tap, num_entries)",
        "tap = tap if sparse.get_gathered_index(tap, num_entries) is not None else None",
        "decoder",
    ),
    _bug(
        "temporal_attention_score",
        "sum instead of mean over heads",
        "score = _add_up(score_heads) / score_heads.dtype.type(score_heads.shape[-1])",
        "score = _add_up(score_heads)",
    ),
    _bug(
        "temporal_attention_score",
        "score without sqrt(d)",
        "scores: FloatArray = products / products.dtype.type(head_dim**0.5)",
        "scores: FloatArray = products",
    ),
    _bug(
        "temporal_attention_score",
        "score groups query heads by remainder",
        "grouped = query.reshape(rows, aligned_key.shape[1], -1, head_dim)",
        "grouped = query.reshape(rows, -1, aligned_key.shape[1], head_dim).swapaxes(1, 2)",
    ),
    _bug(
        "temporal_attention_score",
        "weighted heads summed by a matrix product",
        "_add_up(score_heads * aggregation.astype(score_heads.dtype))",
        "score_heads @ aggregation.astype(score_heads.dtype)",
    ),
)

_CORRECTION_TESTS = "tests/reference/test_replacement.py"
_REPLAY_RULE = (
    Mutant(
        "correction: the cache holds what was corrected",
        "reference/replacement.py",
        "            output[replayed] = replacing\n",
        "            output[replayed] = replacing\n            kept[replayed] = replacing\n",
        (_CORRECTION_TESTS,),
    ),
    Mutant(
        "correction: inputs of replayed rows are kept too",
        "reference/replacement.py",
        "last[computing] = query.mlp_input[computing]",
        "last[:] = query.mlp_input",
        (_CORRECTION_TESTS,),
    ),
    Mutant(
        "correction: the largest singular values instead of the best of a rank",
        "reference/correction_calibration.py",
        "predicted = cross.T @ matrix",
        "predicted = matrix.T @ matrix",
        ("tests/reference/test_correction_calibration.py",),
    ),
    _bug(
        "replay",
        "eligible one token early",
        _ELIGIBLE,
        _ELIGIBLE.replace(_INDEX, "(token_index + 1)"),
    ),
    _bug(
        "replay",
        "eligible one token late",
        _ELIGIBLE,
        _ELIGIBLE.replace(_INDEX, "(token_index - 1)"),
    ),
    _bug("replay", "warm-up ignored", _ELIGIBLE, _ELIGIBLE.replace("self.warmup_frames", "1")),
    _bug("replay", "eligibility ignored", _REPLAYED, _REPLAYED.replace("eligible & ", "")),
    _bug("replay", "one row's wish replays all rows", _REPLAYED, _REPLAYED + ".any()"),
    _bug(
        "replacement",
        "replays the neighbour of the place",
        "kept = self.get_kept(query.layer_index, query.location_index)",
        "place = (query.token_index + query.frame_index) % query.tokens_per_frame\n        "
        "kept = self.get_kept(query.layer_index, place)",
    ),
    _bug(
        "replacement",
        "cache stores the fresh output",
        "        return output\n",
        "        kept[:] = query.fresh_output\n        return output\n",
    ),
    _bug(
        "replacement",
        "cache keeps the first frame for ever",
        f"if self.constant is None:\n                {_KEEP}",
        f"if self.constant is None and not query.frame_index:\n                {_KEEP}",
    ),
    _bug(
        "replacement",
        "one cache for all rows",
        _KEEP,
        _KEEP + "\n                kept[:] = kept[0]",
    ),
    _bug(
        "replacement",
        "one cache for all layers",
        "self.cached_outputs[layer_index, :, location]",
        "self.cached_outputs[0, :, location]",
    ),
    _bug("replacement", "computed rows scattered in reverse", _SCATTER, _SCATTER + "[::-1]"),
    _bug(
        "replacement",
        "every row computes",
        _SCATTER,
        "output[computing] = query.mlp.compute_fresh()[computing]",
        "replay",
    ),
    _bug(
        "replay",
        "chain limit off by one",
        "eligible &= chain < self",
        "eligible &= chain <= self",
    ),
    _bug(
        "replay",
        "chain goes on over a computation",
        "np.where(replayed, chain + 1, 0)",
        "np.where(replayed, chain + 1, chain)",
    ),
    _bug(
        "replacement", "replay cache not reset", "        self.cached_outputs[:] = 0\n", "", "laws"
    ),
    _bug(
        "replay",
        "gate learns the opposite",
        " gate.update(query, measures, replayed)",
        " gate.update(query, measures, ~replayed)",
    ),
)

_GATES = (
    _bug("gates/gate", "paper compares with >", _COMPARE, "safe > limit"),
    _bug("gates/gate", "published compares with >=", _COMPARE, "safe >= limit"),
    _bug(
        "gates/gate",
        "orientation reversed",
        "if self.higher_is_safer",
        "if not self.higher_is_safer",
    ),
    _bug(
        "gates/gate",
        "threshold rounded to float32",
        "threshold = self.thresholds.get(query.layer_index)",
        "threshold = np.float32(self.thresholds.get(query.layer_index))",
        "gates/score",
    ),
    _bug(
        "gates/input",
        "input gate remembers replayed inputs",
        "last[~replayed] = query.mlp_input[~replayed]",
        "last[:] = query.mlp_input",
    ),
    _bug(
        "gates/input",
        "relative to the old input",
        "compute_distance(normed, np",
        "compute_distance(normed + 1, np",
    ),
    _bug(
        "gates/accumulated",
        "changes accumulate from the last computation",
        "        self.previous_inputs[place] = query.mlp_input",
        "        self.previous_inputs[place][~replayed] = query.mlp_input[~replayed]",
    ),
    _bug(
        "gates/accumulated",
        "a computation keeps its own change",
        "self.sums[place] = np.where(replayed, measures, 0.0)",
        "self.sums[place] = np.where(replayed, measures, measures - self.sums[place])",
    ),
    _bug(
        "gates/accumulated",
        "tokens of a frame decide apart",
        "return self.replays.copy() if self._is_decided else super().decide(query, measures)",
        "return super().decide(query, measures)",
    ),
    _bug(
        "gates/motion",
        "no token moves less than the mean",
        "WEIGHT_FLOOR = 0.3",
        "WEIGHT_FLOOR = 1.0",
    ),
    _bug(
        "gates/motion",
        "motion is not compared with that of the frame",
        "share = self.differences[:, location] / (mean + SMALLEST_SIZE)",
        "share = self.differences[:, location]",
    ),
    _bug(
        "gates/motion",
        "changes of all frames are one",
        "            self.totals[:, layer] = 0\n",
        "            self.totals[:, layer] = np.nan_to_num(self.totals[:, layer])\n",
    ),
    _bug(
        "gates/skip",
        "a skipped layer tells of the next",
        "computed = ~replayed",
        "computed = np.ones_like(replayed)",
    ),
    _bug(
        "gates/skip",
        "skips go on without end",
        "if self.most_skipped is None",
        "if True",
    ),
    _bug(
        "gates/codes",
        "codes of the frame before are compared",
        "last[~replayed] = self.get_patches(query)[~replayed]",
        "last[:] = self.get_patches(query)",
    ),
    _bug("gates/codes", "equal codes tie", "TIE * share * (1 + distance)", "0 * share"),
    _bug(
        "replay",
        "gate sees nothing of the output",
        f"        {_SEE}\n",
        "",
        "gates/skip",
    ),
    _bug(
        "decoder",
        "gate is told the first token for ever",
        "        self.mlp.feed(token_ids, x)\n",
        "        if token_index == 0:\n            self.mlp.feed(token_ids, x)\n",
        "gates/codes",
    ),
    _bug(
        "calibration",
        "decisions without a measure count as the safest",
        "return measures[~np.isnan(measures)]",
        "return measures",
    ),
    _bug(
        "multiplications",
        "replayed tokens cost a block",
        "mlp=computed * per_mlp",
        "mlp=record.replayed.size * per_mlp",
    ),
    _bug(
        "multiplications",
        "corrections of computed tokens",
        "correction=correction * replayed",
        "correction=correction * computed",
    ),
    _bug(
        "head_weights",
        "a high score means a large distance",
        "distance.mean() - distance",
        "distance - distance.mean()",
    ),
    _bug("gates/planned", "random rows share a seed", "[self.seed, row]", "[self.seed, 0]"),
    _bug(
        "gates/planned",
        "random rows share a stream",
        "[stream.random() for stream in self._streams]",
        "[self._streams[0].random() for _ in self._streams]",
    ),
    _bug(
        "gates/planned",
        "random streams go on into the next generation",
        _STREAMS,
        _STREAMS.replace("= [", '= getattr(self, "_streams", None) or ['),
    ),
    _bug(
        "gates/planned",
        "periodic places compute in step",
        "beat = sum(divmod(token_index, tokens_per_frame))",
        "beat = token_index // tokens_per_frame",
    ),
    _bug(
        "thresholds",
        "adaptive threshold moves the wrong way",
        "self.sign * self.gain",
        "-self.sign * self.gain",
    ),
    _bug(
        "thresholds",
        "no measure is a measure",
        "known = eligible & ~np.isnan(measures)",
        "known = eligible",
    ),
    _bug(
        "thresholds",
        "adaptive rows share a spread",
        "0.05 * (distance - spread[moved])",
        "0.05 * (distance.mean() - spread[moved])",
    ),
    _bug(
        "thresholds",
        "what an adaptive threshold missed is not made up for",
        "self.target_ratio - surplus[moved] / HORIZON_DECISIONS",
        "self.target_ratio - 0 * surplus[moved]",
    ),
    _bug(
        "thresholds",
        "ineligible tokens teach the threshold",
        "moved = known & ~first",
        "moved = ~np.isnan(measures) & ~first",
    ),
    _bug(
        "calibration",
        "calibration one decision off",
        "(safety[num_replays - 1] + safety[num_replays]) / 2",
        "safety[num_replays]",
    ),
)

_ATTENTION = (
    _bug(
        "engine",
        "padding ignored by attention",
        "elif cache.padding_tokens.any():",
        "elif cache.padding_tokens.all():",
        "decoder",
    ),
    _bug(
        "decoder",
        "padding counted as positions",
        "positions = entry - cache.padding_tokens  # [B]",
        "positions = np.full(len(x), entry)",
    ),
    _bug(
        "attention",
        "attention groups query heads by remainder",
        "return query.reshape(query.shape[0], num_key_value_heads, -1, query.shape[-1])",
        "return query.reshape(query.shape[0], -1, num_key_value_heads, query.shape[-1])"
        ".swapaxes(1, 2)",
    ),
    _bug(
        "attention",
        "logits without sqrt(d)",
        "return products / products.dtype.type(head_dim**0.5)",
        "return products",
    ),
    _bug(
        "fused_attention",
        "online softmax forgets to rescale the sum",
        "total = total * rescale",
        "total = total",
    ),
    _bug(
        "fused_attention",
        "online softmax forgets to rescale the values",
        "weighted = weighted * rescale",
        "weighted = weighted",
    ),
    _bug("fused_attention", "fused tap one key early", "tap - start]", "tap - start - 1]"),
    _bug(
        "sparse_attention",
        "window one key short",
        "max(0, num_entries - self.window_tokens)",
        "max(0, num_entries - self.window_tokens + 1)",
    ),
    _bug(
        "sparse_attention",
        "sinks stand in the padding",
        "sinks = padding_tokens[:, None] + np.arange(num_sinks)",
        "sinks = 0 * padding_tokens[:, None] + np.arange(num_sinks)",
    ),
    _bug(
        "sparse_attention",
        "sink counted twice",
        "is_sink = sinks < start",
        "is_sink = sinks >= 0",
    ),
    _bug(
        "sparse_attention",
        "gathered index forgets the sinks",
        "return min(self.sink_tokens, start) + entry - start",
        "return entry - start",
    ),
    _bug(
        "sparse_attention",
        "prompt window one key long",
        "in_window = key > query - sparse.window_tokens",
        "in_window = key >= query - sparse.window_tokens",
    ),
    _bug(
        "sparse_attention",
        "prompt sinks off by one",
        "key - padding < sparse.sink_tokens",
        "key - padding <= sparse.sink_tokens",
    ),
    _bug(
        "rotary",
        "rotary turns backwards",
        "first * cos - second * sin, second * cos + first * sin",
        "first * cos + second * sin, second * cos - first * sin",
    ),
    _bug(
        "swiglu",
        "activation on the wrong branch",
        "compute_silu(gate) * up",
        "gate * compute_silu(up)",
    ),
    _bug(
        "linear",
        "bits of a row depend on the batch",
        "product: FloatArray = result.reshape(*x.shape[:-1], outputs)",
        "product: FloatArray = x @ weight.T",
    ),
    _bug(
        "linear",
        "rows begin anywhere in a cache line",
        "rows = _align_rows(x.reshape(-1, x.shape[-1]))",
        "rows = x.reshape(-1, x.shape[-1])",
    ),
    _bug(
        "guidance",
        "guidance starts from the conditional row",
        "= unconditional + factor",
        "= conditional + factor",
    ),
)

_CONFIG = (
    _bug(
        "rotary",
        "llama3 ramp without the original limit",
        "turns = scaling.original_max_position_embeddings * frequencies",
        "turns = scaling.factor * frequencies",
    ),
    _bug(
        "rotary",
        "yarn keeps the slow pairs",
        "1 - np.clip((np.arange(config.head_dim // 2)",
        "np.clip((np.arange(config.head_dim // 2)",
    ),
    _bug(
        "rotary",
        "attention factor on the cosines alone",
        "factor * np.cos(angles), factor * np.sin(angles)",
        "factor * np.cos(angles), np.sin(angles)",
    ),
    _bug(
        "files/rope_parameters",
        "mscale counts alone",
        "if not all(weights):",
        "if not any(weights):",
    ),
    _bug(
        "files/rope_parameters",
        "places may disagree on the scaling",
        "if len(set(scalings)) > 1:",
        "if len(set(scalings)) > 2:",
    ),
    _bug(
        "files/config_file",
        "any sliding window passes",
        "if size < positions:",
        "if size < 0:",
    ),
    _bug(
        "files/tensor_names",
        "a shard may lie above its directory",
        '("/", "\\\\", "\\0")',
        '("\\\\", "\\0")',
        "files/checkpoint",
    ),
    _bug(
        "files/tensor_names",
        "an untied head becomes the embedding",
        "if tied_head and EMBEDDING not in places",
        "if EMBEDDING not in places",
    ),
    _bug(
        "files/json_file",
        "a Git LFS pointer is a file",
        "if read_bytes(path, len(_POINTER_START)) == _POINTER_START:",
        'if read_bytes(path, len(_POINTER_START)) == b"":',
    ),
)

_ENGINES = (
    _bug(
        "engine_choice",
        "short work is compiled for",
        "if numpy_seconds * SAVED_SHARE > COMPILATION_SECONDS:",
        "if numpy_seconds > COMPILATION_SECONDS:",
    ),
    _bug(
        "engine_factory",
        "what only Numba can tell refuses the engine that was left open",
        "except (ArgumentError, ImportError, OSError) as error:",
        "except (ImportError, OSError) as error:",
    ),
    _bug(
        "kernel_list",
        "attention stays on one thread",
        "for count in (1, most)",
        "for count in (1, 1)",
    ),
    _bug(
        "kernel_marks",
        "a mark is believed without its files",
        "if kernels <= marked and _are_there(files):",
        "if kernels <= marked:",
    ),
    _bug(
        "kernel_marks",
        "a mark of other settings of Numba is believed",
        "        sorted(settings.items()),\n",
        "",
    ),
)

MUTANTS = (*_SCORE_RULE, *_REPLAY_RULE, *_GATES, *_ATTENTION, *_CONFIG, *_ENGINES)
"""Every planted bug."""
