"""Damaged and hostile checkpoints: a one-line error, or exactly what the files say.

Every test mutates a right checkpoint some hundred times from fixed seeds, more than 1,500 times in
all. Whatever loads is compared with a second reading: the `safetensors` library for the tensors,
Python's `json` for the config. Allocations are traced and held to the size of the files.
"""

from __future__ import annotations

import json
import re
import shutil
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError
from fastcar.reference.files.checkpoint import load_checkpoint
from fastcar.reference.weights import ModelWeights
from tests.checkpoint_files import (
    CONFIG,
    StoredTensor,
    decode,
    make_header,
    make_tensors,
    pack,
    pack_tensors,
    read_by_library,
    write_checkpoint,
    write_shards,
)

Rng = np.random.Generator
Mutation = Callable[[bytes, Rng], bytes]

BYTES_PER_JSON_BYTE = 60
"""Python objects of parsed JSON: `[],` is three bytes and a list of 56 with its pointer of 8."""
BYTES_PER_TENSOR_BYTE = 4
"""float16 widened to float32 is 2; the rest is for one tensor more and the check of its values."""
CONSTANT_BYTES = 300_000
SPECIAL_NUMBERS = (
    *("0", "1", "-1", "2", "3", "7", "8", "11", "12", "255", "65536", "2147483647", "2147483648"),
    *("4294967296", "9223372036854775807", "9223372036854775808", "18446744073709551615"),
    *("1000000000000", "1" + "0" * 400, "9" * 4400, "-0", "0.0", "1.5", "1e3", "1e999", "-1e999"),
    *("NaN", "Infinity", "-Infinity", "true", "false", "null", '"8"', "[]", "{}", "[8]", "01", ""),
)
NUMBER = re.compile(rb"-?\d+(\.\d+)?(e-?\d+)?")
VALUE = re.compile(rb'-?\d+(\.\d+)?(e-?\d+)?|true|false|null|"[^"]*"')


LAYER_NAMES = (
    "input_layernorm",
    *("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj"),
    "post_attention_layernorm",
    *("mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"),
)


# -- mutations of bytes


def flip_bit(content: bytes, rng: Rng) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(changed))] ^= 1 << int(rng.integers(8))
    return bytes(changed)


def truncate(content: bytes, rng: Rng) -> bytes:
    return content[: rng.integers(len(content))]


def extend(content: bytes, rng: Rng) -> bytes:
    return content + rng.bytes(int(rng.integers(1, 40)))


def move_slice(content: bytes, rng: Rng) -> bytes:
    start, stop = sorted(int(edge) for edge in rng.integers(len(content), size=2))
    place = int(rng.integers(len(content)))
    rest = content[:start] + content[stop:]
    return rest[:place] + content[start:stop] + rest[place:]


def overwrite(content: bytes, rng: Rng) -> bytes:
    start = int(rng.integers(len(content)))
    return content[:start] + rng.bytes(8) + content[start + 8 :]


# -- mutations of JSON text


def substitute(text: bytes, pattern: re.Pattern[bytes], replacement: bytes, rng: Rng) -> bytes:
    matches = list(pattern.finditer(text))
    match = matches[int(rng.integers(len(matches)))]
    return text[: match.start()] + replacement + text[match.end() :]


def edit_number(text: bytes, rng: Rng) -> bytes:
    return substitute(text, NUMBER, rng.choice(SPECIAL_NUMBERS).encode(), rng)


def edit_value(text: bytes, rng: Rng) -> bytes:
    values = [match.group() for match in VALUE.finditer(text)]
    return substitute(text, VALUE, values[int(rng.integers(len(values)))], rng)


def nudge_number(text: bytes, rng: Rng) -> bytes:
    """Off by a little: the mistakes that a real writer makes."""
    matches = [match for match in NUMBER.finditer(text) if match.group().isdigit()]
    match = matches[int(rng.integers(len(matches)))]
    nudged = int(match.group()) + int(rng.choice([-8, -4, -2, -1, 1, 2, 4, 8]))
    return text[: match.start()] + str(nudged).encode() + text[match.end() :]


def swap_values(text: bytes, rng: Rng) -> bytes:
    matches = list(VALUE.finditer(text))
    indices = sorted(int(index) for index in rng.choice(len(matches), 2, replace=False))
    first, second = (matches[index] for index in indices)
    middle = text[first.end() : second.start()]
    swapped = second.group() + middle + first.group()
    return text[: first.start()] + swapped + text[second.end() :]


def edit_entries(text: bytes, rng: Rng) -> bytes:
    """Swap two keys, drop one, write one twice, rename one, or put one inside another."""
    document = json.loads(text)
    keys = list(document)
    first, second = (keys[int(index)] for index in rng.choice(len(keys), 2, replace=False))
    kind = int(rng.integers(5))
    if kind == 0:
        document[first], document[second] = document[second], document[first]
    elif kind == 1:
        del document[first]
    elif kind == 2:
        return text[:-1] + b", " + json.dumps({first: document[second]}).encode()[1:]
    elif kind == 3:
        document[first + str(rng.choice(["", "x", "\n", "\0", "é", "0"]))] = document.pop(first)
    else:
        document[first] = {second: document[second]}
    return json.dumps(document).encode()


def in_header(mutate: Mutation) -> Mutation:
    """The mutation of the header's text, with the length before it right again."""

    def mutate_header(content: bytes, rng: Rng) -> bytes:
        num_bytes = int.from_bytes(content[:8], "little")
        return pack(mutate(content[8 : 8 + num_bytes], rng), content[8 + num_bytes :])

    return mutate_header


BYTE_MUTATIONS = [flip_bit, truncate, extend, move_slice, overwrite]
JSON_MUTATIONS = [*BYTE_MUTATIONS, edit_number, edit_value, nudge_number, swap_values, edit_entries]


# -- the second reading


def read_tensors(directory: Path) -> dict[str, StoredTensor]:
    tensors: dict[str, StoredTensor] = {}
    for path in directory.glob("*.safetensors"):
        found = read_by_library(path.read_bytes())
        assert not found.keys() & tensors.keys()
        tensors |= found
    return {name: stored for name, stored in tensors.items() if "inv_freq" not in name}


def check_reading(directory: Path, config: ModelConfig, weights: ModelWeights) -> None:
    """What was loaded is what the files say."""
    document = json.loads((directory / "config.json").read_bytes())
    for name in ModelConfig.__dataclass_fields__:
        if document.get(name) is not None:
            value, written = getattr(config, name), document[name]
            if isinstance(value, float):
                # a whole number of 19 digits is rounded to the nearest float
                assert value == float(written)
            else:
                assert (value, type(value)) == (written, type(written))
    tensors = read_tensors(directory)
    assert len(weights.layers) == config.num_hidden_layers
    layer_arrays = [array for layer in weights.layers for array in vars(layer).values()]
    loaded = [weights.embedding, weights.norm, *layer_arrays]
    head_name, embedding_name = "lm_head.weight", "model.embed_tokens.weight"
    if not config.tie_word_embeddings:
        loaded.append(weights.head)
    elif head_name in tensors:
        np.testing.assert_array_equal(
            decode(tensors.pop(head_name)), decode(tensors[embedding_name])
        )
    names = [embedding_name, "model.norm.weight"]
    names += [
        f"model.layers.{index}.{name}.weight"
        for index in range(config.num_hidden_layers)
        for name in LAYER_NAMES
    ]
    names += [] if config.tie_word_embeddings else [head_name]
    assert set(names) == tensors.keys()
    for name, array in zip(names, loaded, strict=True):
        assert array.shape == tensors[name].shape
        np.testing.assert_array_equal(array, decode(tensors[name]).astype(np.float32))


def get_limit_bytes(directory: Path) -> int:
    limit = CONSTANT_BYTES
    for path in directory.iterdir():
        content = path.read_bytes()
        json_bytes = len(content)
        if path.suffix == ".safetensors":
            json_bytes = min(len(content), int.from_bytes(content[:8], "little"))
        limit += BYTES_PER_JSON_BYTE * json_bytes + BYTES_PER_TENSOR_BYTE * len(content)
    return limit


def try_loading(directory: Path) -> bool:
    """Load under a watch on memory; True if it loads, checked; False if refused, checked."""
    tracemalloc.reset_peak()
    before_bytes, _ = tracemalloc.get_traced_memory()
    try:
        config, weights = load_checkpoint(directory)
    except (CheckpointError, ArgumentError) as error:
        message = str(error)
        assert message.startswith(str(directory))
        assert message.isprintable()
        assert len(message) < 700
        loaded = False
    else:
        loaded = True
    _, peak_bytes = tracemalloc.get_traced_memory()
    assert peak_bytes - before_bytes < get_limit_bytes(directory)
    if loaded:
        check_reading(directory, config, weights)
    return loaded


def count_loaded(directory: Path, path: Path, mutations: Iterator[bytes]) -> int:
    """Write each mutation to `path` and try to load; how many load."""
    num_loaded = 0
    for content in mutations:
        path.write_bytes(content)
        num_loaded += try_loading(directory)
    return num_loaded


def repeat(content: bytes, mutate: Mutation, times: int) -> Iterator[bytes]:
    rng = np.random.default_rng(20250517)
    for _ in range(times):
        yield mutate(content, rng)


@pytest.fixture(scope="module")
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    tensors = make_tensors(CONFIG, ("F32", "BF16", "F16"))
    return write_checkpoint(tmp_path / "model", CONFIG, tensors)


# -- the mutations, some hundred a kind


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("mutate", JSON_MUTATIONS)
def test_a_mutated_config(checkpoint: Path, mutate: Mutation) -> None:
    path = checkpoint / "config.json"
    num_loaded = count_loaded(checkpoint, path, repeat(path.read_bytes(), mutate, 60))
    assert num_loaded < 60


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("mutate", JSON_MUTATIONS)
def test_a_mutated_header(checkpoint: Path, mutate: Mutation) -> None:
    path = checkpoint / "model.safetensors"
    num_loaded = count_loaded(checkpoint, path, repeat(path.read_bytes(), in_header(mutate), 60))
    assert num_loaded < 60


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("mutate", BYTE_MUTATIONS)
def test_a_mutated_safetensors_file(checkpoint: Path, mutate: Mutation) -> None:
    path = checkpoint / "model.safetensors"
    num_loaded = count_loaded(checkpoint, path, repeat(path.read_bytes(), mutate, 60))
    assert num_loaded < 60
    # a bit of a weight is as good as the other one: the second reading has something to compare
    assert (num_loaded > 0) == (mutate in (flip_bit, overwrite, move_slice))


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("mutate", JSON_MUTATIONS)
def test_a_mutated_index(tmp_path: Path, mutate: Mutation) -> None:
    directory = tmp_path / "model"
    write_shards(directory, make_tensors(CONFIG))
    path = directory / "model.safetensors.index.json"
    mutations = repeat(path.read_bytes(), mutate, 20)
    num_loaded = count_loaded(directory, path, mutations)
    assert num_loaded < 20 or mutate is edit_number


@pytest.mark.usefixtures("traced")
def test_every_truncation_of_the_first_bytes(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    content = path.read_bytes()
    mutations = (content[:length] for length in range(100))
    assert count_loaded(checkpoint, path, mutations) == 0


@pytest.mark.usefixtures("traced")
def test_every_bit_of_the_header_length(checkpoint: Path) -> None:
    path = checkpoint / "model.safetensors"
    content = path.read_bytes()
    number = int.from_bytes(content[:8], "little")
    mutations = ((number ^ (1 << bit)).to_bytes(8, "little") + content[8:] for bit in range(64))
    assert count_loaded(checkpoint, path, mutations) == 0


@pytest.mark.usefixtures("traced")
def test_every_number_of_the_config_replaced_by_every_special_one(checkpoint: Path) -> None:
    path = checkpoint / "config.json"
    text = path.read_bytes()

    def replace_all() -> Iterator[bytes]:
        for match in NUMBER.finditer(text):
            for number in SPECIAL_NUMBERS:
                yield text[: match.start()] + number.encode() + text[match.end() :]

    num_loaded = count_loaded(checkpoint, path, replace_all())
    # max_position_embeddings may be anything, rope_theta and rms_norm_eps many things
    assert 10 < num_loaded < 60


@pytest.mark.usefixtures("traced")
def test_every_number_of_one_header_entry_replaced_by_every_special_one(checkpoint: Path) -> None:
    tensors = make_tensors(CONFIG)
    name = "model.layers.0.mlp.up_proj.weight"
    path = checkpoint / "model.safetensors"
    header = make_header(tensors)
    entry = json.dumps(header[name]).encode()
    content = b"".join(stored.content for stored in tensors.values())
    text = json.dumps(header).encode()
    assert text.count(entry) == 1

    def replace_all() -> Iterator[bytes]:
        for match in re.finditer(rb"(?<![\w])\d+", entry):
            for number in SPECIAL_NUMBERS:
                edited = entry[: match.start()] + number.encode() + entry[match.end() :]
                yield pack(text.replace(entry, edited), content)

    num_loaded = count_loaded(checkpoint, path, replace_all())
    assert num_loaded == sum(str(size) in SPECIAL_NUMBERS for size in (12, 8))


@pytest.mark.usefixtures("traced")
def test_large_files_full_of_small_objects_stay_within_the_bound(checkpoint: Path) -> None:
    path, config_path = checkpoint / "model.safetensors", checkpoint / "config.json"
    right, right_config = path.read_bytes(), config_path.read_bytes()
    lists = b'{"a": [' + b"[]," * 20_000 + b"0]}"
    objects = b'{"a": [' + b"{}," * 20_000 + b"0]}"
    names = b"{" + b",".join(b'"%d":{}' % index for index in range(20_000)) + b"}"
    deep = b'{"a": ' * 900 + b"0" + b"}" * 900
    nested = b'{"a": ' + b"[" * 900 + b"]" * 900 + b"}"
    for text in (lists, objects, names, deep, nested):
        path.write_bytes(pack(text, b""))
        assert not try_loading(checkpoint)
        path.write_bytes(right)
        config_path.write_bytes(text)
        assert not try_loading(checkpoint)
        config_path.write_bytes(right_config[:-1] + b", " + text[1:])
        assert try_loading(checkpoint)
        config_path.write_bytes(right_config)


@pytest.mark.usefixtures("traced")
def test_the_peak_of_a_large_checkpoint_is_its_weights_and_one_tensor(tmp_path: Path) -> None:
    config = {**CONFIG, "vocab_size": 20_000, "intermediate_size": 20_000, "num_hidden_layers": 4}
    tensors = make_tensors(config, ("F16",))
    write_checkpoint(tmp_path, config, tensors)
    weights_bytes = sum(2 * len(stored.content) for stored in tensors.values())
    largest_bytes = max(2 * len(stored.content) for stored in tensors.values())
    tracemalloc.reset_peak()
    before_bytes, _ = tracemalloc.get_traced_memory()
    load_checkpoint(tmp_path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    growth_bytes = peak_bytes - before_bytes
    assert weights_bytes <= growth_bytes < weights_bytes + largest_bytes + CONSTANT_BYTES


def test_the_second_reading_notices_a_changed_weight(checkpoint: Path, tmp_path: Path) -> None:
    config, weights = load_checkpoint(checkpoint)
    check_reading(checkpoint, config, weights)
    weights.layers[1].down_proj[3, 4] += 1
    with pytest.raises(AssertionError):
        check_reading(checkpoint, config, weights)
    copy = tmp_path / "copy"
    shutil.copytree(checkpoint, copy)
    (copy / "model.safetensors").write_bytes(pack_tensors(make_tensors(CONFIG, seed=1)))
    with pytest.raises(AssertionError):
        check_reading(copy, *load_checkpoint(checkpoint))
