"""The whole analysis on a tiny model: report, page and figures; sentences for every outcome."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastcar.analysis import (
    adaptive,
    chains,
    decode_time,
    drift,
    free_running,
    gate_comparison,
    head_choice,
    layer_ratio,
    local_window,
    output_similarity,
    predictive_power,
    threshold_curve,
)
from fastcar.analysis.finding import (
    Json,
    Stance,
    describe_contest,
    get_contest_stance,
    join_words,
)
from fastcar.analysis.report import QUESTIONS, analyze, make_page, write_report
from fastcar.reference.video.model import load_video_model
from tests.fastcar.commands import check_refused, list_files, run_command
from tests.fastcar.schema import list_undocumented
from tests.fastcar.tiny_video_model import TINY_SETTINGS, save_tiny_video_model

ROOT = Path(__file__).parent.parent.parent
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_video_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def report(checkpoint: Path) -> Json:
    return analyze(load_video_model(checkpoint), TINY_SETTINGS)


@pytest.fixture
def findings(report: Json) -> Json:
    """A copy that a test may plant values in."""
    copied: Json = copy.deepcopy(report["findings"])
    return copied


def test_report_survives_json(report: Json) -> None:
    text = json.dumps(report, allow_nan=False)
    assert make_page(json.loads(text)) == make_page(report)


def test_files_are_complete(report: Json, tmp_path: Path) -> None:
    paths = write_report(report, tmp_path)
    assert [path.name for path in paths[:2]] == ["findings.md", "report.json"]
    page = paths[0].read_text(encoding="utf-8")
    for question in QUESTIONS:
        assert f"figures/{question.key}.png" in page
        pixels = np.asarray(Image.open(tmp_path / "figures" / f"{question.key}.png").convert("L"))
        assert pixels.shape[0] > 300
        assert (pixels < 128).mean() > 0.003, "an empty figure"
    for answer in report["answers"]:
        assert page.count(answer["answer"]) == 2, "in the summary and in its section"
    assert len(list_files(tmp_path)) == len(paths) + 1


@pytest.mark.slow
def test_equal_reports_give_equal_files(report: Json, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_report(report, tmp_path / name)
    for path in (tmp_path / "first").rglob("*.*"):
        twin = tmp_path / "second" / path.relative_to(tmp_path / "first")
        assert path.read_bytes() == twin.read_bytes()


@pytest.mark.slow
def test_equal_seeds_measure_the_same(checkpoint: Path, report: Json) -> None:
    again = analyze(load_video_model(checkpoint), TINY_SETTINGS)
    for key in report["findings"]:
        if key != decode_time.KEY:
            assert again["findings"][key] == report["findings"][key]


def test_compared_controls_run_at_the_ratio_of_tas(report: Json) -> None:
    rows = {
        (row["gate"], row["target"]): row["ratio"]
        for row in report["findings"][gate_comparison.KEY]["rows"]
    }
    for target in TINY_SETTINGS.ratios:
        assert rows["periodic", target] == pytest.approx(rows["tas", target], abs=0.12)


@pytest.mark.parametrize(
    ("outcomes", "sentence", "stance"),
    [
        ({0.2: "lower", 0.5: "lower"}, "TAS beats chance at 20 % and 50 %", Stance.AGREES),
        ({0.2: "higher"}, "TAS loses to chance at 20 %", Stance.CONTRADICTS),
        (
            {0.2: "lower", 0.5: "higher", 0.8: "undecided"},
            "TAS beats chance at 20 %; TAS loses to chance at 50 %; "
            "no difference is resolved at 80 %",
            Stance.PARTLY,
        ),
        (
            {0.2: "undecided"},
            "no difference between TAS and chance is resolved at 20 %",
            Stance.UNDECIDED,
        ),
    ],
)
def test_contest_sentence(outcomes: dict[float, str], sentence: str, stance: Stance) -> None:
    assert describe_contest("TAS", "chance", outcomes) == sentence
    assert get_contest_stance(outcomes.values()) is stance


def test_words_are_joined() -> None:
    assert [join_words(list(words)) for words in ("", "a", "ab")] == ["", "a", "a and b"]


@pytest.mark.parametrize(
    ("means", "start", "stance"),
    [
        ([0.7, 0.8, 0.9], "All 3 layers lie above 0.6", Stance.AGREES),
        ([0.7, 0.6, 0.9], "Layer 1 lies at or below 0.6", Stance.PARTLY),
        ([0.5, 0.7, 0.1], "Layers 0 and 2 lie at or below 0.6", Stance.PARTLY),
        ([0.1, 0.2, 0.3], "No layer lies above 0.6", Stance.CONTRADICTS),
    ],
)
def test_similarity_sentence(
    findings: Json, means: list[float], start: str, stance: Stance
) -> None:
    result = findings[output_similarity.KEY]
    for layer, mean in zip(result["layers"], means, strict=True):
        layer["mean"] = mean
    finding = output_similarity.describe(result)
    assert finding.answer.startswith(start)
    assert finding.stance is stance


@pytest.mark.parametrize(
    ("seconds", "words", "stance"),
    [
        ({"attention": 1, "mlp": 5, "score": 0, "other": 1}, "the MLP takes most", Stance.AGREES),
        (
            {"attention": 3, "mlp": 2, "score": 1, "other": 1},
            "attention takes the largest part",
            Stance.CONTRADICTS,
        ),
    ],
)
def test_time_sentence(
    findings: Json, seconds: dict[str, float], words: str, stance: Stance
) -> None:
    result = findings[decode_time.KEY]
    for row in result["rows"]:
        row["seconds"] = seconds
    finding = decode_time.describe(result)
    assert words in finding.answer
    assert finding.stance is stance


@pytest.mark.parametrize(
    ("top_1", "start", "stance"),
    [
        ([0.99, 0.985, 0.98], "A loss of at most one point of top-1 allows", Stance.AGREES),
        ([0.99, 0.97, 0.5], "Already ", Stance.CONTRADICTS),
    ],
)
def test_curve_sentence(findings: Json, top_1: list[float], start: str, stance: Stance) -> None:
    result = findings[threshold_curve.KEY]
    for row, share in zip(result["rows"], top_1, strict=True):
        row["top_1"] = share
    result["rows"][1]["ratio"] = 0.5
    finding = threshold_curve.describe(result)
    assert finding.answer.startswith(start)
    assert finding.stance is stance


@pytest.mark.parametrize(
    ("verdicts", "stance"),
    [
        (["higher", "higher"], Stance.AGREES),
        (["higher", "undecided"], Stance.PARTLY),
        (["lower", "lower"], Stance.CONTRADICTS),
        (["undecided", "undecided"], Stance.UNDECIDED),
    ],
)
def test_layer_sentence(findings: Json, verdicts: list[str], stance: Stance) -> None:
    result = findings[layer_ratio.KEY]
    for row in result["rows"]:
        row["verdicts"], row["layer_ratios"] = verdicts, [0.6, 0.4, 0.5]
    assert layer_ratio.describe(result).stance is stance


def test_one_high_layer_in_the_middle_spoils_agreement(findings: Json) -> None:
    result = findings[layer_ratio.KEY]
    for row in result["rows"]:
        row["verdicts"], row["layer_ratios"] = ["higher", "higher"], [0.6, 0.1, 0.8, 0.7]
    assert layer_ratio.describe(result).stance is Stance.PARTLY


@pytest.mark.parametrize(
    ("verdict", "words", "stance"),
    [
        ("lower", "TAS beats random at 30 % and 60 %", Stance.AGREES),
        ("higher", "TAS loses to random at 30 % and 60 %", Stance.CONTRADICTS),
    ],
)
def test_gate_sentence(findings: Json, verdict: str, words: str, stance: Stance) -> None:
    result = findings[gate_comparison.KEY]
    for row in result["comparisons"]:
        row["verdict"], row["is_fair"] = verdict, True
    finding = gate_comparison.describe(result)
    assert finding.answer == words + "."
    assert finding.stance is stance


def test_gates_at_unequal_ratios_are_not_compared(findings: Json) -> None:
    clip_nats = {("tas", 0.5): np.array([0.0, 0.1]), ("random", 0.5): np.array([9.0, 9.1])}
    for gap, fair in ((-0.019, True), (-0.021, False), (0.3, True)):
        ratios = {("tas", 0.5): 0.5 + gap, ("random", 0.5): 0.5}
        (row,) = gate_comparison.make_comparisons(clip_nats, ratios)
        assert row["is_fair"] == fair
        assert row["verdict"] == "lower"
        result = {**findings[gate_comparison.KEY], "comparisons": [row]}
        words = "TAS beats random at 50 %." if fair else "TAS and random cannot be compared"
        assert gate_comparison.describe(result).answer.startswith(words)


@pytest.mark.parametrize(
    ("verdict", "words", "stance"),
    [
        ("higher", "better than chance", Stance.AGREES),
        ("lower", "worse than chance", Stance.CONTRADICTS),
        ("undecided", "not rank safe tokens first measurably", Stance.UNDECIDED),
    ],
)
def test_power_sentence(findings: Json, verdict: str, words: str, stance: Stance) -> None:
    result = findings[predictive_power.KEY]
    result["tas_against_chance"] = verdict
    finding = predictive_power.describe(result)
    assert words in finding.answer
    assert finding.stance is stance


@pytest.mark.parametrize(
    ("verdict", "words", "stance"),
    [
        ("lower", "best single head beats the mean", Stance.CONTRADICTS),
        ("higher", "best single head loses to the mean", Stance.AGREES),
        ("undecided", "No difference", Stance.UNDECIDED),
    ],
)
def test_head_sentence(findings: Json, verdict: str, words: str, stance: Stance) -> None:
    result = findings[head_choice.KEY]
    for row in result["comparisons"]:
        row["verdict"], row["is_fair"] = verdict, True
    finding = head_choice.describe(result)
    assert words in finding.answer
    assert finding.stance is stance


@pytest.mark.parametrize(
    ("window_cost", "replay_cost", "stance"),
    [(1.0, 0.1, Stance.AGREES), (0.1, 1.0, Stance.CONTRADICTS), (0.5, 0.5, Stance.UNDECIDED)],
)
def test_window_stance(window_cost: float, replay_cost: float, stance: Stance) -> None:
    window = {"against_full": {"difference": window_cost, "standard_error": 0.03}}
    replay = {"replay_cost": {"difference": replay_cost, "standard_error": 0.04}}
    assert local_window.get_stance(window, replay) is stance


def test_scores_cost_products_in_narrow_windows_only(report: Json) -> None:
    for row in report["findings"][local_window.KEY]["rows"]:
        # 4 tokens per frame: the aligned key is the fifth newest
        assert row["extra_score_share"] == (1 if row["window"] == 2 else 0)


@pytest.mark.parametrize(
    ("verdict", "words"),
    [("higher", " grows "), ("lower", " shrinks "), ("undecided", "neither grows nor shrinks")],
)
def test_drift_sentence(findings: Json, verdict: str, words: str) -> None:
    result = findings[drift.KEY]
    for run in result["runs"]:
        run["late_minus_early"]["verdict"] = verdict
    assert words in drift.describe(result).answer


def test_drift_compares_halves_of_the_trained_length() -> None:
    excess = np.array([[9.0, 9.0, 1.0, 1.0, 4.0, 4.0, 99.0]])
    late, early = drift.split_excess(excess, trained_frames=6)
    assert (late.tolist(), early.tolist()) == ([4], [1])


def test_chain_sentence(findings: Json) -> None:
    result = findings[chains.KEY]
    verdicts = ("lower", "lower", "higher", "undecided")
    for row, verdict in zip(result["limited"], verdicts, strict=True):
        row["against_unlimited"]["verdict"], row["is_fair"] = verdict, True
    answer = chains.describe(result).answer
    assert "a limit of 1 or 2 improves quality; a limit of 4 worsens quality" in answer


def test_staleness_of_known_chains() -> None:
    summary = chains.summarize_staleness((2, 1, 0, 1))
    assert summary == {
        "mean_staleness": 2.0,
        "p95_staleness": pytest.approx(3.7),
        "max_staleness": 4,
    }
    assert chains.summarize_staleness(())["max_staleness"] == 0


def test_adaptive_sentence_names_the_worst(findings: Json) -> None:
    result = findings[adaptive.KEY]
    for row in result["rows"]:
        row["ratio"] = row["fixed_ratio"] = row["target"]
    result["rows"][-1]["ratio"] = result["rows"][-1]["target"] + 0.08
    answer = adaptive.describe(result).answer
    assert "by 2.0 points on average and by 8.0 at worst (input distance, 60 %)" in answer
    assert answer.endswith("calibrated ones by 0.0 and 0.0.")


def test_free_running_compares_higher_psnr_as_better() -> None:
    psnr = {("tas", 0.5): np.array([30.0, 31.0]), ("random", 0.5): np.array([20.0, 21.1])}
    (row,) = free_running.make_comparisons(psnr)
    assert row["verdict"] == "lower"


@pytest.mark.slow
def test_command_writes_a_page(
    capsys: Capture, tmp_path: Path, checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fastcar.analysis.settings.make_settings", lambda *given: TINY_SETTINGS)
    out = tmp_path / "new" / "out"
    arguments = ("--checkpoint", checkpoint, "--processes", 1, "--out", out)
    outcome = run_command(capsys, "analyze", *arguments, "--json")
    assert outcome.status == 0, outcome.err
    assert len(list_files(out / "figures")) == len(QUESTIONS)
    assert json.loads(outcome.out) == json.loads((out / "report.json").read_text())


def test_command_prints_the_answers(
    capsys: Capture,
    tmp_path: Path,
    checkpoint: Path,
    report: Json,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fastcar.analysis.report.analyze", lambda *given: report)
    monkeypatch.setattr("fastcar.analysis.report.QUESTIONS", QUESTIONS[:1])
    arguments = ("--checkpoint", checkpoint, "--out", tmp_path / "out")
    outcome = run_command(capsys, "analyze", *arguments)
    assert outcome.status == 0, outcome.err
    for answer in report["answers"]:
        assert f"{answer['question']}\n  {answer['answer']}\n" in outcome.out
    assert outcome.out.endswith("findings.md, report.json, 1 figures\n")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--clips", 0, ("clips = 0", "at least 1")),
        ("--clips", 101, ("clips = 101", "from 1 to 6")),
        ("--processes", 0, ("processes = 0", "at least 1")),
        ("--seed", -1, ("seed = -1", "at least 0")),
    ],
)
def test_command_refuses(
    capsys: Capture,
    tmp_path: Path,
    checkpoint: Path,
    option: str,
    value: int,
    words: tuple[str, ...],
) -> None:
    arguments = ("--checkpoint", checkpoint, "--out", tmp_path / "out", option, value)
    check_refused(run_command(capsys, "analyze", *arguments), words)
    assert list_files(tmp_path) == []


def test_command_refuses_a_file_as_directory(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    outcome = run_command(capsys, "analyze", "--out", tmp_path / "out")
    check_refused(outcome, ("out", "must be a directory"))


def test_every_field_is_documented(report: Json) -> None:
    # predictors are named in a cell, as values
    missing = list_undocumented(report, "analysis_schema.md")
    assert set(missing) <= set(predictive_power.PREDICTORS)


def test_every_gate_is_compared(report: Json) -> None:
    names = {row["gate"] for row in report["findings"][gate_comparison.KEY]["rows"]}
    uniform = {"tas", "input", "oracle"}
    layered = {"tas per layer", "input per layer"}
    assert names == uniform | layered | {"random", "periodic"}
