"""What a point of a sweep may say, scope by scope, and what its row tells: tables (D-64)."""

from __future__ import annotations

from dataclasses import dataclass

INTEGER, NUMBER, TEXT, FLAG, LIST = "integer", "number", "text", "flag", "list"
"""Kinds of columns. A list, of thresholds or texts, is JSON in a column of text; a key that takes
one takes a single value as well."""


@dataclass(frozen=True)
class Key:
    """One column.

    Attributes:
        name: of the key or the result.
        kind: of the column.
        meaning: in words, for docs/sweep.md.
    """

    name: str
    kind: str
    meaning: str


@dataclass(frozen=True)
class Scope:
    """What is evaluated.

    Attributes:
        name: as a sweep file says it.
        keys: that a point may have.
        results: of its row.
        chunk_size: points that one job evaluates.
    """

    name: str
    keys: tuple[Key, ...]
    results: tuple[Key, ...]
    chunk_size: int

    @property
    def key_names(self) -> tuple[str, ...]:
        """Of the keys, in their order."""
        return tuple(key.name for key in self.keys)


_MODEL = (
    Key("checkpoint", TEXT, "directory of the model; none = the shipped model"),
    Key("tokens", TEXT, ".npz file of tokens, as of `fastcar trace`"),
    Key("tokens_per_frame", INTEGER, "N of that file"),
)
CYCLES = Scope(
    "cycles",
    (
        Key("preset", TEXT, "sizes of a model, as of `fastcar predict`; none = demo"),
        Key("checkpoint", TEXT, "sizes, and decisions where there are clips; none = a preset"),
        *_MODEL[1:],
        Key("cores", INTEGER, "C, 1 to 32"),
        Key("lanes", INTEGER, "L, multipliers of a core, a power of two from 4 on"),
        Key("batch", INTEGER, "B, slots, 1 to 32"),
        Key("latency", INTEGER, "of the memory, cycles"),
        Key("source", TEXT, "what decides, score or distance"),
        Key("ratio", NUMBER, "replayed share, in [0, 1]; none = 0.5"),
        Key("draws", INTEGER, "layer steps; none = 1"),
        Key("seed", INTEGER, "of the draws"),
        Key("mlp_share", NUMBER, "share of a dense run's time in the MLP phase; none = by weights"),
        Key("clock_mhz", NUMBER, "for seconds"),
    ),
    (
        Key("measured_ratio", NUMBER, "replayed share of the decisions that were drawn"),
        Key("drs_cycles", NUMBER, "of a layer step under DRS, the mean over the draws"),
        Key("static_cycles", NUMBER, "under static mapping, same decisions"),
        Key("dense_cycles", INTEGER, "without replay"),
        Key("read_bytes", NUMBER, "of a layer step"),
        Key("written_bytes", NUMBER, "of a layer step"),
        Key("static_against_drs", NUMBER, "static cycles over DRS cycles"),
        Key("drs_speed_up", NUMBER, "dense cycles over DRS cycles"),
        Key("static_speed_up", NUMBER, "dense cycles over static cycles"),
        Key("drs_time", NUMBER, "share of a dense run's time"),
        Key("static_time", NUMBER, "share of a dense run's time"),
        Key("published_time", NUMBER, "of the paper, where it says one for this ratio"),
        Key("dense_mlp_seconds", NUMBER, "MLP phase of all layers and tokens, with a clock"),
        Key("slots", INTEGER, "B that was predicted, also where the preset says it"),
        Key("mac_multipliers", INTEGER, "C times L: DSP blocks of the MAC arrays"),
    ),
    chunk_size=100,
)
DECODER = Scope(
    "decoder",
    (
        _MODEL[0],
        Key("prompts", LIST, "what to show, as of `fastcar generate`"),
        Key("clips", LIST, "recorded clips to continue"),
        Key("given_frames", INTEGER, "true frames at the start of a continued clip"),
        Key("batch", INTEGER, "videos for each prompt or clip"),
        Key("frames", INTEGER, "T of each video"),
        Key("seed", INTEGER, "of the sampling"),
        Key("gate", TEXT, "what decides about replay"),
        Key("tau", LIST, "threshold, one or one per layer"),
        Key("max_error", LIST, "guaranteed error, one or one per layer"),
        Key("target_ratio", NUMBER, "replayed share to calibrate to"),
        Key("budget", NUMBER, "share of the dense MLP multiplications to calibrate to"),
        Key("correct", INTEGER, "rank of a correction of replayed outputs"),
        Key("closed_loop_runs", INTEGER, "corrective runs of the calibration"),
        Key("calibration_clips", INTEGER, "clips to calibrate on"),
        Key("window", INTEGER, "newest tokens that attention sees"),
        Key("sinks", INTEGER, "oldest tokens beside a window"),
        Key("guidance", NUMBER, "scale of guidance"),
        Key("temperature", NUMBER, "of the sampling"),
        Key("max_chain", INTEGER, "most replays in a row"),
        Key("warmup_frames", INTEGER, "frames that never replay"),
        Key("kv_cache", TEXT, "exact, bfloat16 or int8"),
        Key("engine", TEXT, "numpy or numba; none = numpy, which repeats bit by bit"),
    ),
    (
        Key("replay_ratio", NUMBER, "replayed share of all fed tokens and layers"),
        Key("mlp_share", NUMBER, "MLP multiplications with gate and correction over dense ones"),
        Key("layer_share", NUMBER, "likewise of whole layers"),
        Key("psnr_decibels", NUMBER, "replay against dense"),
        Key("ssim", NUMBER, "replay against dense"),
        Key("identical_share", NUMBER, "frames that are equal in both"),
        Key("dense_truth_psnr_decibels", NUMBER, "dense against the true frames of a clip"),
        Key("replay_truth_psnr_decibels", NUMBER, "replay against the true frames"),
    ),
    chunk_size=1,
)
COSIM = Scope(
    "cosim",
    (
        *_MODEL,
        Key("level", TEXT, "mlp or decoder: `--scope` of `fastcar cosim`; none = mlp"),
        Key("backend", TEXT, "simulator"),
        Key("batch", INTEGER, "B, slots"),
        Key("cores", INTEGER, "C, 1 to 32"),
        Key("lanes", INTEGER, "L, multipliers of a core"),
        Key("mode", TEXT, "drs, static or dense"),
        Key("source", TEXT, "what decides, score or distance"),
        Key("tau", LIST, "threshold, one or one per layer"),
        Key("target_ratio", NUMBER, "replayed share of the eligible decisions"),
        Key("budget", NUMBER, "share of the dense multiplications"),
        Key("latency", INTEGER, "of the memory, cycles"),
        Key("stall", NUMBER, "probability that a channel of the memory waits"),
        Key("seed", INTEGER, "of stalls and draws"),
        Key("first_token", INTEGER, "generated index of the first simulated token"),
        Key("num_tokens", INTEGER, "simulated tokens"),
        Key("frames", INTEGER, "of the video"),
        Key("given_frames", INTEGER, "true frames at the start"),
        Key("temperature", NUMBER, "of the draws of the decoder"),
        Key("calibration_clips", INTEGER, "for scales and thresholds"),
        Key("window", INTEGER, "newest tokens that attention sees"),
        Key("sinks", INTEGER, "oldest tokens beside a window"),
    ),
    (
        Key("equal", FLAG, "hardware and reference agree in every record"),
        Key("failure", TEXT, "what differs first"),
        Key("runs", INTEGER, "of the accelerator"),
        Key("compared_records", INTEGER, "records that were compared"),
        Key("replay_ratio", NUMBER, "replayed share of the decisions"),
        Key("measured_cycles", INTEGER, "of all runs"),
        Key("dense_cycles", INTEGER, "of the same without replay, by the cycle model"),
        Key("speed_up_against_dense", NUMBER, "dense over measured cycles"),
        Key("mac_multipliers", INTEGER, "C times L: DSP blocks of the MAC arrays"),
    ),
    chunk_size=1,
)
SCOPES = {scope.name: scope for scope in (CYCLES, DECODER, COSIM)}
"""By the name that a sweep file says."""

DIGESTS = (
    Key("point_index", INTEGER, "place of the point in the sweep, from 0"),
    Key("point_sha256", TEXT, "of the scope and what the point says"),
    Key("spec_sha256", TEXT, "of the sweep: all its points in their order"),
    Key("code_sha256", TEXT, "of every source file of the package"),
    Key("weights_sha256", TEXT, "of the model's weights; null where none are read"),
)
"""First columns of every row."""
REFUSAL = Key("refusal", TEXT, "why the point has no result; null where it has one")
"""The last one."""


def list_columns(scope: Scope) -> tuple[Key, ...]:
    """Columns of the rows of a scope, in their order.

    >>> [key.name for key in list_columns(COSIM)][-2:]
    ['mac_multipliers', 'refusal']
    """
    return (*DIGESTS, *scope.keys, *scope.results, REFUSAL)
