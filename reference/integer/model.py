"""Integer constants of all layers, and the one safetensors file that holds them.

The file has, for every layer l, the tensors `layers.l.gains` (I16), `layers.l.<matrix>.weights`
(I8) and `layers.l.<matrix>.multipliers` (U16), and under the metadata key `fastcar_integer_model` a
JSON object with the sizes and every other constant. Nothing missing, nothing left over.
"""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from numpy.typing import NDArray

from fastcar.reference.config import ModelConfig
from fastcar.reference.errors import ArgumentError, CheckpointError, OutputError
from fastcar.reference.files.json_file import describe, describe_path, parse_json_object
from fastcar.reference.files.rope_parameters import read_rope
from fastcar.reference.files.safetensors_file import (
    INTEGER_DTYPES,
    TensorPlace,
    get_tensor_label,
    read_described_header,
    read_integers,
)
from fastcar.reference.integer.layer import (
    IntegerLayer,
    IntegerMatrix,
    LayerScales,
    check_accumulators,
)

METADATA_KEY = "fastcar_integer_model"
FORMAT_VERSION = 1
PROJECTIONS = ("gate_proj", "up_proj", "down_proj")
_WHOLE_NUMBERS = ("epsilon", "gate_shift", "hidden_multiplier", "hidden_shift")
_SHIFTS = tuple(f"{projection}_shift" for projection in PROJECTIONS)


@dataclass(frozen=True)
class IntegerModel:
    """Score and MLP phase of a decoder on integers.

    Attributes:
        config: sizes of the checkpoint that was quantised.
        layers: one per decoder layer.
    """

    config: ModelConfig
    layers: tuple[IntegerLayer, ...]

    def __post_init__(self) -> None:
        if len(self.layers) != self.config.num_hidden_layers:
            limit = f"num_hidden_layers = {self.config.num_hidden_layers}"
            raise ArgumentError("layers", len(self.layers), limit)
        width, inner = self.config.hidden_size, self.config.intermediate_size
        for layer in self.layers:
            if (layer.hidden_size, layer.intermediate_size) != (width, inner):
                found = layer.hidden_size, layer.intermediate_size
                raise ArgumentError("sizes of a layer", found, f"{(width, inner)}")
        check_accumulators(width, inner, self.query_size)

    @property
    def query_size(self) -> int:
        """Q = H d."""
        return self.config.num_attention_heads * self.config.head_dim


def save_integer_model(path: str | os.PathLike[str], model: IntegerModel) -> None:
    """Write a model as one file, whole or not at all; an existing file is replaced.

    Raises:
        OutputError: the file cannot be written.
    """
    target = Path(path)
    tensors: dict[str, NDArray[np.generic]] = {}
    for layer_index, layer in enumerate(model.layers):
        tensors[f"layers.{layer_index}.gains"] = np.ascontiguousarray(layer.gains)
        for projection in PROJECTIONS:
            matrix: IntegerMatrix = getattr(layer, projection)
            prefix = f"layers.{layer_index}.{projection}"
            tensors[f"{prefix}.weights"] = np.ascontiguousarray(matrix.weights)
            tensors[f"{prefix}.multipliers"] = np.ascontiguousarray(matrix.multipliers)
    partial = target.absolute().with_name(f".{target.name}.{secrets.token_hex(8)}.partial")
    try:
        try:
            content = safetensors.numpy.save(tensors, {METADATA_KEY: _format_metadata(model)})
            partial.write_bytes(content)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(target, error.strerror or str(error)) from error


def _format_metadata(model: IntegerModel) -> str:
    layers = []
    for layer in model.layers:
        numbers: dict[str, Any] = {name: getattr(layer, name) for name in _WHOLE_NUMBERS}
        numbers |= {f"{name}_shift": getattr(layer, name).shift for name in PROJECTIONS}
        layers.append(numbers | {"scales": asdict(layer.scales)})
    config = asdict(model.config)
    # absent without scaling, as in files from before there was any
    if model.config.rope_scaling is None:
        del config["rope_scaling"]
    document = {"version": FORMAT_VERSION, "config": config, "layers": layers}
    return json.dumps(document)


def load_integer_model(path: str | os.PathLike[str]) -> IntegerModel:
    """Read what `save_integer_model` wrote, to the last bit.

    Raises:
        CheckpointError: anything missing, superfluous, of another type or shape, or out of range.
    """
    file = Path(path)
    place = describe_path(file)
    tensors, metadata = read_described_header(file, INTEGER_DTYPES)
    if metadata.keys() != {METADATA_KEY}:
        limit = f"exactly the key {METADATA_KEY}"
        raise CheckpointError(f"{place}: __metadata__", sorted(metadata), limit)
    document = parse_json_object(metadata[METADATA_KEY].encode(), f"{place}: {METADATA_KEY}")
    reader = _Reader(file, f"{place}: {METADATA_KEY}", dict(tensors))
    try:
        model = reader.read_model(document)
    except ArgumentError as error:
        where = f"{reader.place}: {error.argument}"
        raise CheckpointError(where, describe_value(error.value), error.limit) from error
    for name in sorted(reader.tensors):
        raise CheckpointError(get_tensor_label(file, name), "an unknown tensor", "of the model")
    return model


def describe_value(value: object) -> str:
    """A value of an error in one line."""
    return describe(value) if isinstance(value, str | int | float | list | dict) else str(value)


@dataclass
class _Reader:
    """Takes the parts of a file one by one.

    Attributes:
        file: the file.
        place: of the metadata, for errors.
        tensors: those that were not read yet.
    """

    file: Path
    place: str
    tensors: dict[str, TensorPlace]

    def read_model(self, document: dict[str, Any]) -> IntegerModel:
        self._check_keys(document, ("version", "config", "layers"), self.place)
        if document["version"] != FORMAT_VERSION or type(document["version"]) is not int:
            found = describe(document["version"])
            raise CheckpointError(f"{self.place}: version", found, f"{FORMAT_VERSION}")
        config = self._read_config(document["config"])
        layers = document["layers"]
        if not isinstance(layers, list) or len(layers) != config.num_hidden_layers:
            limit = f"a list of num_hidden_layers = {config.num_hidden_layers} objects"
            raise CheckpointError(f"{self.place}: layers", describe(layers), limit)
        return IntegerModel(
            config,
            tuple(self._read_layer(index, config, layers[index]) for index in range(len(layers))),
        )

    def _read_config(self, numbers: object) -> ModelConfig:
        place = f"{self.place}: config"
        names = [field.name for field in fields(ModelConfig)]
        if not (isinstance(numbers, dict) and "rope_scaling" in numbers):
            names.remove("rope_scaling")
        values = dict(self._check_keys(numbers, names, place))
        scaling = {"rope_scaling": values.pop("rope_scaling", None)}
        types = {"rms_norm_eps": float, "rope_theta": float, "tie_word_embeddings": bool}
        for name, value in values.items():
            self._check_type(value, types.get(name, int), f"{place}: {name}")
        _, rope_scaling = read_rope(scaling, place, values["max_position_embeddings"])
        return ModelConfig(**values, rope_scaling=rope_scaling)

    def _read_layer(self, index: int, config: ModelConfig, numbers: object) -> IntegerLayer:
        place = f"{self.place}: layers {index}"
        values = self._check_keys(numbers, (*_WHOLE_NUMBERS, *_SHIFTS, "scales"), place)
        for name in (*_WHOLE_NUMBERS, *_SHIFTS):
            self._check_type(values[name], int, f"{place}: {name}")
        names = [field.name for field in fields(LayerScales)]
        scales = self._check_keys(values["scales"], names, f"{place}: scales")
        for name, scale in scales.items():
            self._check_type(scale, float, f"{place}: scales: {name}")
        width, inner = config.hidden_size, config.intermediate_size
        shapes = {
            "gate_proj": (inner, width),
            "up_proj": (inner, width),
            "down_proj": (width, inner),
        }
        matrices = {
            name: self._read_matrix(f"layers.{index}.{name}", shape, values[f"{name}_shift"])
            for name, shape in shapes.items()
        }
        gains = self._take(f"layers.{index}.gains", "I16", (width,))
        constants: dict[str, Any] = {name: values[name] for name in _WHOLE_NUMBERS}
        constants |= matrices
        return IntegerLayer(gains=gains, scales=LayerScales(**scales), **constants)

    def _read_matrix(self, name: str, shape: tuple[int, int], shift: int) -> IntegerMatrix:
        weights = self._take(f"{name}.weights", "I8", shape)
        return IntegerMatrix(weights, self._take(f"{name}.multipliers", "U16", shape[:1]), shift)

    def _take(self, name: str, dtype: str, shape: tuple[int, ...]) -> Any:
        tensor = self.tensors.pop(name, None)
        limit = f"{dtype} {list(shape)}"
        if tensor is None:
            raise CheckpointError(get_tensor_label(self.file, name), "nothing", limit)
        if (tensor.dtype, tensor.shape) != (dtype, shape):
            raise CheckpointError(str(tensor), f"{tensor.dtype} {list(tensor.shape)}", limit)
        return read_integers(tensor)

    @staticmethod
    def _check_keys(found: object, names: Any, place: str) -> dict[str, Any]:
        if not isinstance(found, dict) or found.keys() != set(names):
            limit = f"an object of exactly {', '.join(names)}"
            shown = ", ".join(sorted(found)) if isinstance(found, dict) else describe(found)
            raise CheckpointError(place, shown, limit)
        return found

    @staticmethod
    def _check_type(value: object, kind: type, place: str) -> None:
        # type() and not isinstance: true is no number here
        if type(value) is not kind:
            names = {int: "a whole number", float: "a number with a point", bool: "true or false"}
            raise CheckpointError(place, describe(value), names[kind])
