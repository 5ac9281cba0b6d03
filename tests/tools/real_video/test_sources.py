"""The table of clips: spans that do not meet, files told apart, rights that allow it."""

from itertools import combinations

import pytest

from tools.real_video.sources import SOURCES, STUDY_MIXTURE, Source, select_sources

GAP = 16
"""Frames between what is trained and what is measured."""


def list_spans(source: Source) -> list[tuple[str, int, int]]:
    return [
        (split, start, stop)
        for split in ("train", "calibration", "held_out")
        for start, stop in getattr(source, split)
    ]


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.name)
def test_spans_of_a_clip_do_not_meet(source: Source) -> None:
    spans = list_spans(source)
    assert spans
    assert all(start < stop for _, start, stop in spans)
    for (split, start, stop), (other, other_start, other_stop) in combinations(spans, 2):
        apart = max(other_start - stop, start - other_stop)
        if "train" in (split, other):
            assert apart >= (0 if split == other else 2)
        assert apart >= 0


@pytest.mark.parametrize("source", [s for s in SOURCES if s.train and (s.held_out)], ids=str)
def test_what_is_trained_and_measured_lies_apart(source: Source) -> None:
    if source.camera == "film":  # a cut lies between
        return
    last = max(stop for _, stop in source.train)
    assert min(start for start, _ in source.held_out) >= last + GAP
    assert all(start >= last + GAP for start, _ in source.calibration)


def test_only_clear_rights_train_what_is_shipped() -> None:
    clear, everything = select_sources("clear"), select_sources("all")
    assert {source.name for source in clear} == {"mire", "ellipse", "line", "sintel", "bunny"}
    assert all(source.rights != "not stated" for source in clear)
    assert set(clear) < set(everything)
    assert all(source.rights == "not stated" for source in SOURCES if not source.rights_clear)


def test_names_and_files_are_unique() -> None:
    names = [source.name for source in SOURCES]
    assert len(set(names)) == len(names)
    assert set(STUDY_MIXTURE) <= set(names)
    digests = {source.package.sha256 for source in SOURCES}
    assert len(digests) == len({source.package.url for source in SOURCES})
    assert all(len(digest) == 64 for digest in digests)
