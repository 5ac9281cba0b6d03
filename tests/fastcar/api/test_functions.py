"""The public functions: explicit arguments, the commands' reports, refusals by name."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastcar
from fastcar.api.example import Example, write_example
from fastcar.ownership import MARKER_FILE
from fastcar.reference.errors import ArgumentError, FastCarError
from fastcar.reference.files.int8_checkpoint import load_int8_checkpoint
from tests.fastcar.commands import API_COMMANDS, list_files, run_command
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tests.fastcar.wrong_inputs import list_options

pytestmark = pytest.mark.usefixtures("hardware_built_once")
Function = Callable[..., Any]
api: Any = fastcar
"""For what its types forbid."""
FUNCTIONS: dict[str, Function] = {
    **{name: getattr(fastcar, name) for name in API_COMMANDS if name != "cosim"},
    "cosim": fastcar.cosimulate,
}
RENAMED = {
    "prompt": "prompts",
    "continue": "clips",
    "ratio": "ratios",
    "statement": "statements",
}
"""Parameters for options that may be given again."""
ONLY_COMMANDS = {
    *(("trace", name) for name in ("tokens", "thresholds", "guidance", "out", "json")),
    *(("generate", name) for name in ("checkpoint", "out", "force", "json")),
    *(("cosim", name) for name in ("guidance", "top_k", "top_p", "out", "json")),
    *(("prove", name) for name in ("out", "json")),
    *((name, "json") for name in ("analyze", "predict", "quantize", "export", "sweep")),
    *((name, "model") for name in API_COMMANDS),
}
"""Options without a parameter: what is written and printed, what arrays, a model or the directory
of `fastcar.shipped_model` replace, what is refused always, and the guidance of a VILA-U trace, for
which `fastcar.reference.vila_u.trace` has a function of its own."""
SHORT: dict[str, Any] = {"batch": 2, "lanes": 8, "calibration_clips": 2, "tau": 0.3}
"""A co-simulation of a second."""
WHOLE: dict[str, Any] = {
    **{**SHORT, "cores": 1, "source": "distance", "mode": "static", "latency": 3, "stall": 0.1},
    **{"seed": 5, "first_token": 9, "num_tokens": 2, "given_frames": 1, "backend": "pyrtl"},
    **{"window": 6, "sinks": 1, "wave_window": 20},
}
"""Every argument but files."""


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Example:
    return write_example(tmp_path_factory.mktemp("example"))


def get_tokens(example: Example) -> dict[str, Any]:
    return {"tokens": example.tokens, "tokens_per_frame": 4}


@pytest.mark.parametrize("name", API_COMMANDS)
def test_every_argument_is_explicit_typed_and_described(name: str) -> None:
    function = FUNCTIONS[name]
    text = inspect.getdoc(function) or ""
    for parameter in inspect.signature(function).parameters.values():
        assert parameter.kind is not parameter.VAR_KEYWORD
        assert parameter.annotation not in (parameter.empty, "Any")
        assert f"\n    {parameter.name}: " in text
    for section in ("Args:", "Returns:", "Raises:", ">>> "):
        assert section in text


@pytest.mark.parametrize("name", API_COMMANDS)
def test_every_option_of_a_command_is_an_argument_of_its_function(name: str) -> None:
    parameters = set(inspect.signature(FUNCTIONS[name]).parameters)
    for option in list_options(name):
        bare = option.opts[0].removeprefix("--").replace("-", "_")
        if (name, bare) not in ONLY_COMMANDS:
            assert RENAMED.get(bare, bare) in parameters


def test_the_package_of_the_co_simulation_can_be_called(example: Example) -> None:
    report = api.cosim(example.checkpoint, **get_tokens(example), **SHORT)
    assert report["equal"]
    assert report["request"]["tau"] == [0.3]
    from fastcar.cosim.run import prepare_cosim

    assert fastcar.cosim.run.prepare_cosim is prepare_cosim
    assert inspect.signature(api.cosim) == inspect.signature(fastcar.cosimulate)
    with pytest.raises(TypeError, match="unexpected keyword argument 'invented'"):
        api.cosim(invented=1)


@pytest.mark.slow
def test_command_and_function_give_the_same_report_of_a_co_simulation(
    capsys: pytest.CaptureFixture[str], example: Example, tmp_path: Path
) -> None:
    options = ("--tokens", example.tokens, "--tokens-per-frame", 4, "--json")
    waves = tmp_path / "command.vcd", tmp_path / "function.vcd"
    sizes = [
        text for name, value in WHOLE.items() for text in (f"--{name.replace('_', '-')}", value)
    ]
    outcome = run_command(
        capsys, "cosim", "--checkpoint", example.checkpoint, *options, *sizes, "--wave", waves[0]
    )
    printed = json.loads(outcome.out)
    returned = fastcar.cosimulate(example.checkpoint, **get_tokens(example), **WHOLE, wave=waves[1])
    assert waves[0].read_bytes() == waves[1].read_bytes()
    for report in (printed, returned):
        report.pop("simulation")
        report["provenance"].pop("command")
    assert list(printed)[:2] == ["schema_version", "provenance"]
    assert printed == json.loads(json.dumps(returned, allow_nan=False))
    assert len(printed["provenance"]["tokens_sha256"]) == 64


@pytest.mark.parametrize("given", [(), ("checkpoint",), ("checkpoint", "tokens")])
def test_command_and_function_give_the_same_prediction(
    capsys: pytest.CaptureFixture[str], example: Example, given: tuple[str, ...]
) -> None:
    arguments: dict[str, Any] = {}
    if "checkpoint" in given:
        arguments["checkpoint"] = example.checkpoint
    if "tokens" in given:
        arguments |= get_tokens(example)
    options = [
        text for name, value in arguments.items() for text in (f"--{name.replace('_', '-')}", value)
    ]
    outcome = run_command(capsys, "predict", *options, "--ratio", 0.5, "--draws", 1, "--json")
    printed = json.loads(outcome.out)
    returned = fastcar.predict(**arguments, ratios=0.5, draws=1)
    for report in (printed, returned):
        report["provenance"].pop("command")
    assert printed == json.loads(json.dumps(returned, allow_nan=False))
    digests = printed["provenance"]["weights_sha256"], printed["provenance"]["tokens_sha256"]
    assert [digest is not None for digest in digests] == ["tokens" in given] * 2


def test_trace_takes_lists_rows_and_loaded_weights(example: Example) -> None:
    config, weights = fastcar.load_checkpoint(example.checkpoint)
    prompt, forced = [3, 1], [4, 1, 5, 9, 2, 6]
    wanted = fastcar.run_trace(
        config,
        weights,
        np.array([prompt]),
        np.array([forced]),
        api.ReplayConfig(2, "published"),
        fastcar.make_score_gate([0.1], 2, fastcar.Semantics.PUBLISHED),
        np.array([[False, True]]),
    )
    options: dict[str, Any] = {"tokens_per_frame": np.int8(2), "semantics": "published"}
    options["engine"] = "numpy"
    options["prompt_mask"] = [0, 1]
    found = [
        fastcar.trace(str(example.checkpoint), prompt, forced, tau=0.1, **options),
        fastcar.trace((config, weights), [prompt], np.array(forced), tau=[0.1], **options),
        fastcar.trace(
            (config, weights), [prompt], [forced], tau=np.array([0.1, 0.1]),
            **options,
        ),
    ]  # fmt: skip
    for trace in found:
        for name, array in vars(wanted).items():
            np.testing.assert_array_equal(vars(trace)[name], array)


@pytest.mark.parametrize(
    "options",
    [
        {"batch": 2, "seed": 3, "frames": 2, "gate": "input", "tau": [None, 1, 2], "window": 9,
         "sinks": 2, "guidance": 1.5, "temperature": 0.5, "top_k": 3, "top_p": 0.9, "max_chain": 2,
         "warmup_frames": 1, "semantics": "published", "aggregation": "max", "fused": True,
         "engine": "numpy", "kv_cache": "bfloat16", "repeats": 1},
        {"frames": 3, "target_ratio": 0.25, "per_layer": True, "closed_loop_runs": 1,
         "calibration_clips": 2, "repeats": 1},
        {"frames": 2, "budget": 0.8, "repeats": 1, "calibration_clips": 1},
        {"frames": 2, "gate": "tas", "adaptive": True, "repeats": 1},
        {"frames": 2, "gate": "input", "max_error": 0.1, "certificate": "activation", "repeats": 1},
        {"clips": "held_out:1", "given_frames": 1, "frames": 2, "tau": 0, "repeats": 1},
    ],
)  # fmt: skip
def test_every_argument_of_a_generation_reaches_its_request(
    tmp_path: Path, options: dict[str, Any]
) -> None:
    model = save_tiny_video_model(tmp_path)
    prompts: dict[str, Any] = {} if "clips" in options else {"prompts": "3 up"}
    found = fastcar.generate(model, **prompts, **options).request
    drawn = {name: options.get(name) for name in ("temperature", "top_k", "top_p")}
    sampling = fastcar.Sampling(drawn["temperature"] or 0.7, drawn["top_k"], drawn["top_p"] or 1.0)
    rest = {name: value for name, value in options.items() if name not in drawn}
    assert found == api.GenerationRequest(**prompts, **rest, sampling=sampling)


def test_files_appear_whole_where_they_were_asked_for(example: Example, tmp_path: Path) -> None:
    report = fastcar.quantize(str(example.checkpoint), tmp_path / "int8")
    files = [path for path in (tmp_path / "int8").iterdir() if path.name != MARKER_FILE]
    assert report["bytes"] == sum(path.stat().st_size for path in files)
    config, _ = load_int8_checkpoint(tmp_path / "int8")
    assert config.num_hidden_layers == report["layers"] == 2
    written = fastcar.export(tmp_path / "verilog", preset="tiny", source="distance", slots=2)
    assert list_files(tmp_path / "verilog") == sorted([MARKER_FILE, *written["files"]])
    (tmp_path / "verilog" / "notes.txt").write_text("mine")
    with pytest.raises(fastcar.OutputError, match=r"holds notes.txt, .*must be a new or an empty"):
        fastcar.quantize(example.checkpoint, tmp_path / "verilog")
    with pytest.raises(fastcar.OutputError, match=r"holds notes.txt, "):
        fastcar.export(tmp_path / "verilog", preset="tiny")
    fastcar.export(tmp_path / "verilog", preset="tiny", force=True)
    assert (tmp_path / "verilog" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: api.run_generation(3, None), "model = 3: must be a VideoModel"),
        (lambda: api.run_trace(3, None, [1], [1], None), "config = 3: must be a ModelConfig"),
        (lambda: api.make_score_gate("a", 2, "paper"), "tau = 'a': must be a number or a list"),
        (lambda: api.make_score_gate(0.3, 2, "mine"), "semantics = 'mine': must be one of paper"),
        (lambda: api.generate(3), "model = 3: must be a VideoModel or the path"),
        (lambda: api.generate("", "3 up"), "model = '': must be a VideoModel or the path"),
        (lambda: api.generate(prompts=3), "prompts = 3: must be a text or a list of texts"),
        (lambda: api.generate(fastcar.SHIPPED_MODEL, "3 up", 4), "prompts = ['3 up', 4]"),
        (lambda: api.generate(), "prompt, continue = 'neither'"),
        (lambda: api.generate(prompts="3 up", temperature="hot"), "temperature = 'hot'"),
        (lambda: api.generate(prompts="3 up", dtype="float16"), "dtype = 'float16'"),
        (
            lambda: api.generate(prompts="3 up", top_k=3, sampling=fastcar.Sampling()),
            "top_k = 3: must be given without sampling",
        ),
        (lambda: api.generate(prompts="3 up", engine=None), "engine = None: must be a text"),
        (lambda: api.trace(None, [1], [1], tokens_per_frame=2), "checkpoint = None"),
        (lambda: api.trace((1, 2), [1], [1], tokens_per_frame=2), "checkpoint = ['int', "),
        (lambda: api.trace("x", [1], [1], tokens_per_frame=2, fused=1), "fused = 1"),
        (lambda: api.trace("x", [1], [1], tokens_per_frame="2"), "tokens_per_frame = '2'"),
        (lambda: api.trace("x", [1], [1], tokens_per_frame=2, sinks=1), "sinks = 1"),
        (lambda: api.analyze(processes=0), "processes = 0"),
        (lambda: api.analyze(tokens="x"), "tokens_per_frame = None"),
        (lambda: api.analyze(clips="2"), "clips = '2'"),
        (lambda: api.analyze(settings=3), "settings = 3: must be an AnalysisSettings"),
        (lambda: api.analyze(out=""), "out = ''"),
        (lambda: api.cosimulate(mode="fast"), "mode = 'fast': must be one of drs, static"),
        (lambda: api.predict(ratios="half"), "ratios = 'half': must be a number or a list"),
        (lambda: api.predict(tokens_per_frame=4), "tokens_per_frame = 4"),
        (lambda: api.export(3), "out = 3: must be the path"),
        (lambda: api.export("x", layer="0"), "layer = '0': must be a whole number"),
        (lambda: api.prove(statements=4), "statement = 4: must be a text or a list of texts"),
        (lambda: api.prove(statements="P-99"), "statement = 'P-99'"),
        (lambda: api.prove(certify="yes"), "certify = 'yes': must be True or False"),
        (lambda: api.quantize(None, "x"), "checkpoint = None"),
        (lambda: api.load_model(3), "checkpoint = 3"),
        (lambda: api.load_checkpoint(b"x"), "checkpoint = b'x'"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_refused_by_name(call: Function, message: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        call()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "ids", [[], [[1], [2, 3]], "34", [0.5], [[[1]]], 3, None, [10**30], [-1], [20], [2**63]]
)
def test_ids_that_cannot_be_fed_are_refused_by_name(example: Example, ids: Any) -> None:
    for name in ("prompt_ids", "forced_ids"):
        given = {"prompt_ids": [1], "forced_ids": [1, 2], name: ids}
        with pytest.raises(ArgumentError, match=rf"^{name} = .*: must be "):
            fastcar.trace(example.checkpoint, **given, tokens_per_frame=1)


def test_a_trace_of_no_step_is_a_prefill(example: Example) -> None:
    nothing = np.zeros((1, 0), np.int64)
    found = fastcar.trace(example.checkpoint, [3, 1], nothing, tokens_per_frame=1)
    assert found.prefill_logits.shape == (1, 2, 20)
    assert found.logits.shape == (0, 1, 20)
    with pytest.raises(ArgumentError, match=r"^prompt_ids shape = \(1, 0\): must be "):
        fastcar.trace(example.checkpoint, nothing, [1], tokens_per_frame=1)


@pytest.mark.parametrize("name", API_COMMANDS)
def test_no_argument_ends_in_another_error(name: str, tmp_path: Path) -> None:
    """Values of wrong types for every parameter; what is no path comes before any work."""
    function = FUNCTIONS[name]
    required: dict[str, dict[str, Any]] = {
        "trace": {"prompt_ids": [1], "forced_ids": [1], "tokens_per_frame": 1},
        "export": {"out": tmp_path, "checkpoint": tmp_path / "missing"},
        "quantize": {"out": tmp_path},
        "sweep": {"spec": tmp_path / "missing", "out": tmp_path / "rows"},
        "generate": {"model": tmp_path / "missing", "prompts": "3 up"},
        "prove": {"statements": "P-01"},
    }
    base = {**required.get(name, {})}
    if name not in ("generate", "sweep"):
        base["checkpoint"] = tmp_path / "missing"
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.VAR_POSITIONAL or parameter.name == "progress":
            continue
        for value in (object(), b"bytes", {"a": 1}, 3 + 4j, 10**5000, np.zeros((2, 2)), "\0"):
            with suppress(FastCarError):
                function(**{**base, parameter.name: value})
