from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from fastcar.reference.video.model import VideoModel
from tools.moving_digits.write_model_card import (
    CardSources,
    format_card,
    format_command,
    read_sources,
)

NATS = {"first_frame": 0.5, "second_frame": 0.01, "from_third_frame": 0.00512}
SHARES = {
    "right_throughout_share": 0.91,
    "right_first_frame_share": 0.93,
    "right_frames_share": 0.92,
    "no_digit_frames_share": 0.02,
    "right_motion_steps_share": 0.97,
}
PATH = {
    "on_path_share": 0.75,
    "on_path_to_the_end_share": 0.5,
    "on_path_in_last_frame_share": 0.55,
}
SETTINGS = {
    "guidance": 2.0,
    "temperature": 0.5,
    "top_k": None,
    "top_p": 0.9,
    "continue_greedily": True,
}


def make_stage(seed: int, **more: object) -> dict[str, Any]:
    """One stage of a training."""
    arguments = {"out": "/elsewhere", "minutes": "30", "seed": str(seed), "compile": "True"}
    return {
        "arguments": arguments | {"start_from": "None"},
        "steps": 12345,
        "hours": 0.5,
        "held_out_nats_per_token": NATS,
        "log": [],
    } | more


def make_sources(shipped: VideoModel, on_path: float = 0.75) -> CardSources:
    """Sources with known numbers."""
    part = {"nats_per_token": 0.0051, "top_1": 0.998}
    evaluation = {
        "num_clips": 100,
        "codec": {"psnr_db": 25.65, "worst_psnr_db": 23.8},
        "classifier": {
            "accuracy_real": 0.983,
            "accuracy_codec": 0.972,
            "true_clips": SHARES | {"right_throughout_share": 0.97},
        },
        "prompted": SHARES | {"num_videos": 100, "seed": 2000, "settings": SETTINGS},
        "teacher_forced": dict.fromkeys(
            ("first_frame", "second_frame", "from_third_frame", "beyond_training_length"), part
        ),
        "free_running": {
            "16_frames": PATH | {"on_path_share": on_path},
            "32_frames": PATH,
        },
    }
    stages = [make_stage(0, stopped="by hand"), make_stage(1)]
    training = {"parameters": 876672, "stages": stages}
    return CardSources(shipped.config, shipped.geometry, training, evaluation, None, 3510776)


def test_numbers_are_told_in_full(shipped: VideoModel) -> None:
    card = format_card(make_sources(shipped))
    for text in (
        "876,672 parameters",
        "3.5 MB",
        "12,345",
        "Seed 0, 1; 1.00 hours on two CPU cores",
        "Stage 1 was stopped by hand.",
        "0.00512",
        "E. Alpaydin and C. Kaynak",
        "CC BY 4.0",
        "guidance 2, temperature 0.5, top-p 0.9, after the first frame greedy without guidance",
        "98.3% of the held-out",
    ):
        assert text in card


def test_a_missed_target_is_told(shipped: VideoModel) -> None:
    def get_verdict(card: str) -> str:
        line = next(line for line in card.splitlines() if line.startswith("| free-running frames"))
        return line.split("|")[-2].strip()

    assert get_verdict(format_card(make_sources(shipped, on_path=0.6))) == "yes"
    assert get_verdict(format_card(make_sources(shipped, on_path=0.59))) == "no"


def test_the_command_starts_where_the_last_stage_ended() -> None:
    arguments = make_stage(3)["arguments"]
    first, second = (format_command(arguments, index) for index in range(2))
    assert "--start-from" not in first
    assert "--start-from out/stage1 --minutes 30 --seed 3" in second
    assert "/elsewhere" not in second


def test_sources_are_read_from_the_checkpoint(shipped: VideoModel, tmp_path: Path) -> None:
    for name in ("config.json", "video.json"):
        (tmp_path / name).write_bytes((shipped.directory / name).read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"12345")
    (tmp_path / "training.json").write_text(json.dumps({"parameters": 1, "stages": []}))
    with pytest.raises(FileNotFoundError, match=r"evaluation\.json"):
        read_sources(tmp_path)
    (tmp_path / "evaluation.json").write_text("{}")
    sources = read_sources(tmp_path)
    assert sources.weight_bytes == 5
    assert sources.search is None
    (tmp_path / "sampling_search.json").write_text('{"seed": 1}')
    assert read_sources(tmp_path).search == {"seed": 1}
