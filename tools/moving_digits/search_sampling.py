"""Which sampling draws the prompted digit: a table over temperature, filters and guidance.

    python -m tools.moving_digits.search_sampling --checkpoint DIR

The videos are other than the reported ones of `tools.moving_digits.evaluate`: another seed, and
prompts dealt in another order. The table goes to sampling_search.json beside the weights.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from itertools import product
from pathlib import Path
from typing import Any

from fastcar.reference.video.model import SHIPPED_MODEL, VideoModel, load_video_model
from tools.moving_digits.digit_images import load_split
from tools.moving_digits.digit_recognition import DigitClassifier
from tools.moving_digits.prompted_videos import (
    PromptedSettings,
    generate_prompted,
    judge_videos,
)
from tools.moving_digits.prompts import make_prompts, require_prompts

SEARCH_SEED = 1000
FIRST_DIRECTION = 3
VIDEOS_PER_DIGIT = 5
SCREENING_FRAMES = 6
NUM_FINALISTS = 2

GUIDANCES = (None, 1.5, 2.0, 3.0)
TEMPERATURES = (0.5, 0.7, 1.0)
FILTERS: tuple[tuple[int | None, float], ...] = ((None, 1.0), (None, 0.95), (32, 1.0))
"""(top_k, top_p), tried at the best guidance and temperature without a filter."""


def judge_settings(
    model: VideoModel, classifier: DigitClassifier, settings: PromptedSettings, num_frames: int
) -> dict[str, Any]:
    """One line of the table."""
    asked = make_prompts(VIDEOS_PER_DIGIT, FIRST_DIRECTION)
    prompts = require_prompts(model.draw_starts(asked, SEARCH_SEED))
    videos = generate_prompted(model, prompts, settings, num_frames, SEARCH_SEED)
    verdict = judge_videos(classifier, videos, prompts)
    line = asdict(settings) | {"num_frames": num_frames} | verdict
    shown = {name: entry for name, entry in line.items() if not isinstance(entry, list)}
    print(json.dumps(shown), flush=True)
    return line


def get_best(lines: list[dict[str, Any]], count: int) -> list[PromptedSettings]:
    """Settings of the lines with the largest share of videos right throughout."""
    ranked = sorted(lines, key=lambda line: -line["right_throughout_share"])
    names = PromptedSettings.__dataclass_fields__
    return [PromptedSettings(**{name: line[name] for name in names}) for line in ranked[:count]]


def search(model: VideoModel, classifier: DigitClassifier) -> dict[str, Any]:
    """Screen on the first frames, then whole videos of the best, continued in both ways."""
    screened = [
        judge_settings(model, classifier, PromptedSettings(guidance, temperature), SCREENING_FRAMES)
        for guidance, temperature in product(GUIDANCES, TEMPERATURES)
    ]
    best = get_best(screened, 1)[0]
    screened += [
        judge_settings(
            model,
            classifier,
            PromptedSettings(best.guidance, temperature, top_k, top_p),
            SCREENING_FRAMES,
        )
        for temperature in TEMPERATURES
        for top_k, top_p in FILTERS[1:]
    ]
    finals = [
        judge_settings(
            model,
            classifier,
            PromptedSettings(**asdict(settings) | {"continue_greedily": continue_greedily}),
            model.geometry.frames,
        )
        for settings in get_best(screened, NUM_FINALISTS)
        for continue_greedily in (False, True)
    ]
    return {
        "seed": SEARCH_SEED,
        "screened": screened,
        "finals": finals,
        "best": asdict(get_best(finals, 1)[0]),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--checkpoint", type=Path, default=SHIPPED_MODEL, help="default: shipped")
    parser.add_argument("--out", type=Path, help="default: sampling_search.json in the checkpoint")
    arguments = parser.parse_args()
    model = load_video_model(arguments.checkpoint)
    found = search(model, DigitClassifier(load_split()[0], model.geometry))
    out = arguments.out or arguments.checkpoint / "sampling_search.json"
    out.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found["best"]))


if __name__ == "__main__":
    main()
