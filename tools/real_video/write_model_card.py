"""Write MODEL_CARD.md of the real-video model from what training and evaluation left.

    python -m tools.real_video.write_model_card --checkpoint DIR

Reads training.json, evaluation.json and config.json, and the table of sources. No number of the
card
is typed by hand, but for those of the earlier study that it is compared with.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from fastcar.reference.config import ModelConfig
from fastcar.reference.files.config_file import load_config
from tools.markdown import fill_paragraphs, format_table
from tools.real_video.clip_sampler import GEOMETRY
from tools.real_video.record_clips import CLIPS
from tools.real_video.sources import SOURCES, Source, Span, select_sources

Fields = dict[str, Any]

OWN_OPTIONS = ("out", "films", "start_from", "compile")
"""Arguments of the training that the card writes itself, or that do not change the result."""
STUDY = {"nats": 1.126, "bigram_nats": 1.643, "top_1": 0.736, "copying_top_1": 0.731}
"""What an earlier study reached with weights and codebook trained on four of the seven sources."""


def format_spans(spans: tuple[Span, ...]) -> str:
    """Spans of frames in words.

    >>> format_spans(((0, 30), (46, 50)))
    '0-29, 46-49'
    """
    return ", ".join(f"{start}-{stop - 1}" for start, stop in spans) or "none"


def format_rights(sources: tuple[Source, ...]) -> str:
    """Package, rights and spans of the sources that the shipped model knows or shows."""
    lines = [
        [
            source.name,
            source.shows,
            source.package.name,
            source.rights,
            *(format_spans(spans) for spans in (source.train, source.calibration, source.held_out)),
        ]
        for source in sources
    ]
    header = ["clip", "shows", "package", "rights", "training frames", "calibration", "held out"]
    return format_table(header, lines)


def format_sources(evaluation: Fields) -> str:
    """Every source's numbers; ± is the standard error across clips."""
    lines = []
    for name, source in evaluation["sources"].items():
        nats = np.array(source["nats"])
        error = nats.std(ddof=1) / np.sqrt(len(nats))
        lines.append(
            [
                name,
                source["camera"],
                "yes" if source["seen_in_training"] else "no",
                f"{source['codec_psnr_db']:.1f}",
                f"{source['changed_codes']:.1%}",
                f"{nats.mean():.3f} ± {error:.3f}",
                f"{np.mean(source['bigram_nats']):.3f}",
                f"{np.mean(source['top_1']):.1%}",
                f"{np.mean(source['copying_top_1']):.1%}",
            ]
        )
    header = [
        "clip",
        "camera",
        "other spans trained",
        "codec [dB]",
        "codes changed",
        "nats per token",
        "bigram",
        "top-1",
        "copying",
    ]
    return format_table(header, lines)


def format_summaries(evaluation: Fields) -> str:
    """The mixtures, and the earlier study on its own."""
    names = {
        "clear": "clips with clear rights",
        "study": "mixture of the earlier study",
        "all": "all clips",
    }
    lines = [
        [
            f"{words}, {summary['clips']} clips",
            f"{summary['nats']:.3f} ± {summary['nats_error']:.3f}",
            f"{summary['bigram_nats']:.3f}",
            f"{summary['top_1']:.1%}",
            f"{summary['copying_top_1']:.1%}",
        ]
        for key, words in names.items()
        for summary in [evaluation[key]]
    ]
    study = [f"{STUDY['nats']:.3f}", f"{STUDY['bigram_nats']:.3f}"]
    shares = [f"{STUDY[name]:.1%}" for name in ("top_1", "copying_top_1")]
    lines.append(["earlier study, its own model and codebook, 28 clips", *study, *shares])
    return format_table(["clips", "nats per token", "bigram", "top-1", "copying"], lines)


def format_command(arguments: Fields, stage_index: int) -> str:
    """The command of one stage, with the arguments that shape the result."""
    kept = {name: text for name, text in arguments.items() if name not in OWN_OPTIONS}
    options = [f"--{name.replace('_', '-')} {text}" for name, text in kept.items()]
    start = [f"--start-from out/stage{stage_index}"] if stage_index else []
    options = [f"--out out/stage{stage_index + 1}", *start, *options]
    return "python -m tools.real_video.train " + " ".join(options)


def format_card(config: ModelConfig, training: Fields, evaluation: Fields, weights: int) -> str:
    """The whole card.

    Args:
        config: sizes of the decoder.
        training: parameters and stages.
        evaluation: written by `tools.real_video.evaluate`.
        weights: bytes of model.safetensors.
    """
    stages = training["stages"]
    commands = "\n".join(
        format_command(stage["arguments"], index) for index, stage in enumerate(stages)
    )
    steps = sum(stage["steps"] for stage in stages)
    hours = sum(stage["cpu_hours"] for stage in stages)
    clear = tuple(source for source in SOURCES if source.rights_clear)
    measured = tuple(source for source in SOURCES if source.held_out and not source.rights_clear)
    trained = ", ".join(source.name for source in select_sources("clear"))
    packages = ", ".join(
        dict.fromkeys(f"{source.package.name} ({source.package.licence})" for source in measured)
    )
    return f"""# Real video, {GEOMETRY.frames} frames of {GEOMETRY.tokens_per_frame} tokens

A small auto-regressive model of grey video: a Llama-style decoder over the codes of a patch codec.
It takes no prompt; it continues clips. Written by `python -m tools.real_video.write_model_card`; no
number is typed by hand but those of the earlier study.

## Sizes

- {training["parameters"]:,} parameters, float32, {weights / 1e6:.1f} MB: width
  {config.hidden_size}, {config.num_hidden_layers} layers, {config.num_attention_heads} heads of
  {config.head_dim}, MLP {config.intermediate_size}, vocabulary {config.vocab_size}.
- Videos of {GEOMETRY.canvas_pixels}x{GEOMETRY.canvas_pixels} grey pixels, patches of
  {GEOMETRY.patch_pixels}x{GEOMETRY.patch_pixels}: {GEOMETRY.tokens_per_frame} tokens per frame, one
  of {config.vocab_size - 1} codes each.
- Rotary base {config.rope_theta:g}: pair 10 turns once in a frame of 64 tokens, and pair 1 once in
a
  row of 8 to within a hundredth (D-13, D-56).

## Clips, rights and licences

Weights and codebook are trained on {trained} and on nothing else: their makers state a licence for
them. That is the safer choice (D-56): what a package of software carries along as test data often
has
no stated origin, and weights may hold traces of what they saw. `clips.safetensors` holds codes of
the
clips below and of no others.

{format_rights(clear)}

Attribution: "Sintel" and "Big Buck Bunny", (c) Blender Foundation, durian.blender.org and
peach.blender.org, Creative Commons Attribution 3.0
(https://creativecommons.org/licenses/by/3.0/); changes: cut, scaled, grey, encoded. Images of ViSP,
(c) Inria, GNU General Public License version 2
(https://www.gnu.org/licenses/old-licenses/gpl-2.0.html); changes: scaled, cropped, encoded. The
clips are under these licences, not under that of the code.

Clips of other packages are measured and not shown: {packages}. `python -m tools.real_video.fetch`
fetches them; their frames stay outside of the repository.

Crops of 32x32 pixels from pictures of 40 to 192 lines; every 1st, 2nd or 3rd frame. In training:
half
of the clips are the liveliest of four, a tenth pans over a still frame, three tenths run backwards,
half are turned about the diagonal, half get another contrast and brightness. At least 16 frames or
a
cut lie between training, calibration and held-out frames of a clip. Clips of
packages with unclear rights were never trained on, nor were cube, castel and mbtcube.

## Training

{steps:,} steps, {hours:.2f} hours of processor time of one core; bfloat16 products, float32
weights,
averaged over the last steps.

```console
{commands}
```

Length is given in processor time, so another machine makes another number of steps and other
weights.

## Results on held-out clips

{CLIPS["held_out"]} clips of each source, teacher-forced, from the third frame on. The bigram says
which code follows which one frame later in the same place, counted on training clips; copying says
that nothing changes.

{format_sources(evaluation)}

{format_summaries(evaluation)}

The earlier study trained on other frames of four of its seven sources and with another codebook, so
nats per token do not compare directly; the distance to bigram and copying does.

## Intended use and limits

For measuring cache attentive replay on camera video whose true continuation is known. It is small,
not trained to convergence, its codec is coarse, and crops of one source overlap, so standard errors
are optimistic. It is no generator of useful video, and results on it need not hold for large
models.
"""


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, required=True, help="directory of the model")
    directory: Path = parser.parse_args().checkpoint
    training, evaluation = (
        json.loads((directory / name).read_text()) for name in ("training.json", "evaluation.json")
    )
    weights = (directory / "model.safetensors").stat().st_size
    card = format_card(load_config(directory), training, evaluation, weights)
    (directory / "MODEL_CARD.md").write_text(fill_paragraphs(card))


if __name__ == "__main__":
    main()
