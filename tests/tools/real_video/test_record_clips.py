"""Recorded clips: mixtures take the sources in turn, and the same clips come in every run."""

import numpy as np

from fastcar.reference.video.codec import PatchCodec
from tools.real_video.films import Films
from tools.real_video.record_clips import CLIPS, draw_clips, interleave, record
from tools.real_video.sources import SOURCES, STUDY_MIXTURE


def make_films() -> Films:
    """Noise for every source, as long as its spans."""
    films: Films = {}
    for source in SOURCES:
        last = max(
            stop
            for spans in (source.train, source.calibration, source.held_out)
            for _, stop in spans
        )
        rng = np.random.default_rng(len(films))
        for height in source.heights:
            films[source.name, height] = rng.integers(0, 256, (last, height, height + 3), np.uint8)
    return films


def test_mixtures_take_sources_in_turn() -> None:
    clips = [
        (np.full((3, 2), source * 10) + np.arange(3)[:, None]).astype(np.uint16)
        for source in (1, 2)
    ]
    assert interleave(clips)[:, 0].tolist() == [10, 20, 11, 21, 12, 22]


def test_splits_of_both_kinds() -> None:
    films = make_films()
    codec = PatchCodec(np.linspace(0, 1, 8 * 16, dtype=np.float32).reshape(8, 16))
    clear, everything = (record(films, codec, which) for which in ("clear", "all"))
    assert {"mire.token_ids", "cube.token_ids", "mbtcube_calibration.token_ids"} <= set(clear)
    assert not any(name.startswith(("vtest", "highway", "face")) for name in clear)
    assert clear["held_out.token_ids"].shape == (4 * CLIPS["held_out"], 16 * 64)
    held_out = everything["held_out.token_ids"]
    assert len(held_out) == len(STUDY_MIXTURE) * CLIPS["held_out"]
    names = [source.name for source in SOURCES if source.name in STUDY_MIXTURE]
    for place, name in enumerate(names):
        assert (held_out[place] == everything[f"{name}.token_ids"][0]).all()


def test_the_same_clips_come_again() -> None:
    films = make_films()
    again, first = (draw_clips(films, SOURCES[0], "held_out", 3) for _ in range(2))
    assert (again == first).all()
    assert not (draw_clips(films, SOURCES[0], "calibration", 3) == first).all()
