"""`fastcar trace`: teacher-forced decode of any checkpoint, all decisions and outputs to a file."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import numpy as np

from fastcar.cli.console import note, warn
from fastcar.cli.engine_option import cache_option, engine_option
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    DTYPES,
    apply_options,
    attention_options,
    correction_option,
    dtype_option,
    eligibility_options,
    out_option,
    read_thresholds,
    semantics_option,
)
from fastcar.cli.path_type import PATH
from fastcar.cli.shares import format_share
from fastcar.output import check_no_input, check_writable, write_atomically
from fastcar.reference.correction import load_correction
from fastcar.reference.engine_choice import EngineChoice
from fastcar.reference.errors import ArgumentError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.files.config_file import load_config
from fastcar.reference.files.quantization_config import get_quantization
from fastcar.reference.files.tokens_file import read_tokens
from fastcar.reference.inert import list_warnings
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.replay import ReplayConfig, Semantics
from fastcar.reference.sparse_attention import SparseAttention, make_sparse_attention
from fastcar.reference.thresholds import spread_thresholds
from fastcar.reference.trace import Trace, make_score_gate
from fastcar.reference.vila_u.config import is_vila_u
from fastcar.reference.vila_u.trace import GUIDANCE, VilaUTrace
from fastcar.tracing import run_given_trace, trace_vila_u

_OPTIONS = (
    *make_checkpoint_options("Hugging Face Llama or VILA-U directory.", None, is_required=True),
    click.option(
        "--tokens",
        type=PATH,
        required=True,
        metavar="TOKENS.npz",
        help="Integer arrays prompt_ids [B,P], forced_ids [B,S], perhaps prompt_mask [B,P]; for a "
        "VILA-U directory codes [b,T,D] in place of forced_ids.",
    ),
    click.option(
        "--tokens-per-frame", type=int, required=True, metavar="N", help="Tokens of one frame."
    ),
    click.option(
        "--tau",
        callback=read_thresholds,
        metavar="X|none,X,..",
        help="TAS threshold, one or one per layer: 0.4 or none,0.1,-0.2.  [none]",
    ),
    click.option(
        "--guidance",
        type=float,
        metavar="SCALE",
        help="Classifier-free guidance; of a VILA-U directory alone.  [3]",
    ),
    correction_option,
    click.option("--thresholds", callback=read_thresholds, hidden=True),
    semantics_option,
    dtype_option,
    engine_option,
    cache_option,
    *eligibility_options,
    *attention_options,
    out_option("TRACE.npz", "Where the arrays go."),
    click.option("--json", "is_json", is_flag=True, help="Print the summary as JSON."),
)


@click.command()
@apply_options(_OPTIONS)
def trace(
    checkpoint: Path,
    tokens: Path,
    tau: tuple[float | None, ...] | None,
    thresholds: tuple[float | None, ...] | None,
    dtype: str,
    engine: str,
    kv_cache: str,
    correction: Path | None,
    guidance: float | None,
    out: Path,
    is_json: bool,
    **options: Any,
) -> None:
    """Decode given tokens and record all decisions and outputs.

    \b
    Example:
      fastcar trace --checkpoint LLAMA --tokens TOKENS.npz --tokens-per-frame 16 --out trace.npz

    \b
    Arrays, S steps, L layers, B rows, H heads, D width, V vocabulary:
      prefill_logits [B,P,V]   logits [S,B,V]
      score_heads [S,L,B,H]    tas [S,L,B], NaN where no score is taken
      eligible [S,B]           replayed [S,L,B], bool
      mlp_used [S,L,B,D]       layer_out [S,L,B,D]

    \b
    Of a VILA-U directory, b videos, R = 2 b rows, T positions, S = T - 1, D codes of a place:
      hidden [R,T,H]           depth_logits [R,T,D,n]   guided_logits [b,T,D,n]
      tas [S,L,R]              eligible [S,R]           replayed [S,L,R]
      mlp_used [S,L,R,H]
    """  # noqa: D301 - click reads \b as "keep these lines"
    if thresholds is not None:
        if tau is not None:
            raise ArgumentError("thresholds", thresholds, "left out: it is the old name of tau")
        tau = thresholds
    if tau is None:
        tau = (None,)
    replay, sparse = _make_settings(**options)
    check_no_input(out, tokens, checkpoint, *(() if correction is None else (correction,)))
    check_writable(out)
    if correction is not None:
        replay = replace(replay, correction=load_correction(correction))
    result: Trace | VilaUTrace
    if is_vila_u(checkpoint):
        result, choice = trace_vila_u(
            checkpoint,
            tokens,
            DTYPES[dtype],
            replay,
            tau,
            asked=engine,
            sparse=sparse,
            fused=options["fused"],
            cache_storage=CacheStorage(kv_cache),
            guidance=GUIDANCE if guidance is None else guidance,
        )
    elif guidance is not None:
        raise ArgumentError("guidance", guidance, "left out: of a VILA-U directory alone")
    else:
        settings = replay, tau, sparse, options["fused"], engine, CacheStorage(kv_cache)
        result, choice = _trace_llama(checkpoint, tokens, DTYPES[dtype], *settings)
    with write_atomically(out) as partial, partial.open("wb") as file:
        np.savez(file, **vars(result))
    chosen = spread_thresholds("tau", tau, result.replayed.shape[1])
    summary = summarise(result, chosen)
    summary |= {"engine": choice.name, "engine_reason": choice.reason}
    if thresholds is not None:
        note("--thresholds is now --tau")
    for line in summary["warnings"]:
        warn(line)
    if is_json:
        click.echo(json.dumps(summary))
        return
    click.echo(f"engine {choice.name}: {choice.reason}")
    click.echo(format_summary(summary, out))


def _trace_llama(
    checkpoint: Path,
    tokens: Path,
    dtype: Any,
    replay: ReplayConfig,
    tau: tuple[float | None, ...],
    sparse: SparseAttention | None,
    fused: bool,
    asked: str,
    storage: CacheStorage,
) -> tuple[Trace, EngineChoice]:
    claimed = load_config(checkpoint, get_quantization(checkpoint))
    given = read_tokens(tokens, claimed.max_position_embeddings)
    config, weights = load_checkpoint(checkpoint, dtype)
    given.check_model(config)
    gate = make_score_gate(tau, config.num_hidden_layers, replay.semantics)
    return run_given_trace(config, weights, given, replay, gate, sparse, fused, asked, storage)


def _make_settings(
    tokens_per_frame: int,
    semantics: str,
    max_chain: int | None,
    warmup_frames: int,
    window: int | None,
    sinks: int | None,
    fused: bool,
) -> tuple[ReplayConfig, SparseAttention | None]:
    replay = ReplayConfig(tokens_per_frame, Semantics(semantics), warmup_frames, max_chain)
    return replay, make_sparse_attention(window, sinks)


def summarise(result: Trace | VilaUTrace, thresholds: tuple[float | None, ...]) -> dict[str, Any]:
    """Sizes and replay ratios of a trace, as JSON values; no warning where no layer has a tau."""
    steps, layers, rows = result.replayed.shape
    warnings: list[str] = []
    if any(threshold is not None for threshold in thresholds):
        eligible = result.eligible[:, None]  # [S, 1, B]
        warnings = list_warnings(eligible, result.replayed, result.tas, thresholds)
    return {
        "steps": steps,
        "layers": layers,
        "rows": rows,
        "replay_ratio": float(result.replayed.mean()) if result.replayed.size else None,
        "ceiling": float(result.eligible.mean()) if result.eligible.size else None,
        "warnings": warnings,
    }


def format_summary(summary: dict[str, Any], out: Path) -> str:
    """One line of `summarise`, and where the trace was written."""
    return (
        f"{summary['steps']} steps, {summary['layers']} layers, {summary['rows']} rows, "
        f"{format_share(summary['replay_ratio'])} replayed "
        f"(ceiling {format_share(summary['ceiling'])}); "
        f"written to {out}"
    )
