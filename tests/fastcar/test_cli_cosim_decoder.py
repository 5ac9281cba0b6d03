"""`fastcar cosim --scope decoder` through the real command line, on a tiny video model.

Quick tests run the naive interpreter in place of the hardware; slow ones the hardware itself.
"""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import fastcar
import fastcar.cosim.request
from fastcar.cosim.backends.backend import RunResult, WatchdogError
from fastcar.cosim.backends.memory_model import SharedMemory
from fastcar.cosim.backends.native_backend import NativeBackend
from fastcar.reference.clips import quantize_whole_clip_model
from fastcar.reference.generate import DecodeOptions, generate
from fastcar.reference.integer.whole.decoder import WholeDecoder
from fastcar.reference.integer.whole.pick_engine import PickEngine
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.token_model import load_clip_model
from fastcar.reference.video.model import SHIPPED_MODEL
from fastcar.rtl.config import AcceleratorConfig
from tests.cosim.interpreted_backend import Sabotage, change_retire
from tests.cosim.interpreted_decoder import InterpretedDecoder
from tests.cosim.sabotaged_backend import SabotagedBackend
from tests.cosim.wave.recordings import read_vcd
from tests.fastcar.commands import Outcome, check_refused, list_files, run_command
from tests.fastcar.schema import list_undocumented
from tests.fastcar.tiny_video_model import save_tiny_video_model

Capture = pytest.CaptureFixture[str]
SIZES = ("--batch", "3", "--cores", "2", "--calibration-clips", "2")
PARTS = ("attention", "mlp", "pick", "idle")
PROMPT_TOKENS, LAYERS, SLOTS = 6, 3, 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_video_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


def plant(monkeypatch: pytest.MonkeyPatch, sabotage: Sabotage | None = None) -> None:
    """Replace the hardware by the interpreter, perhaps with a bug."""
    make = partial(InterpretedDecoder, sabotage=sabotage)
    monkeypatch.setitem(fastcar.cosim.request.BACKENDS, "native", make)


def run_cosim(capsys: Capture, model: Path, *options: object) -> Outcome:
    sizes = ("--checkpoint", model, *SIZES)
    return run_command(capsys, "cosim", "--scope", "decoder", *sizes, *options)


def read_report(outcome: Outcome) -> dict[str, Any]:
    assert outcome.err == ""
    report: dict[str, Any] = json.loads(outcome.out)
    return report


def check_sums(report: dict[str, Any]) -> None:
    """Every core-cycle and decision is somewhere, and only once."""
    cores, spent, cycles = report["cores"], report["core_cycles"], report["cycles"]["measured"]
    assert sum(spent[part] for part in PARTS) == len(cores) * cycles
    assert sum(spent["shares"].values()) == pytest.approx(1)
    for core in cores:
        assert sum(core[part] for part in PARTS) == cycles
        assert core["idle"] >= 0
    for part in PARTS:
        assert sum(core[part] for core in cores) == spent[part]
    for part in ("attention", "mlp"):
        assert sum(layer[part] for layer in report["layers"]) == spent[part] > 0
    decided = sum(layer["computed"] + layer["replayed"] for layer in report["layers"])
    assert decided == LAYERS * report["accelerator"]["num_slots"] * report["request"]["tokens"]
    assert sum(core["read_bytes"] for core in cores) == report["bytes"]["read"] > 0
    assert sum(core["written_bytes"] for core in cores) == report["bytes"]["written"] > 0
    assert sum(core["mac_busy"] for core in cores) == report["mac"]["busy"] > 0


@pytest.mark.usefixtures("interpreted")
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_a_video_from_its_prompt_on_has_the_tokens_of_the_reference(
    capsys: Capture, model: Path, temperature: float
) -> None:
    options = ("--mode", "dense", "--frames", "2", "--temperature", temperature, "--seed", "4")
    report = read_report(run_cosim(capsys, model, *options, "--json"))
    assert report["equal"]
    assert (report["request"]["first_token"], report["request"]["tokens"]) == (0, 7)
    assert (report["runs"], report["prompt_runs"]) == (7 + PROMPT_TOKENS, PROMPT_TOKENS)
    clips = load_clip_model(model, None, None)
    rows = clips.load_rows("held_out").take(SLOTS)
    integers = quantize_whole_clip_model(clips, 2)
    wanted = generate(
        clips.config,
        clips.weights,
        rows.prompts,
        DecodeOptions(ReplayConfig(4), engine=PickEngine(integers.head.scale)),
        num_frames=2,
        num_codes=clips.num_codes,
        sampling=Sampling(temperature),
        seed=4,
        make_decoder=partial(WholeDecoder, model=integers, num_lanes=8),
    )
    assert np.array_equal(report["token_ids"], wanted.token_ids)


@pytest.mark.usefixtures("interpreted")
def test_true_frames_are_fed_and_do_not_come_back_as_tokens(capsys: Capture, model: Path) -> None:
    options = ("--frames", "3", "--given-frames", "2", "--json")
    report = read_report(run_cosim(capsys, model, *options))
    rows = load_clip_model(model, None, None).load_rows("held_out").take(SLOTS)
    found = np.array(report["token_ids"])
    assert found.shape == (SLOTS, 12)
    assert np.array_equal(found[:, :8], rows.token_ids[:, :8])
    assert not np.array_equal(found[:, 8:], rows.token_ids[:, 8:12])
    assert 0 < report["replay_ratio"] < 1
    check_sums(report)
    cycles = report["cycles"]
    assert cycles["fewest"] == cycles["measured"] == cycles["most"]
    assert cycles["speed_up_against_dense"] == cycles["dense"] / cycles["measured"] > 1


@pytest.mark.usefixtures("interpreted")
def test_a_barrier_between_layers_takes_longer(capsys: Capture, model: Path) -> None:
    reports = [
        read_report(run_cosim(capsys, model, "--num-tokens", "1", "--json", *options))
        for options in ((), ("--barrier",))
    ]
    assert [report["request"]["barrier"] for report in reports] == [False, True]
    assert reports[0]["cycles"]["measured"] < reports[1]["cycles"]["measured"]
    assert reports[0]["token_ids"] == reports[1]["token_ids"]


@pytest.mark.usefixtures("interpreted")
def test_tables_and_file_say_the_same(capsys: Capture, model: Path, tmp_path: Path) -> None:
    out = tmp_path / "decoder.json"
    outcome = run_cosim(capsys, model, "--out", out, "--window", "9", "--sinks", "3")
    assert outcome.status == 0
    report = json.loads(out.read_text())
    assert report["scope"] == "decoder"
    assert report["request"]["tokens"] == 4, "a frame"
    assert (report["request"]["window"], report["request"]["sinks"]) == (9, 3)
    per_token = SLOTS * (LAYERS + 2 * LAYERS + 1)
    assert report["records"]["compared"] == 4 * per_token == report["records"]["equal"]
    assert outcome.out.endswith(f"{4 * per_token} records compared, all equal\n")
    for words in ("C = 2, L = 8, B = 3", "layers flow, tokens 5 to 8, drawn greedily"):
        assert words in outcome.out
    for words in (f"{report['cycles']['measured']:,}", "core-cycles: pick", "MAC busy of sections"):
        assert words in outcome.out
    assert list_undocumented(report, "cosim_schema.md") == []
    assert list_files(tmp_path) == ["decoder.json", "decoder.png"]
    with Image.open(tmp_path / "decoder.png") as picture:
        assert len(np.unique(np.asarray(picture))) > 100


@pytest.mark.usefixtures("interpreted")
def test_command_and_function_give_the_same_report(capsys: Capture, model: Path) -> None:
    options = ("--num-tokens", "2", "--first-token", "3", "--temperature", "0.5", "--json")
    printed = read_report(run_cosim(capsys, model, *options))
    returned = fastcar.cosimulate(
        model,
        scope="decoder",
        batch=3,
        cores=2,
        calibration_clips=2,
        num_tokens=2,
        first_token=3,
        temperature=0.5,
    )
    for report in (printed, returned):
        report.pop("simulation")
        report["provenance"].pop("command")
    assert printed == json.loads(json.dumps(returned))


def spoil_pick(result: RunResult, memory: SharedMemory) -> RunResult:
    """PICK of the second slot."""
    places = [place for place, one in enumerate(result.retires) if one.slot == 1]
    return change_retire(result, places[-1], token=9999)


def test_a_difference_ends_with_1_and_is_told(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch, spoil_pick)
    out = tmp_path / "a.json"
    outcome = run_cosim(capsys, model, "--out", out)
    assert outcome.status == 1
    told = r"0 records equal, then: token 5, section pick, slot 1, cycle \d+: retire token is 9999 "
    assert re.search(told, outcome.out)
    report = json.loads(out.read_text())
    assert not report["equal"]
    assert list_undocumented(report, "cosim_schema.md") == []
    difference = report["difference"]
    assert [difference[name] for name in ("token", "layer", "section", "slot", "hardware")] == [
        *(5, None, "pick", 1, 9999)
    ]
    assert list_files(tmp_path) == ["a.json", "a.png"]


def test_an_error_of_the_run_ends_with_1(
    capsys: Capture, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(result: RunResult, memory: SharedMemory) -> RunResult:
        raise WatchdogError(1000, 7, 20)

    plant(monkeypatch, hang)
    outcome = run_cosim(capsys, model, "--json")
    assert outcome.status == 1
    report = read_report(outcome)
    assert report["failure"] == str(WatchdogError(1000, 7, 20))
    assert (report["runs"], report["replay_ratio"], report["cycles"]["per_token"]) == (
        0,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--lanes", "16"), ("lanes = 16", "a divisor of head_dim = 8")),
        (("--window", "7"), ("window = 7", "at least a word of 8 keys")),
        (("--max-blocks", "0"), ("max_blocks = 0", "at least 1")),
        (("--max-blocks", "1"), ("max_blocks = 1", "at least 2, the blocks of 8 keys")),
        (("--max-blocks", "3000"), ("max_blocks = 3000", "at most")),
        (("--temperature", "-1"), ("temperature = -1.0", "at least 0")),
        (("--temperature", "nan"), ("temperature = nan", "finite")),
        (("--guidance", "3"), ("guidance = 3.0", "left out", "one row")),
        (("--top-k", "3"), ("top_k = 3", "left out", "argmax")),
        (("--top-p", "0.5"), ("top_p = 0.5", "left out", "argmax")),
        (("--given-frames", "-1"), ("given_frames = -1", "at least 0")),
        (("--given-frames", "6"), ("given_frames = 6", "at most 5")),
        (("--frames", "6"), ("frames = 6", "at most 5")),
        (("--first-token", "1000"), ("first_token = 1000", "below 19")),
        (("--batch", "33"), ("batch = 33", "from 1 to 32")),
        (("--scope", "attention"), ("'attention'", "decoder")),
        (("--wave-window", "5"), ("wave_window", "'5'", "given together with wave")),
        (("--out", "report.png"), ("out", "report.png", "the JSON file")),
    ],
)
def test_wrong_argument_is_refused_before_anything_is_built(
    capsys: Capture,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    def build(config: AcceleratorConfig) -> InterpretedDecoder:
        raise AssertionError(config)

    monkeypatch.setitem(fastcar.cosim.request.BACKENDS, "native", build)
    check_refused(run_cosim(capsys, model, *options), words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--temperature", "0.7"), ("temperature = 0.7", "given with scope decoder")),
        (("--max-blocks", "4"), ("max_blocks = 4", "given with scope decoder")),
        (("--barrier",), ("barrier = True", "given with scope decoder")),
        (("--guidance", "3"), ("guidance = 3.0", "left out")),
    ],
)
def test_what_the_mlp_phase_does_not_have_is_refused(
    capsys: Capture, model: Path, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    check_refused(run_command(capsys, "cosim", "--checkpoint", model, *SIZES, *options), words)


@pytest.mark.slow
@pytest.mark.usefixtures("hardware_built_once")
@pytest.mark.parametrize("options", [(), ("--source", "distance", "--stall", "0.2")])
def test_the_hardware_equals_the_reference(
    capsys: Capture, model: Path, options: tuple[str, ...]
) -> None:
    report = read_report(run_cosim(capsys, model, "--frames", "3", *options, "--json"))
    assert report["equal"]
    assert 0 < report["replay_ratio"] < 1
    check_sums(report)


@pytest.mark.slow
def test_the_wave_form_shows_the_record_that_differs(
    capsys: Capture, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of layer 1, not the one of the last layer of the same slot."""

    def spoil(result: RunResult, memory: SharedMemory) -> RunResult:
        places = [place for place, one in enumerate(result.retires) if one.slot == 1]
        return change_retire(result, places[3], digest=result.retires[places[3]].digest ^ 1)

    def make(config: AcceleratorConfig) -> SabotagedBackend:
        return SabotagedBackend(NativeBackend(config), spoil)

    monkeypatch.setitem(fastcar.cosim.request.BACKENDS, "native", make)
    wave = tmp_path / "wave.vcd"
    outcome = run_cosim(capsys, model, "--json", "--wave", wave, "--wave-window", "5")
    assert outcome.status == 1
    difference = read_report(outcome)["difference"]
    assert (difference["layer"], difference["section"], difference["slot"]) == (1, "mlp", 1)
    steps, values = read_vcd(wave)
    assert len(steps) == 11
    assert values["accelerator.records.retire_valid"][5] == 1
    assert values["accelerator.records.retire_slot"][5] == 1
    assert values["accelerator.records.retire_digest"][5] == difference["hardware"] ^ 1
    assert difference["cycle"] == values["accelerator.records.retire_end_cycle"][5]
    assert "token 5, back end native" in wave.read_text().partition("\n")[0]


@pytest.mark.slow
def test_a_few_tokens_of_the_shipped_model(capsys: Capture) -> None:
    options = (
        "--scope",
        "decoder",
        "--batch",
        "2",
        "--num-tokens",
        "2",
        "--calibration-clips",
        "1",
    )
    report = read_report(run_command(capsys, "cosim", *options, "--json"))
    assert report["equal"]
    assert report["request"]["model"] == SHIPPED_MODEL.name
    assert report["accelerator"]["max_blocks"] == 128
    assert 0 < report["replay_ratio"] < 1
    assert report["mac"]["utilisation_in_sections"] > 0.8
