"""Directories of the published layout in all their forms, and what is refused by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.safetensors_file import read_header, read_tensor
from fastcar.reference.vila_u.checkpoint import load_vila_u, load_vila_u_pixels
from fastcar.reference.vila_u.model import VilaUModel
from fastcar.reference.vila_u.trace import run_vila_u_trace
from tests.vila_u_files import VECTORS, load_codes, load_model, load_prompt, make_options

Tensors = dict[str, Any]
CODEBOOK = "rqvaesiglip.quantizer.codebooks.{}.weight"
TOWER, BODY, PROJECTOR = "vision_tower", "llm", "mm_projector"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A copy of A2 without the encoder, which makes it small."""
    root = tmp_path / "model"
    shutil.copytree(VECTORS / "A2" / "checkpoint", root)
    change_tensors(
        root, TOWER, lambda tensors: [tensors.pop(n) for n in list(tensors) if "siglip_model" in n]
    )
    return root


def read(path: Path) -> Tensors:
    return {name: read_tensor(place, np.float32) for name, place in read_header(path).items()}


def change_tensors(root: Path, part: str, change: Callable[[Tensors], Any]) -> None:
    """Rewrite the tensors of a folder into one file."""
    tensors: Tensors = {}
    for path in sorted((root / part).glob("*.safetensors")):
        tensors |= read(path)
        path.unlink()
    (root / part / "model.safetensors.index.json").unlink(missing_ok=True)
    change(tensors)
    safetensors.numpy.save_file(tensors, root / part / "model.safetensors")


def change_config(root: Path, part: str, change: Callable[[dict[str, Any]], Any]) -> None:
    path = root / part / "config.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


def compute_hidden(model: VilaUModel, codes: Any = None) -> Any:
    ids, mask = load_prompt("A2")
    given = load_codes("A2")[:, :12] if codes is None else codes
    found = run_vila_u_trace(model, ids, given, make_options("A2", (0.1,)), mask)
    return found.hidden, found.guided_logits


def check_same(root: Path, wanted: Any = None) -> None:
    found = compute_hidden(load_vila_u(root))
    expected = compute_hidden(load_model("A2")) if wanted is None else wanted
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_paths_may_stand_for_folders(directory: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (directory / BODY).rename(directory / "body")
    (directory / TOWER).rename(elsewhere)
    paths = {"llm_cfg": "body", "vision_tower_cfg": str(elsewhere), "mm_projector_cfg": PROJECTOR}
    change_config(directory, "", lambda document: document.update(paths))
    check_same(directory)


def test_a_head_is_neither_needed_nor_looked_at(directory: Path) -> None:
    change_tensors(directory, BODY, lambda tensors: tensors.pop("lm_head.weight"))
    check_same(directory)
    change_tensors(
        directory, BODY, lambda tensors: tensors.update({"lm_head.weight": np.ones((2, 3))})
    )
    check_same(directory)


def test_a_tied_head_may_be_stored_or_not(directory: Path) -> None:
    change_config(directory, BODY, lambda document: document.update(tie_word_embeddings=True))
    change_tensors(directory, BODY, lambda tensors: tensors.pop("lm_head.weight"))
    check_same(directory)


def test_copies_of_a_shared_codebook_are_accepted_and_others_refused(directory: Path) -> None:
    def share(document: dict[str, Any]) -> None:
        document["rqvaesiglip"]["shared_codebook"] = True

    def copy(tensors: Tensors) -> None:
        tensors.update({CODEBOOK.format(d): tensors[CODEBOOK.format(0)] for d in range(1, 4)})

    def drop(tensors: Tensors) -> None:
        for depth in range(1, 4):
            tensors.pop(CODEBOOK.format(depth))

    change_config(directory, TOWER, share)
    with pytest.raises(CheckpointError, match=r"codebooks\.1\.weight.*shared_codebook is true$"):
        load_vila_u(directory)
    change_tensors(directory, TOWER, copy)
    copied = compute_hidden(load_vila_u(directory))
    change_tensors(directory, TOWER, drop)
    check_same(directory, copied)


def test_float16_and_shards_of_the_tower_are_read(directory: Path) -> None:
    def round_all(tensors: Tensors) -> None:
        tensors.update({name: value.astype(np.float16) for name, value in tensors.items()})

    for part in (TOWER, BODY, PROJECTOR):
        change_tensors(directory, part, round_all)
    wanted = compute_hidden(load_vila_u(directory))
    assert abs(wanted[0] - compute_hidden(load_model("A2"))[0]).max() < 0.1
    path = directory / TOWER / "model.safetensors"
    tensors = read(path)
    path.unlink()
    names = sorted(tensors)
    weight_map: dict[str, str] = {}
    for index, some in enumerate((names[::2], names[1::2])):
        shard = f"model-0000{index + 1}-of-00002.safetensors"
        weight_map |= dict.fromkeys(some, shard)
        safetensors.numpy.save_file({n: tensors[n] for n in some}, directory / TOWER / shard)
    index_path = directory / TOWER / "model.safetensors.index.json"
    index_path.write_text(json.dumps({"weight_map": weight_map}))
    check_same(directory, wanted)


@pytest.mark.parametrize(("kind", "count"), [("mlp1x_gelu", 1), ("mlp3x_gelu", 3)])
def test_projectors_of_any_number_of_maps(directory: Path, kind: str, count: int) -> None:
    rng = np.random.default_rng(0)

    def replace_all(tensors: Tensors) -> None:
        tensors.clear()
        for index in range(count):
            shape = 48, 48 if index else 24
            tensors[f"layers.{2 * index}.weight"] = rng.standard_normal(shape, np.float32)
            tensors[f"layers.{2 * index}.bias"] = rng.standard_normal(48, np.float32)

    change_config(directory, PROJECTOR, lambda document: document.update(mm_projector_type=kind))
    change_tensors(directory, PROJECTOR, replace_all)
    assert len(load_vila_u(directory).projector.maps) == count


def test_double_precision_is_within_rounding_of_single() -> None:
    wide, narrow = compute_hidden(load_model("A2", np.float64)), compute_hidden(load_model("A2"))
    assert wide[0].dtype == np.float64
    np.testing.assert_allclose(wide[0], narrow[0], rtol=0, atol=2e-5)


def test_pixels_are_read_when_asked_for() -> None:
    decoder = load_vila_u_pixels(load_model("A1").config)
    latents = load_model("A1").compute_latents(load_codes("A1")[0, :16][None])
    assert decoder.decode(latents).shape == (1, 3, 16, 16)


def refuse(root: Path, *words: str) -> None:
    with pytest.raises(CheckpointError) as refusal:
        load_vila_u(root)
    text = str(refusal.value)
    assert "\n" not in text
    for word in words:
        assert word in text


@pytest.mark.parametrize("part", [BODY, TOWER, PROJECTOR])
def test_a_missing_folder_is_named(directory: Path, part: str) -> None:
    shutil.rmtree(directory / part)
    refuse(directory, part, "no directory", f"{part}_cfg of config.json")


@pytest.mark.parametrize("part", [BODY, TOWER, PROJECTOR])
def test_a_pickle_alone_is_refused_with_a_way_out(directory: Path, part: str) -> None:
    for path in (directory / part).glob("model*"):
        path.unlink()
    (directory / part / "pytorch_model.bin").write_bytes(b"")
    refuse(directory, part, "pytorch_model.bin alone", "safetensors.torch")


@pytest.mark.parametrize(
    ("part", "name"),
    [
        (TOWER, "rqtransformer.pos_emb_d"),
        (TOWER, "rqtransformer.head_transformer.blocks.0.attn.key.bias"),
        (TOWER, CODEBOOK.format(2)),
        (PROJECTOR, "layers.bias"),
        (BODY, "model.layers.1.mlp.up_proj.weight"),
    ],
)
def test_missing_unknown_and_misshapen_tensors_are_named(
    directory: Path, part: str, name: str
) -> None:
    change_tensors(directory, part, lambda tensors: tensors.update({f"{name}.more": np.ones(1)}))
    refuse(directory, f"{name}.more", "an unknown tensor")
    change_tensors(
        directory, part, lambda tensors: tensors.update({name: tensors.pop(f"{name}.more")})
    )
    refuse(directory, name, "shape", "as config.json says")
    change_tensors(directory, part, lambda tensors: tensors.pop(name))
    refuse(directory, name, "nothing")


def test_a_codebook_of_another_width_is_named(directory: Path) -> None:
    name = CODEBOOK.format(1)
    change_tensors(directory, TOWER, lambda tensors: tensors.update({name: tensors[name][:, :20]}))
    refuse(directory, name, "[34, 20]", "[34, 24], as config.json says")


def test_another_type_of_arithmetic_is_refused() -> None:
    kind: Any = np.int32
    with pytest.raises(ArgumentError, match=r"^dtype = .*np\.float32 or np\.float64$"):
        load_vila_u(VECTORS / "A1" / "checkpoint", kind)
