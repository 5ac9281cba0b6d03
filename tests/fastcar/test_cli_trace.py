from __future__ import annotations

import io
import json
import shutil
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fastcar.cli.trace import format_summary, summarise
from fastcar.reference.errors import CheckpointError
from fastcar.reference.files.tokens_file import read_tokens
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.trace import run_trace as run_trace_in_python
from fastcar.reference.weights import make_random_weights
from tests.checkpoint_files import LFS_POINTER
from tests.fastcar.commands import SPEC, Outcome, check_refused, list_files, run_command
from tests.fastcar.tiny_video_model import TINY_CONFIG

Capture = pytest.CaptureFixture[str]
Arrays = dict[str, NDArray[Any]]

PROMPT = np.arange(10).reshape(2, 5)
FORCED = np.arange(40).reshape(2, 20)


def run_trace(
    capsys: Capture, checkpoint: Path, tokens: Path, out: Path, *options: object
) -> Outcome:
    arguments = ("--checkpoint", checkpoint, "--tokens", tokens, "--out", out)
    return run_command(capsys, "trace", *arguments, "--tokens-per-frame", 16, *SPEC, *options)


def save_tokens(path: Path, **arrays: Any) -> Path:
    np.savez(path, **{"prompt_ids": PROMPT, "forced_ids": FORCED, **arrays})
    return path


def load(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.mark.parametrize(("run", "thresholds"), [("dense", "none"), ("mid30", "0.4041")])
@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--fused",),
        ("--dtype", "float64"),
        pytest.param(("--engine", "numba"), marks=pytest.mark.slow),
    ],
)
def test_official_vectors_are_reproduced(
    capsys: Capture,
    tmp_path: Path,
    official_vectors: Path,
    run: str,
    thresholds: str,
    options: tuple[str, ...],
) -> None:
    out, tokens = tmp_path / "trace.npz", official_vectors / "tokens.npz"
    arguments = ("--tau", thresholds, "--semantics", "published", *options)
    outcome = run_trace(capsys, official_vectors, tokens, out, *arguments)
    assert outcome.status == 0, outcome.err
    found, wanted = load(out), load(official_vectors / f"run_f32_{run}.npz")
    for name in ("prefill_logits", "logits", "mlp_used", "layer_out"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-4)
    for name in ("score_heads", "tas"):
        np.testing.assert_allclose(found[name], wanted[name], rtol=0, atol=1e-4, equal_nan=True)
    assert (found["replayed"] == wanted["mask"]).all()
    assert (found["eligible"] == wanted["eligible"]).all()


def test_tokens_that_git_lfs_did_not_fetch_are_called_that(
    capsys: Capture, tmp_path: Path, official_vectors: Path
) -> None:
    tokens, out = tmp_path / "tokens.npz", tmp_path / "trace.npz"
    tokens.write_bytes(LFS_POINTER)
    outcome = run_trace(capsys, official_vectors, tokens, out)
    check_refused(outcome, ("tokens.npz", "a Git LFS pointer", "git lfs pull"))
    assert not out.exists()


def test_arrays_have_the_documented_names_shapes_and_types(
    capsys: Capture, tmp_path: Path, official_vectors: Path
) -> None:
    out = tmp_path / "no_suffix"
    tokens = save_tokens(tmp_path / "tokens.npz")
    arguments = ("--tau", "none,0.1,-inf", "--dtype", "float64", "--json")
    outcome = run_trace(capsys, official_vectors, tokens, out, *arguments)
    assert outcome.status == 0, outcome.err
    arrays = load(out)
    steps, layers, rows, heads, width, vocabulary = 20, 3, 2, 4, 64, 97
    shapes = {
        "prefill_logits": (rows, 5, vocabulary),
        "logits": (steps, rows, vocabulary),
        "score_heads": (steps, layers, rows, heads),
        "tas": (steps, layers, rows),
        "eligible": (steps, rows),
        "replayed": (steps, layers, rows),
        "mlp_used": (steps, layers, rows, width),
        "layer_out": (steps, layers, rows, width),
    }
    assert {name: array.shape for name, array in arrays.items()} == shapes
    kinds = {name: bool if name in ("eligible", "replayed") else np.float64 for name in shapes}
    assert {name: array.dtype for name, array in arrays.items()} == kinds
    assert np.isnan(arrays["tas"][:, 0]).all()
    assert np.isnan(arrays["tas"][:16]).all()
    assert np.isfinite(arrays["tas"][16:, 1:]).all()
    assert (arrays["replayed"][16:, 2]).all()
    summary = json.loads(outcome.out)
    assert summary["replay_ratio"] == arrays["replayed"].mean()
    assert summary["ceiling"] == arrays["eligible"].mean()


def test_options_reach_the_decoder(capsys: Capture, tmp_path: Path, official_vectors: Path) -> None:
    tokens = official_vectors / "tokens.npz"
    plain = ("--tau", "-inf")
    runs = {
        "plain": plain,
        "chain": (*plain, "--max-chain", 1),
        "warm": (*plain, "--warmup-frames", 2),
        "window": (*plain, "--window", 8),
        "sinks": (*plain, "--window", 8, "--sinks", 0),
        "rounded": (*plain, "--kv-cache", "bfloat16"),
        "int8": (*plain, "--kv-cache", "int8"),
    }
    traces = {}
    for name, options in runs.items():
        out = tmp_path / name
        assert run_trace(capsys, official_vectors, tokens, out, *options).status == 0
        traces[name] = load(out)
    assert traces["plain"]["replayed"].mean(axis=(1, 2))[16:].all()
    assert traces["chain"]["replayed"].mean(axis=(1, 2)).reshape(4, 16)[:, 0].tolist() == [
        0,
        1,
        0,
        1,
    ]
    assert not traces["warm"]["eligible"][:32].any()
    assert traces["warm"]["replayed"][32:].all()
    assert not np.allclose(traces["window"]["logits"], traces["plain"]["logits"])
    assert not np.allclose(traces["window"]["logits"], traces["sinks"]["logits"])
    plain_logits = traces["plain"]["logits"]
    for name in ("rounded", "int8"):
        difference = np.abs(traces[name]["logits"] - plain_logits).max()
        assert 0 < difference < 0.05 * np.abs(plain_logits).max()


def make_hostile_files() -> dict[str, bytes]:
    """Contents that are no usable TOKENS.npz."""

    def pack(**members: bytes) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(f"{name}.npy", content)
        return buffer.getvalue()

    def pack_all(*members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", compression) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of two members with one name
            for name, content in members:
                archive.writestr(name, content)
        return buffer.getvalue()

    def save(array: Any) -> bytes:
        buffer = io.BytesIO()
        np.save(buffer, array, allow_pickle=True)
        return buffer.getvalue()

    prompt, forced = save(PROMPT), save(FORCED)
    whole = pack(prompt_ids=prompt, forced_ids=forced)
    both = ("prompt_ids.npy", prompt), ("forced_ids.npy", forced)
    compressed = {
        name: pack_all(*both, compression=getattr(zipfile, f"ZIP_{name}"))
        for name in ("LZMA", "BZIP2")
    }
    flipped = bytearray(whole)
    flipped[60] ^= 255
    encrypted = bytearray(pack_all(*both))
    directory = encrypted.rindex(b"PK\1\2", 0, encrypted.rindex(b"PK\1\2"))
    encrypted[6] |= 1  # the flag, in the local header and in the directory
    encrypted[directory + 8] |= 1
    header = forced.replace(b"'shape': (2, 20), ", b"'shape': (2, ((((( ")
    claim = forced.replace(b"(2, 20), }         ", b"(2, 20000000000), }")
    return {
        "empty": b"",
        "compressed by LZMA": compressed["LZMA"],
        "compressed by bzip2": compressed["BZIP2"],
        "another compression by name": whole.replace(b"\x08\x00", b"\x0e\x00"),
        "a flipped byte": bytes(flipped),
        "encrypted": bytes(encrypted),
        "one array twice": pack_all(*both, both[1]),
        "one array with suffix and without": pack_all(*both, ("forced_ids", forced)),
        "a header that is no header": pack(prompt_ids=prompt, forced_ids=header),
        "more than the array": pack(prompt_ids=prompt, forced_ids=forced + bytes(10**6)),
        "no zip": b"prompt_ids",
        "a plain array": forced,
        "half a zip": whole[: len(whole) // 2],
        "its directory cut": whole[:-10],
        "no arrays": pack(),
        "no forced_ids": pack(prompt_ids=prompt),
        "no prompt_ids": pack(forced_ids=forced),
        "pickled objects": pack(prompt_ids=prompt, forced_ids=save(np.array([[{}]], object))),
        "half an array": pack(prompt_ids=prompt, forced_ids=forced[:100]),
        "no header": pack(prompt_ids=prompt, forced_ids=forced[:7]),
        "a claim beyond the file": pack(prompt_ids=prompt, forced_ids=claim),
        "floats": pack(prompt_ids=prompt, forced_ids=save(FORCED * 1.0)),
        "booleans": pack(prompt_ids=save(PROMPT > 3), forced_ids=forced),
        "one axis": pack(prompt_ids=prompt, forced_ids=save(FORCED[0])),
        "no steps": pack(prompt_ids=prompt, forced_ids=save(FORCED[:, :0])),
        "no rows": pack(prompt_ids=save(PROMPT[:0]), forced_ids=save(FORCED[:0])),
        "other rows": pack(prompt_ids=prompt, forced_ids=save(FORCED[:1])),
        "too large numbers": pack(prompt_ids=prompt, forced_ids=save(np.full((2, 2), 2**64 - 1))),
        "mask of other shape": pack(
            prompt_ids=prompt, forced_ids=forced, prompt_mask=save(np.ones((2, 4), int))
        ),
        "mask of floats": pack(
            prompt_ids=prompt, forced_ids=forced, prompt_mask=save(np.ones((2, 5)))
        ),
        "mask of twos": pack(
            prompt_ids=prompt, forced_ids=forced, prompt_mask=save(np.full((2, 5), 2))
        ),
        "mask padded at the right": pack(
            prompt_ids=prompt, forced_ids=forced, prompt_mask=save(np.eye(2, 5, dtype=int))
        ),
    }


@pytest.mark.parametrize("name", list(make_hostile_files()))
def test_hostile_tokens_are_refused(
    capsys: Capture, tmp_path: Path, official_vectors: Path, name: str
) -> None:
    tokens = tmp_path / "tokens.npz"
    tokens.write_bytes(make_hostile_files()[name])
    outcome = run_trace(capsys, official_vectors, tokens, tmp_path / "out.npz")
    check_refused(outcome, ("must be",))
    assert list_files(tmp_path) == ["tokens.npz"]


def test_a_claim_is_compared_with_the_bytes_that_are_there(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens.npz"
    tokens.write_bytes(make_hostile_files()["a claim beyond the file"])
    with pytest.raises(CheckpointError, match=r"shape \(2, 20000000000\): must be no more than"):
        read_tokens(tokens)


def test_more_tokens_than_the_model_takes_are_refused_before_they_are_read(
    capsys: Capture, tmp_path: Path, official_vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten million tokens, a few kilobytes of file."""
    tokens = tmp_path / "tokens.npz"
    np.savez_compressed(tokens, prompt_ids=np.zeros((1, 10**7), np.int8), forced_ids=FORCED[:1])
    assert tokens.stat().st_size < 20_000
    monkeypatch.setattr(np.lib.format, "read_array", None)
    outcome = run_trace(capsys, official_vectors, tokens, tmp_path / "out.npz")
    check_refused(
        outcome, ("prompt_ids tokens = 10000000", "at most max_position_embeddings = 512")
    )


def test_interrupt_while_writing_leaves_nothing(
    capsys: Capture, tmp_path: Path, official_vectors: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_half(file: io.BufferedWriter, **arrays: Any) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    tokens = save_tokens(tmp_path / "tokens.npz")
    monkeypatch.setattr(np, "savez", write_half)
    outcome = run_trace(capsys, official_vectors, tokens, tmp_path / "out.npz")
    assert outcome.status == 130
    assert list_files(tmp_path) == ["tokens.npz"]


@pytest.mark.parametrize("seed", range(60))
def test_damaged_tokens_are_refused_or_read(
    capsys: Capture, tmp_path: Path, official_vectors: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    content = bytearray(save_tokens(tmp_path / "tokens.npz").read_bytes())
    for position in rng.integers(len(content), size=3):
        content[position] ^= 1 << int(rng.integers(8))
    (tmp_path / "tokens.npz").write_bytes(content)
    outcome = run_trace(capsys, official_vectors, tmp_path / "tokens.npz", tmp_path / "out.npz")
    if outcome.status:
        check_refused(outcome, ())
    assert ("out.npz" in list_files(tmp_path)) == (outcome.status == 0)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"forced_ids": FORCED + 60}, ("forced_ids", "99", "vocab_size = 97")),
        ({"forced_ids": FORCED - 1}, ("forced_ids", "-1", "vocab_size = 97")),
        ({"prompt_ids": PROMPT + 97}, ("prompt_ids", "vocab_size = 97")),
        ({"forced_ids": np.zeros((2, 510), int)}, ("515", "the model's position limit")),
        ({"forced_ids": np.zeros((2, 5000), int)}, ("5000", "max_position_embeddings = 512")),
    ],
)
def test_tokens_beyond_the_model_are_refused(
    capsys: Capture,
    tmp_path: Path,
    official_vectors: Path,
    arrays: Arrays,
    words: tuple[str, ...],
) -> None:
    tokens = save_tokens(tmp_path / "tokens.npz", **arrays)
    outcome = run_trace(capsys, official_vectors, tokens, tmp_path / "out.npz")
    check_refused(outcome, words)
    assert list_files(tmp_path) == ["tokens.npz"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--tau", "nan"), ("tau", "nan")),
        (("--tau", "1,2"), ("tau", "1 or 3")),
        (("--tau", ""), ("tau", "''")),
        (("--tokens-per-frame", "0"), ("tokens_per_frame", "0", "at least 1")),
        (("--semantics", "other"), ("--semantics", "'other'", "published")),
        (("--dtype", "int8"), ("--dtype", "'int8'")),
        (("--kv-cache", "int4"), ("--kv-cache", "'int4'", "bfloat16", "int8")),
        (("--kv-cache", "bfloat16", "--dtype", "float64"), ("kv_cache", "exact with float64")),
        (
            ("--kv-cache", "int8", "--dtype", "float64"),
            ("'int8'", "exact with float64"),
        ),
        (("--window", "0"), ("window", "0", "at least 1")),
        (("--sinks", "1"), ("sinks", "1", "window")),
        (("--max-chain", "-1"), ("max_chain", "-1")),
        (("--warmup-frames", "0"), ("warmup_frames", "0")),
    ],
)
def test_wrong_argument_is_refused(
    capsys: Capture,
    tmp_path: Path,
    official_vectors: Path,
    options: tuple[str, ...],
    words: tuple[str, ...],
) -> None:
    tokens = official_vectors / "tokens.npz"
    outcome = run_trace(capsys, official_vectors, tokens, tmp_path / "out.npz", *options)
    check_refused(outcome, words)
    assert list_files(tmp_path) == []


@pytest.mark.parametrize("place", ["tokens.npz/out.npz", "."])
def test_unwritable_output_is_refused_first(capsys: Capture, tmp_path: Path, place: str) -> None:
    tokens = save_tokens(tmp_path / "tokens.npz")
    outcome = run_trace(capsys, tmp_path / "no model", tokens, tmp_path / place)
    check_refused(outcome, ("output", "must"))
    assert list_files(tmp_path) == ["tokens.npz"]


def test_missing_files_are_refused(capsys: Capture, tmp_path: Path, official_vectors: Path) -> None:
    tokens, out = official_vectors / "tokens.npz", tmp_path / "out.npz"
    check_refused(run_trace(capsys, tmp_path, tokens, out), ("config.json", "No such file"))
    check_refused(run_trace(capsys, official_vectors, tmp_path / "none", out), ("none",))
    check_refused(run_trace(capsys, official_vectors, tmp_path, out), ("no regular file",))
    shutil.copytree(official_vectors, tmp_path / "model")
    weights = tmp_path / "model" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    check_refused(run_trace(capsys, tmp_path / "model", tokens, out), ("weights.safetensors",))
    assert not out.exists()


def test_a_trace_of_no_step_has_no_ratio() -> None:
    """The command takes no such tokens, Python does."""
    config, weights = TINY_CONFIG, make_random_weights(TINY_CONFIG, np.random.default_rng(0))
    ids = np.array([[1, 2]])
    result = run_trace_in_python(config, weights, ids, ids[:, :0], ReplayConfig(2))
    summary = summarise(result, (0.5,))
    assert (summary["steps"], summary["replay_ratio"], summary["ceiling"]) == (0, None, None)
    assert summary["warnings"] == ["replay did nothing: no token was fed behind the prompt"]
    assert "- replayed (ceiling -)" in format_summary(summary, Path("trace.npz"))
