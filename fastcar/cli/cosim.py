"""`fastcar cosim`: the accelerator on real tokens, in lock-step with the integer reference."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import click

from fastcar.cli.console import note, show_progress, warn
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    apply_options,
    budget_option,
    choice_option,
    file_option,
    json_option,
    number_option,
    read_thresholds,
    source_option,
    tokens_options,
    window_options,
)
from fastcar.cosim.report_tables import format_report
from fastcar.cosim.request import (
    BACKENDS,
    DEFAULT_BATCH,
    DEFAULT_CALIBRATION_CLIPS,
    DEFAULT_LANES,
    DEFAULT_TARGET_RATIO,
    DEFAULT_TOKENS,
    MAX_STALL,
    CosimRequest,
    Mode,
)
from fastcar.cosim.wave.window import DEFAULT_WINDOW
from fastcar.cosim.whole.report_tables import format_decoder_report
from fastcar.cosim.whole.request import DEFAULT_DECODER_TOKENS, DecoderRequest
from fastcar.cosim.whole.scope import Scope, make_cosim_request
from fastcar.cosimulation import cosimulate_model
from fastcar.ending import end_at_once_inside
from fastcar.output import check_no_input, check_writable, write_atomically
from fastcar.reference.errors import ArgumentError, OutputError
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.token_model import load_clip_model
from fastcar.wave_output import WaveRequest, request_wave, write_last_wave

EXIT_DIFFERENT = 1

_DEFAULTS = CosimRequest()
_OPTIONS = (
    choice_option(
        "--scope",
        [scope.value for scope in Scope],
        Scope.MLP.value,
        "What the accelerator computes: decisions and MLP phase, or everything from token to "
        "token, the prompt and the next token included.",
    ),
    choice_option(
        "--backend",
        BACKENDS,
        _DEFAULTS.backend,
        "Simulator; verilator needs a C++ compiler.",
    ),
    number_option(
        "--frames",
        None,
        "Simulate to the end of frame F, the decoder from its prompt on.  [as tokens need]",
        "F",
    ),
    number_option(
        "--first-token",
        None,
        "Token to begin at; the state before is the reference's.  [first of frame 1; with "
        "--num-tokens one where decisions differ]",
        "J",
    ),
    number_option(
        "--num-tokens",
        None,
        f"Tokens to simulate.  [a frame, at most {DEFAULT_TOKENS}, of the decoder "
        f"{DEFAULT_DECODER_TOKENS}; with --backend pyrtl 1]",
        "T",
    ),
    number_option(
        "--given-frames",
        None,
        f"True frames at the start; the others are drawn.  [{_DEFAULTS.given_frames}, of the "
        f"decoder {DecoderRequest.given_frames}]",
    ),
    number_option(
        "--temperature",
        None,
        "Of the draws of the decoder.  [0, greedy]",
        "T",
        float,
    ),
    click.option(
        "--barrier",
        is_flag=True,
        default=None,
        help="A layer of the decoder begins when all cores are idle, not while slots of the one "
        "before are under way.",
    ),
    *(
        click.option(name, hidden=True, type=kind)
        for name, kind in (("--guidance", float), ("--top-k", int), ("--top-p", float))
    ),
    number_option(
        "--batch",
        None,
        f"Held-out clips, one per slot.  [{DEFAULT_BATCH}, fewer where there are fewer]",
        "B",
    ),
    number_option("--cores", _DEFAULTS.cores, "Cores.", "C"),
    number_option(
        "--lanes",
        None,
        f"Multipliers of a core.  [{DEFAULT_LANES}, fewer for a smaller model]",
        "L",
    ),
    choice_option(
        "--mode",
        [mode.value for mode in Mode],
        _DEFAULTS.mode.value,
        "Dynamic or static mapping with replay, or no replay.",
    ),
    source_option(_DEFAULTS.source),
    click.option(
        "--tau",
        callback=read_thresholds,
        metavar="X|none,X,..",
        help="Threshold of score or distance, one or one per layer; in place of a ratio.",
    ),
    number_option(
        "--target-ratio",
        None,
        f"Calibrate to this replayed share of the eligible decisions.  [{DEFAULT_TARGET_RATIO}]",
        "R",
        float,
    ),
    budget_option("eligible decisions"),
    number_option("--latency", _DEFAULTS.latency, "Of the memory.", "CYCLES"),
    number_option(
        "--stall",
        _DEFAULTS.stall,
        f"Probability that a channel of the memory waits in a cycle, at most {MAX_STALL}.",
        "P",
        float,
    ),
    number_option("--seed", _DEFAULTS.seed, "Of the stalls, and of the draws of a temperature."),
    number_option(
        "--max-blocks",
        None,
        "Words of keys that the score buffer of the decoder holds.  [as tokens need, or as block "
        "RAM has]",
        "M",
    ),
    *window_options,
    number_option(
        "--calibration-clips",
        None,
        "Clips for scales and thresholds.  "
        f"[{DEFAULT_CALIBRATION_CLIPS}, fewer where there are fewer]",
    ),
    *make_checkpoint_options("Video model, or with --tokens any Hugging Face Llama directory."),
    *tokens_options,
    file_option(
        "--wave",
        "FILE.vcd|.fst",
        "What this run did in the layer that failed, or in the last: a wave form, and its signals "
        "in groups for GTKWave, FILE.gtkw, and Surfer, FILE.sucl.",
    ),
    click.option(
        "--wave-window",
        metavar="CYCLES|all",
        help="Cycles of the wave form before and behind the difference; without one they end with "
        f"the layer.  [{DEFAULT_WINDOW}]",
    ),
    file_option(
        "--out",
        "FILE.json",
        "Where the report goes, besides the tables; with a picture beside it, FILE.png.",
    ),
    json_option,
)


@click.command()
@apply_options(_OPTIONS)
def cosim(
    checkpoint: Path,
    tokens: Path | None,
    tokens_per_frame: int | None,
    scope: str,
    mode: str,
    source: str,
    wave: Path | None,
    wave_window: str | None,
    out: Path | None,
    is_json: bool,
    **options: Any,
) -> int:
    """Run the accelerator on real tokens, in lock-step with the integer reference.

    Exit code 1 if anything differs.

    \b
    Examples:
      fastcar cosim
      fastcar cosim --source distance --mode static --out out/static.json
      fastcar cosim --backend verilator --batch 16 --frames 16
      fastcar cosim --scope decoder
      fastcar cosim --scope decoder --frames 3 --batch 2 --temperature 0.7
      fastcar cosim --checkpoint LLAMA --tokens TOKENS.npz --tokens-per-frame 16 --tau 0.3
    """  # noqa: D301 - click reads \b as "keep these lines"
    if out is not None:
        with end_at_once_inside():
            from fastcar.decoder_pictures import draw_decoder  # Matplotlib: only a file needs it
            from fastcar.hardware_pictures import draw_cosim

    is_renamed = tokens is not None and is_number_of_tokens(tokens)
    if is_renamed:
        options["num_tokens"], tokens = int(str(tokens)), None
    request = make_cosim_request(
        scope,
        mode=Mode(mode),
        source=DecisionSource(source),
        records_wave=wave is not None,
        **options,
    )
    is_decoder = isinstance(request, DecoderRequest)
    picture = None if out is None else get_picture_path(out)
    wanted = request_wave(wave, wave_window, tokens, checkpoint)
    for path in (out, picture):
        if path is not None:
            check_no_input(path, tokens, checkpoint)
    check_outputs(wanted, out, picture)
    model = load_clip_model(checkpoint, tokens, tokens_per_frame)
    with show_progress() as progress:
        done = cosimulate_model(request, model, progress)
    if wanted is not None:
        with show_progress("cycles") as progress:
            write_last_wave(wanted, done, note, progress)
    report, failure = done.report, done.failure
    text = json.dumps(report, indent=1, allow_nan=False)
    if out is not None and picture is not None:
        with write_atomically(picture) as partial_picture, write_atomically(out) as partial:
            partial.write_text(text + "\n", encoding="utf-8")
            draw = draw_decoder if is_decoder else draw_cosim
            draw(report, partial_picture)
    if is_renamed:
        note("--tokens takes a file now; the number of tokens is --num-tokens")
    for line in report["warnings"]:
        warn(line)
    format_tables = format_decoder_report if is_decoder else format_report
    click.echo(text if is_json else format_tables(report))
    return EXIT_DIFFERENT if failure is not None else 0


def is_number_of_tokens(tokens: Path) -> bool:
    """Whether --tokens has a number, as it once did, and not the name of a file.

    >>> is_number_of_tokens(Path("37")), is_number_of_tokens(Path("tokens/37"))
    (True, False)
    """
    text = str(tokens)
    return text.isdecimal() and len(text) < 10 and not os.path.lexists(tokens)


def check_outputs(wave: WaveRequest | None, out: Path | None, picture: Path | None) -> None:
    """Refuse what could not be written, or would replace what is not ours, before a long run."""
    for path in (out, picture):
        if path is not None:
            check_writable(path)
    if out is not None and picture is not None and picture.exists() and not out.exists():
        limit = "must be new, or the picture of a report that stands beside it"
        raise OutputError(picture, f"is a picture without {out.name}: {limit}")
    paths = set() if wave is None else {path.resolve() for path in wave.paths}
    if out is not None and out.resolve() in paths:
        limit = "another file than the wave form and what stands beside it"
        raise ArgumentError("out", str(out), limit)


def get_picture_path(out: Path) -> Path:
    """The PNG beside a report.

    >>> get_picture_path(Path("out/cosim.json")).as_posix()
    'out/cosim.png'
    """
    picture = out.parent / f"{out.stem}.png"
    if picture == out:
        raise ArgumentError("out", str(out), "the JSON file; its picture gets the suffix .png")
    return picture
