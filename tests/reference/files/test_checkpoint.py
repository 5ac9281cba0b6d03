from __future__ import annotations

import json
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError, OutputError
from fastcar.reference.files.checkpoint import load_checkpoint, load_config, save_checkpoint
from fastcar.reference.rope_scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    RopeScaling,
    YarnScaling,
)
from fastcar.reference.weights import LayerWeights, ModelWeights, make_random_weights
from tests.checkpoint_files import (
    CONFIG,
    LFS_POINTER,
    StoredTensor,
    decode,
    make_tensors,
    pack_tensors,
    write_checkpoint,
    write_index,
    write_shards,
)

TIED = {**CONFIG, "tie_word_embeddings": True}
EMBEDDING, HEAD = "model.embed_tokens.weight", "lm_head.weight"
UP = "model.layers.1.mlp.up_proj.weight"
FIELDS = {
    "attention_norm": "input_layernorm",
    "q_proj": "self_attn.q_proj",
    "k_proj": "self_attn.k_proj",
    "v_proj": "self_attn.v_proj",
    "o_proj": "self_attn.o_proj",
    "mlp_norm": "post_attention_layernorm",
    "gate_proj": "mlp.gate_proj",
    "up_proj": "mlp.up_proj",
    "down_proj": "mlp.down_proj",
}


def assert_loaded(weights: ModelWeights, tensors: dict[str, StoredTensor], dtype: type) -> None:
    """The weights are exactly the stored numbers, each in its place."""
    read = {EMBEDDING: weights.embedding, "model.norm.weight": weights.norm}
    read[HEAD] = weights.head
    for index, layer in enumerate(weights.layers):
        for field, name in FIELDS.items():
            read[f"model.layers.{index}.{name}.weight"] = getattr(layer, field)
    expected = {HEAD: tensors[EMBEDDING], **tensors}
    assert read.keys() == expected.keys()
    for name, array in read.items():
        assert array.dtype == dtype
        np.testing.assert_array_equal(array, decode(expected[name]).astype(dtype), err_msg=name)


def check_refusal(directory: Path, message: str) -> None:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(directory)
    assert re.fullmatch(re.escape(str(directory)) + message, str(caught.value))


# -- what loads


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "dtypes", [("F32",), ("F16",), ("BF16",), ("F64",), ("BF16", "F32", "F16")]
)
@pytest.mark.parametrize("config", [CONFIG, TIED])
def test_every_stored_type_loads_exactly(
    tmp_path: Path, config: dict[str, Any], dtypes: tuple[str, ...], dtype: type
) -> None:
    tensors = make_tensors(config, dtypes)
    write_checkpoint(tmp_path, config, tensors)
    loaded_config, weights = load_checkpoint(tmp_path, dtype)
    assert loaded_config == load_config(tmp_path)
    assert_loaded(weights, tensors, dtype)
    assert (weights.head is weights.embedding) == config["tie_word_embeddings"]


def test_shards_load_like_one_file(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    write_shards(tmp_path, tensors)
    assert_loaded(load_checkpoint(tmp_path)[1], tensors, np.float32)


def test_the_shards_may_be_links_as_in_the_cache_of_hugging_face(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    directory, blobs = tmp_path / "snapshot", tmp_path / "blobs"
    blobs.mkdir()
    write_shards(directory, tensors)
    for path in list(directory.iterdir()):
        path.rename(blobs / path.name)
        path.symlink_to(blobs / path.name)
    assert_loaded(load_checkpoint(directory)[1], tensors, np.float32)


def test_one_file_is_preferred_to_an_index_and_to_the_other_name(tmp_path: Path) -> None:
    right, other = make_tensors(CONFIG), make_tensors(CONFIG, seed=1)
    write_shards(tmp_path, other)
    (tmp_path / "weights.safetensors").write_bytes(b"unused")
    assert_loaded(load_checkpoint(tmp_path)[1], other, np.float32)
    write_checkpoint(tmp_path, CONFIG, right)
    assert_loaded(load_checkpoint(tmp_path)[1], right, np.float32)


def test_vectors_of_the_published_code_load(official_vectors: Path) -> None:
    config, weights = load_checkpoint(official_vectors)
    stored = safetensors.numpy.load_file(official_vectors / "weights.safetensors")
    assert len(weights.layers) == config.num_hidden_layers == 3
    np.testing.assert_array_equal(
        weights.layers[2].k_proj, stored["model.layers.2.self_attn.k_proj.weight"]
    )


def remove_prefix(tensors: dict[str, StoredTensor]) -> dict[str, StoredTensor]:
    return {name.removeprefix("model."): stored for name, stored in tensors.items()}


def test_names_of_a_base_model_are_understood(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    write_checkpoint(tmp_path / "whole", CONFIG, remove_prefix(tensors))
    assert_loaded(load_checkpoint(tmp_path / "whole")[1], tensors, np.float32)
    weight_map = write_shards(tmp_path / "shards", remove_prefix(tensors))
    assert "embed_tokens.weight" in weight_map
    assert_loaded(load_checkpoint(tmp_path / "shards")[1], tensors, np.float32)
    write_checkpoint(tmp_path / "tied", TIED, remove_prefix(make_tensors(TIED)))
    _, weights = load_checkpoint(tmp_path / "tied")
    assert weights.head is weights.embedding


def test_an_untied_head_that_a_base_model_lacks_is_named(tmp_path: Path) -> None:
    write_checkpoint(tmp_path, CONFIG, remove_prefix(make_tensors(TIED)))
    check_refusal(
        tmp_path,
        r': tensor "lm_head.weight": found nothing: must be a tensor of shape \[11, 8\], as '
        "config.json says",
    )


@pytest.mark.parametrize("base", [False, True])
def test_a_tied_head_stored_alone_is_the_embedding(tmp_path: Path, base: bool) -> None:
    tensors = make_tensors(TIED)
    alone = {HEAD if name == EMBEDDING else name: stored for name, stored in tensors.items()}
    write_checkpoint(tmp_path, TIED, remove_prefix(alone) if base else alone)
    _, weights = load_checkpoint(tmp_path)
    assert weights.head is weights.embedding
    assert_loaded(weights, tensors, np.float32)


def test_an_untied_head_is_no_embedding(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    del tensors[EMBEDDING]
    write_checkpoint(tmp_path, CONFIG, tensors)
    check_refusal(tmp_path, r': tensor "model.embed_tokens.weight": found nothing: must be .*')


def test_a_tied_head_may_be_stored_if_it_is_the_embedding(tmp_path: Path) -> None:
    tensors = make_tensors(TIED)
    write_checkpoint(tmp_path, TIED, {**tensors, HEAD: tensors[EMBEDDING]})
    _, weights = load_checkpoint(tmp_path)
    assert weights.head is weights.embedding
    write_checkpoint(tmp_path, TIED, {**tensors, HEAD: make_tensors(CONFIG)[HEAD]})
    check_refusal(
        tmp_path,
        r'/model.safetensors: tensor "lm_head.weight": found other values: must be equal to '
        "model.embed_tokens.weight because tie_word_embeddings is true",
    )


# -- what is refused


def test_another_dtype_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^dtype = <class 'numpy.float16'>: must be np.floa"):
        load_checkpoint(tmp_path, np.float16)


def test_a_directory_without_weights_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    check_refusal(
        tmp_path,
        ": found no weights: must be model.safetensors, model.safetensors.index.json or "
        "weights.safetensors",
    )


def test_a_dangling_link_is_no_reason_to_take_another_file(tmp_path: Path) -> None:
    write_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").rename(tmp_path / "weights.safetensors")
    (tmp_path / "model.safetensors").symlink_to(tmp_path / "gone")
    check_refusal(
        tmp_path,
        "/model.safetensors: found No such file or directory: must be a readable file",
    )


@pytest.mark.parametrize("name", [EMBEDDING, "model.norm.weight", HEAD, UP])
def test_a_missing_tensor_is_named(tmp_path: Path, name: str) -> None:
    tensors = make_tensors(CONFIG)
    shape = list(tensors.pop(name).shape)
    write_checkpoint(tmp_path, CONFIG, tensors)
    check_refusal(
        tmp_path,
        f': tensor "{re.escape(name)}": found nothing: must be a tensor of shape '
        rf"{re.escape(str(shape))}, as config.json says",
    )


@pytest.mark.parametrize(
    "name", ["model.layers.2.mlp.up_proj.weight", "model.bias.weight", "model.layers.1.inv_freq"]
)
def test_an_unknown_tensor_is_named(tmp_path: Path, name: str) -> None:
    extra = StoredTensor("F32", (1,), bytes(4))
    write_checkpoint(tmp_path, CONFIG, {**make_tensors(CONFIG), name: extra})
    check_refusal(
        tmp_path,
        f'/model.safetensors: tensor "{re.escape(name)}": found an unknown tensor: must be a '
        "tensor of the Llama that config.json describes",
    )


@pytest.mark.parametrize("name", ["model.norm.bias", "model.layers.0.self_attn.q_proj.bias"])
def test_a_bias_that_the_config_does_not_announce_is_named(tmp_path: Path, name: str) -> None:
    extra = StoredTensor("F32", (1,), bytes(4))
    write_checkpoint(tmp_path, CONFIG, {**make_tensors(CONFIG), name: extra})
    check_refusal(
        tmp_path,
        f'/model.safetensors: tensor "{re.escape(name)}": found an unknown tensor: must be '
        "absent: no biases are computed",
    )


@pytest.mark.parametrize("shape", [(8, 12), (12, 8, 1), (96,), (4, 24)])
def test_a_misshapen_tensor_is_named(tmp_path: Path, shape: tuple[int, ...]) -> None:
    tensors = make_tensors(CONFIG)
    tensors[UP] = replace(tensors[UP], shape=shape)
    write_checkpoint(tmp_path, CONFIG, tensors)
    check_refusal(
        tmp_path,
        f'/model.safetensors: tensor "{re.escape(UP)}": shape: found {re.escape(str(list(shape)))}'
        r": must be \[12, 8\], as config.json says",
    )


def test_a_misshapen_stored_head_of_a_tied_model_is_named(tmp_path: Path) -> None:
    tensors = {**make_tensors(TIED), HEAD: StoredTensor("F32", (1, 8), bytes(32))}
    write_checkpoint(tmp_path, TIED, tensors)
    check_refusal(
        tmp_path, r'/model.safetensors: tensor "lm_head.weight": shape: found \[1, 8\]: .*'
    )


def test_a_weight_that_is_not_finite_is_named(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    content = tensors[UP].content[:-4] + np.array([np.nan], np.float32).tobytes()
    tensors[UP] = replace(tensors[UP], content=content)
    write_checkpoint(tmp_path, CONFIG, tensors)
    check_refusal(
        tmp_path,
        f'/model.safetensors: tensor "{re.escape(UP)}": found nan at '
        r"\[11, 7\]: must be finite in float32",
    )


@pytest.mark.parametrize(
    ("name", "size"),
    [("vocab_size", 10**12), ("vocab_size", 2**31 - 1), ("num_hidden_layers", 2**31 - 1)],
)
def test_a_boastful_config_ends_at_once_without_memory(
    tmp_path: Path, name: str, size: int
) -> None:
    write_checkpoint(tmp_path, {**CONFIG, name: size}, make_tensors(CONFIG))
    tracemalloc.start()
    try:
        with pytest.raises(CheckpointError):
            load_checkpoint(tmp_path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 500_000


@pytest.mark.parametrize(
    "name", ["config.json", "model.safetensors.index.json", "model-00001.safetensors"]
)
def test_a_pointer_of_git_lfs_is_called_that(tmp_path: Path, name: str) -> None:
    write_shards(tmp_path, make_tensors(CONFIG))
    (tmp_path / name).write_bytes(LFS_POINTER)
    check_refusal(
        tmp_path,
        f"/{name}: found a Git LFS pointer: must be the file it stands for: git lfs pull",
    )


# -- the index


@pytest.mark.parametrize(
    ("shard", "shown"),
    [
        ("../outside.safetensors", '"../outside.safetensors"'),
        ("/etc/passwd", '"/etc/passwd"'),
        ("..", r'"\.\."'),
        ("", '""'),
        ("sub/a.safetensors", '"sub/a.safetensors"'),
        (r"sub\a.safetensors", r'"sub\\\\a.safetensors"'),
        (".hidden.safetensors", r'"\.hidden.safetensors"'),
        ("a.safetensors\n", r'"a.safetensors\\n"'),
        ("a\0.safetensors", r'"a\\u0000.safetensors"'),
        ("C:a.safetensors", '"C:a.safetensors"'),
        ("a" * 244 + ".safetensors", '"a{60}..."'),
        ("pytorch_model.bin", '"pytorch_model.bin"'),
        (3, "3"),
        (None, "null"),
    ],
)
def test_an_index_cannot_point_outside_its_directory(
    tmp_path: Path, shard: object, shown: str
) -> None:
    directory = tmp_path / "model"
    tensors = make_tensors(CONFIG)
    weight_map: dict[str, object] = {**write_shards(directory, tensors)}
    (tmp_path / "outside.safetensors").write_bytes(pack_tensors(tensors))
    weight_map[UP] = shard
    write_index(directory, weight_map)
    check_refusal(
        directory,
        rf'/model.safetensors.index.json: weight_map: "{re.escape(UP)}": found {shown}: must be a '
        ".safetensors file name of this directory, without path or leading dot",
    )


@pytest.mark.parametrize(("weight_map", "shown"), [([], "a list of 0"), (None, "null")])
def test_an_index_without_a_map_is_refused(tmp_path: Path, weight_map: object, shown: str) -> None:
    write_shards(tmp_path, make_tensors(CONFIG))
    write_index(tmp_path, weight_map)
    check_refusal(
        tmp_path,
        f"/model.safetensors.index.json: weight_map: found {shown}: must be an object of tensor "
        "names to files",
    )


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    write_shards(tmp_path, make_tensors(CONFIG))
    (tmp_path / "model-00001.safetensors").unlink()
    check_refusal(
        tmp_path,
        "/model-00001.safetensors: found No such file or directory: must be a readable file",
    )


def test_a_tensor_in_two_shards_is_refused(tmp_path: Path) -> None:
    tensors = make_tensors(CONFIG)
    weight_map = write_shards(tmp_path, tensors)
    first, second = "model-00000.safetensors", "model-00001.safetensors"
    assert weight_map[EMBEDDING] == first
    for_second = {name: tensors[name] for name in tensors if weight_map[name] == second}
    (tmp_path / second).write_bytes(pack_tensors({**for_second, EMBEDDING: tensors[EMBEDDING]}))
    check_refusal(
        tmp_path,
        f'/{second}: tensor "{EMBEDDING}": found it in {second}: must be in the one shard that '
        f'the index names, "{first}"',
    )


def test_a_tensor_that_the_index_does_not_list_is_refused(tmp_path: Path) -> None:
    weight_map = write_shards(tmp_path, make_tensors(CONFIG))
    shard = weight_map.pop(UP)
    write_index(tmp_path, weight_map)
    check_refusal(
        tmp_path,
        f'/{shard}: tensor "{re.escape(UP)}": found it in {shard}: must be in the one shard that '
        "the index names, null",
    )


def test_a_tensor_that_is_not_where_the_index_says_is_refused(tmp_path: Path) -> None:
    weight_map = write_shards(tmp_path, make_tensors(CONFIG))
    name = "model.layers.9.mlp.up_proj.weight"
    write_index(tmp_path, {**weight_map, name: "model-00002.safetensors"})
    check_refusal(
        tmp_path,
        f'/model-00002.safetensors: tensor "{re.escape(name)}": found nothing: must be in this '
        "file, as the index says",
    )


# -- saving


def make_config(tied: bool) -> ModelConfig:
    sizes: dict[str, Any] = {**CONFIG, "tie_word_embeddings": tied}
    names = ModelConfig.__dataclass_fields__
    return ModelConfig(**{name: sizes[name] for name in names})


@pytest.mark.parametrize(
    "scaling",
    [
        LinearScaling(2.0),
        DynamicScaling(2.0),
        Llama3Scaling(8.0, 1.0, 4.0, 16),
        YarnScaling(4.0, 16, 1.25, 16.0, 2.0, False),
    ],
)
def test_rotary_scaling_is_saved_and_loads_again(tmp_path: Path, scaling: RopeScaling) -> None:
    config = replace(make_config(False), rope_scaling=scaling)
    weights = make_random_weights(config, np.random.default_rng(3), np.float32)
    save_checkpoint(tmp_path / "model", config, weights)
    assert load_checkpoint(tmp_path / "model")[0] == config


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_saved_loads_again_bit_for_bit(tmp_path: Path, dtype: type, tied: bool) -> None:
    config = make_config(tied)
    weights = make_random_weights(config, np.random.default_rng(3), dtype)
    save_checkpoint(tmp_path / "model", config, weights)
    loaded_config, loaded = load_checkpoint(tmp_path / "model", dtype)
    assert loaded_config == config
    np.testing.assert_array_equal(loaded.embedding, weights.embedding)
    np.testing.assert_array_equal(loaded.head, weights.head)
    np.testing.assert_array_equal(loaded.norm, weights.norm)
    for mine, theirs in zip(loaded.layers, weights.layers, strict=True):
        for field in FIELDS:
            np.testing.assert_array_equal(getattr(mine, field), getattr(theirs, field))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_is_saved_carries_the_names_of_hugging_face(tmp_path: Path) -> None:
    config = make_config(tied=True)
    directory = tmp_path / "model"
    directory.mkdir()  # an empty directory is taken
    save_checkpoint(directory, config, make_random_weights(config, np.random.default_rng(0)))
    stored = safetensors.numpy.load_file(directory / "model.safetensors")
    assert stored.keys() == make_tensors(TIED).keys()
    document = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    assert (document["model_type"], document["torch_dtype"]) == ("llama", "float32")
    modes = {path.stat().st_mode for path in directory.iterdir()}
    assert len(modes) == 1


def change_layer(weights: ModelWeights, **changes: Any) -> ModelWeights:
    return replace(weights, layers=(replace(weights.layers[0], **changes), *weights.layers[1:]))


@pytest.mark.parametrize(
    ("tied", "change", "message"),
    [
        (
            False,
            lambda weights: replace(weights, layers=weights.layers[:1]),
            "weights.layers = 1: must be num_hidden_layers = 2",
        ),
        (
            True,
            lambda weights: replace(weights, head=weights.head + 1),
            "weights.head = 'other values': must be the embedding of a tied head",
        ),
        (
            False,
            lambda weights: change_layer(weights, up_proj=weights.layers[0].gate_proj.T),
            r"model.layers.0.mlp.up_proj.weight = \(8, 12\): must be of shape \(12, 8\)",
        ),
        (
            False,
            lambda weights: replace(weights, norm=weights.norm * np.float32(np.nan)),
            r"model.norm.weight = dtype\('float32'\): must be finite float32 or float64",
        ),
        (
            False,
            lambda weights: replace(weights, norm=weights.norm.astype(np.float16)),
            r"model.norm.weight = dtype\('float16'\): must be finite float32 or float64",
        ),
    ],
)
def test_weights_that_would_not_load_are_not_saved(
    tmp_path: Path, tied: bool, change: Callable[[ModelWeights], ModelWeights], message: str
) -> None:
    config = make_config(tied)
    weights = change(make_random_weights(config, np.random.default_rng(0)))
    with pytest.raises(ArgumentError) as caught:
        save_checkpoint(tmp_path / "model", config, weights)
    assert re.fullmatch(message, str(caught.value))
    assert not list(tmp_path.iterdir())


def test_a_directory_in_use_is_left_alone(tmp_path: Path) -> None:
    config = make_config(tied=False)
    weights = make_random_weights(config, np.random.default_rng(0))
    (tmp_path / "note").write_text("mine", encoding="utf-8")
    for target in (tmp_path, tmp_path / "note"):
        with pytest.raises(OutputError, match=r"^output = '.*': exists already and is no empty d"):
            save_checkpoint(target, config, weights)
    with pytest.raises(OutputError, match=r"^output = '.*/missing/model': .*No such file"):
        save_checkpoint(tmp_path / "missing" / "model", config, weights)
    assert [path.name for path in tmp_path.iterdir()] == ["note"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_an_interrupted_save_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def write_half(tensors: object, path: Path, metadata: object) -> None:
        path.write_bytes(b"half")
        raise error("stopped\nhere")

    config = make_config(tied=False)
    weights = make_random_weights(config, np.random.default_rng(0))
    monkeypatch.setattr("safetensors.numpy.save_file", write_half)
    expected = OutputError if error is OSError else error
    with pytest.raises(expected):
        save_checkpoint(tmp_path / "model", config, weights)
    assert not list(tmp_path.iterdir())


def test_the_directory_appears_in_one_step_when_all_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[set[str]] = []

    def stop(partial: Path, target: Path) -> None:
        moved.append({path.name for path in partial.iterdir()})
        assert partial.parent == target.parent
        raise KeyboardInterrupt

    config = make_config(tied=False)
    monkeypatch.setattr(Path, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(
            tmp_path / "model", config, make_random_weights(config, np.random.default_rng(0))
        )
    assert moved == [{"config.json", "model.safetensors"}]
    assert not list(tmp_path.iterdir())


def test_the_fields_above_are_those_of_a_layer() -> None:
    assert FIELDS.keys() == LayerWeights.__dataclass_fields__.keys()
