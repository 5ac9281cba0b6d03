"""`fastcar generate`: videos dense and with replay, side by side, with honest numbers."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import click

from fastcar.cli.console import show_progress, warn
from fastcar.cli.engine_option import cache_option, engine_option
from fastcar.cli.model_option import make_checkpoint_options
from fastcar.cli.options import (
    DTYPES,
    NearestChoice,
    apply_options,
    attention_options,
    budget_option,
    correction_option,
    dtype_option,
    eligibility_options,
    force_option,
    json_option,
    out_option,
    read_thresholds,
    semantics_option,
)
from fastcar.cli.path_type import PATH
from fastcar.ending import end_at_once_inside
from fastcar.extras import check_installed
from fastcar.folder_output import check_writable_directory, write_directory_atomically
from fastcar.gate_choice import DEFAULT_CLOSED_LOOP_RUNS
from fastcar.generation import run_generation
from fastcar.proofs.certificate_names import CERTIFICATES
from fastcar.reference.errors import ArgumentError
from fastcar.reference.gate_factory import GATE_NAMES
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.replay import Semantics
from fastcar.reference.sampling import Sampling
from fastcar.reference.temporal_attention_score import HeadAggregation
from fastcar.reference.video.model import load_video_model
from fastcar.reference.vila_u.config import is_vila_u
from fastcar.request import (
    BEST_GATE,
    DEFAULT_CALIBRATION_CLIPS,
    DEFAULT_TEMPERATURE,
    GenerationRequest,
)
from fastcar.vila_u_generation import PUBLISHED_SAMPLING, run_vila_u_generation
from fastcar.vila_u_videos import load_vila_u_videos

DEFAULT_SAMPLING = Sampling(DEFAULT_TEMPERATURE)

_WHAT = (
    click.option(
        "--prompt",
        "prompts",
        multiple=True,
        metavar="TEXT",
        help='What to show, as "3 right-down" or "7 left from 4,0"; may be repeated. Left out '
        "with a model that takes no prompt.",
    ),
    click.option(
        "--prompt-ids",
        type=PATH,
        metavar="PROMPT.npz",
        help="Of a VILA-U directory, in place of --prompt: prompt_ids [2b,P], conditional rows "
        "first, perhaps prompt_mask.",
    ),
    click.option(
        "--continue",
        "clips",
        multiple=True,
        metavar="NAME:K[-M]",
        help="Continue recorded clips, as held_out:3 or held_out:0-7; their truth is known.",
    ),
    click.option(
        "--given-frames",
        type=int,
        default=2,
        show_default=True,
        help="True frames that a continued clip starts with.",
    ),
    click.option("--frames", type=int, help="Frames of each video.  [as trained]"),
    click.option(
        "--batch",
        type=int,
        default=1,
        show_default=True,
        help="Videos per prompt or clip, or all of them.",
    ),
    click.option("--seed", type=int, default=0, show_default=True, help="Of the sampling."),
)
_REPLAY = (
    click.option(
        "--gate",
        type=NearestChoice((*GATE_NAMES, BEST_GATE)),
        default="tas",
        show_default=True,
        help="What decides about replay; best, with --budget: the calibration clips choose gate, "
        "correction, warm-up and layers.",
    ),
    click.option(
        "--tau",
        callback=read_thresholds,
        metavar="X|none,X,..",
        help="Threshold, one or one per layer: none,0.1,-0.2.",
    ),
    click.option(
        "--max-error",
        callback=read_thresholds,
        metavar="E|none,E,..",
        help="With --gate input: guaranteed error of a replayed output, one or one per layer.",
    ),
    click.option(
        "--certificate",
        type=NearestChoice(CERTIFICATES),
        help="What guarantees it: the inputs' distance or the activations.  [distance]",
    ),
    click.option(
        "--target-ratio", type=float, metavar="R", help="Calibrate to this replay ratio.  [0.5]"
    ),
    budget_option("run"),
    click.option(
        "--correct",
        type=int,
        metavar="RANK",
        help="Move replayed outputs with their inputs, by factors of this rank fitted to the "
        "calibration clips; they are written to correction.safetensors.",
    ),
    correction_option,
    click.option("--per-layer", is_flag=True, help="Calibrate every layer to the ratio."),
    click.option(
        "--closed-loop-runs",
        type=int,
        help="Corrective runs of the calibration, at most; 0 trusts the dense run.  "
        f"[{DEFAULT_CLOSED_LOOP_RUNS}]",
    ),
    click.option("--adaptive", is_flag=True, help="Track the ratio online, without calibration."),
    click.option(
        "--calibration-clips",
        type=int,
        help="Recorded clips to calibrate on.  "
        f"[{DEFAULT_CALIBRATION_CLIPS}, fewer where there are fewer]",
    ),
    *eligibility_options,
    semantics_option,
    click.option(
        "--aggregation",
        type=NearestChoice(kind.value for kind in HeadAggregation),
        default=HeadAggregation.MEAN.value,
        show_default=True,
        help="Score of a layer from its heads' scores.",
    ),
)
_SAMPLING = (
    click.option(
        "--guidance",
        type=float,
        metavar="SCALE",
        help="Classifier-free guidance.  [none; VILA-U 3]",
    ),
    click.option(
        "--temperature",
        type=float,
        help=f"0 takes the likeliest.  [{DEFAULT_TEMPERATURE}; VILA-U 1]",
    ),
    click.option(
        "--top-k",
        type=int,
        metavar="K",
        help="Draw from the K likeliest codes.  [all; VILA-U 900]",
    ),
    click.option("--top-p", type=float, help="Draw from this much mass.  [1; VILA-U 0.96]"),
)
_RUN = (
    *make_checkpoint_options("Directory of a video model, or of VILA-U."),
    dtype_option,
    engine_option,
    cache_option,
    click.option(
        "--repeats",
        type=int,
        default=2,
        show_default=True,
        help="Timed runs of each kind, dense and replay in turn.",
    ),
    out_option("DIR", "Directory for GIFs, sheet.png, records.npz and report.json."),
    force_option,
    json_option,
)


@click.command()
@apply_options((*_WHAT, *_REPLAY, *attention_options, *_SAMPLING, *_RUN))
def generate(**options: Any) -> None:
    """Generate videos twice, dense and with replay, and compare them.

    \b
    Examples:
      fastcar generate --prompt "3 right-down" --out out/three
      fastcar generate --continue held_out:0-3 --tau 0.2 --out out/clips
      fastcar generate --prompt "3 right-down" --gate best --budget 0.6 --out out/best
    """  # noqa: D301 - click reads \b as "keep these lines"
    # what draws takes long to import: --help does without, a run starts with it
    with end_at_once_inside():
        check_installed("skimage")  # imported where frames are compared
        from fastcar.gallery import write_results
        from fastcar.report import build_report

    checkpoint, dtype = options.pop("checkpoint"), DTYPES[options.pop("dtype")]
    directory, is_json = options.pop("out"), options.pop("is_json")
    is_forced, prompt_ids = options.pop("is_forced"), options.pop("prompt_ids")
    is_of_vila_u = is_vila_u(checkpoint)
    if prompt_ids is not None and not is_of_vila_u:
        raise ArgumentError("prompt_ids", str(prompt_ids), "left out: of a VILA-U directory alone")
    request = make_request(PUBLISHED_SAMPLING if is_of_vila_u else DEFAULT_SAMPLING, **options)
    check_writable_directory(directory, is_forced)
    if is_of_vila_u:
        videos = load_vila_u_videos(checkpoint, request.prompts, prompt_ids, request.batch, dtype)
        run: Any = partial(run_vila_u_generation, videos)
    else:
        run = partial(run_generation, load_video_model(checkpoint, dtype))
    with write_directory_atomically(directory, "generate", is_forced) as folder:
        with show_progress() as progress:
            generation = run(request, progress)
        report = write_results(generation, build_report(generation), folder)
    for line in report["warnings"]:
        warn(line)
    if is_json:
        click.echo(json.dumps(report, allow_nan=False))
    else:
        from fastcar.cli.tables import print_report

        print_report(report, directory)


def make_request(
    default: Sampling,
    temperature: float | None,
    top_k: int | None,
    top_p: float | None,
    semantics: str,
    aggregation: str,
    kv_cache: str,
    **options: Any,
) -> GenerationRequest:
    """The request of parsed options."""
    return GenerationRequest(
        sampling=Sampling(
            default.temperature if temperature is None else temperature,
            default.top_k if top_k is None else top_k,
            default.top_p if top_p is None else top_p,
        ),
        semantics=Semantics(semantics),
        aggregation=HeadAggregation(aggregation),
        kv_cache=CacheStorage(kv_cache),
        **options,
    )
