"""Names of the kernels that a decode calls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fastcar.reference.engine_choice import Decode
from fastcar.reference.gate_factory import (
    GATE_NAMES,
    THRESHOLD_GATES,
    make_ratio_gate,
    make_threshold_gate,
)
from fastcar.reference.gates.gate import Gate
from fastcar.reference.kernel_list import (
    FRAME_GATES,
    SHARED_BYTES,
    SHARED_MULTIPLICATIONS,
    list_kernels,
)
from fastcar.reference.kernels.engine import PARALLEL_BYTES, PARALLEL_MULTIPLICATIONS
from fastcar.reference.kernels.frame.rule_maker import is_known
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import compress_weights
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import SHIPPED_MODEL, load_video_model
from fastcar.reference.weights import make_random_weights
from fastcar.strategies import make_config

ONE = Decode(1, 5, 100)
MODEL = load_video_model(SHIPPED_MODEL)


def list_shipped(*decodes: Decode, draws: bool = False) -> frozenset[str]:
    """Of traces, which go step by step, unless tokens are drawn."""
    return list_kernels(MODEL.config, MODEL.weights, decodes, draws=draws)


def test_the_bounds_are_the_engines() -> None:
    assert (SHARED_BYTES, SHARED_MULTIPLICATIONS) == (PARALLEL_BYTES, PARALLEL_MULTIPLICATIONS)


def test_short_decodes_of_one_row_stay_on_one_thread() -> None:
    for draws in (False, True):
        kernels = list_shipped(ONE, draws=draws)
        assert {"rms_norm", "rotate", "store exact"} < kernels
        assert ("attend exact one" in kernels) != draws
        assert not any(name.endswith("several") for name in kernels)


def test_a_generation_takes_the_kernel_of_whole_frames_after_its_prompt() -> None:
    frames, steps = list_shipped(ONE, draws=True), list_shipped(ONE)
    (frame,) = frames - steps
    assert frame.startswith("frame float32 ")
    assert {name.split()[0] for name in steps - frames} == {"attend"}
    prompt, step = (list_shipped(Decode(rows, 4, 9), draws=True) for rows in (64, 1))
    assert not any(name.endswith(" one") for name in prompt if name.startswith("mlp"))
    assert not any(name.endswith(" several") for name in step)


def test_steps_are_taken_where_the_kernel_of_whole_frames_is_not() -> None:
    config = make_config()
    weights = make_random_weights(config, np.random.default_rng(0), np.float32)
    certified = list_kernels(config, weights, [ONE], is_certified=True)
    steps = {"draw", "attend exact one"}
    assert steps < certified
    assert any(name.startswith("frame") for name in certified)
    layer = weights.layers[1]
    for name in ("up_proj", "mlp_norm"):
        array = getattr(layer, name)
        spread = np.repeat(array, 2, axis=-1)[..., ::2]
        layers = weights.layers[0], replace(layer, **{name: spread})
        kernels = list_kernels(config, replace(weights, layers=layers), [ONE])
        assert steps < kernels
        assert not any(kernel.startswith("frame") for kernel in kernels)


@pytest.mark.parametrize("name", GATE_NAMES)
def test_a_gate_that_the_kernel_of_whole_frames_does_not_know_takes_steps(name: str) -> None:
    if name in THRESHOLD_GATES:
        gate: Gate = make_threshold_gate(name, FixedThresholds([0.0]))
    else:
        gate = make_ratio_gate(name, 0.5)
    assert is_known(gate, ReplayConfig(1)) == (name in FRAME_GATES)
    kernels = list_kernels(MODEL.config, MODEL.weights, [ONE], gate=name)
    assert ("attend exact one" in kernels) != is_known(gate, ReplayConfig(1))
    assert any(kernel.startswith("frame") for kernel in kernels)  # of the dense run


def test_corrections_are_fitted_by_steps_and_applied_by_frames() -> None:
    config = make_config()
    weights = make_random_weights(config, np.random.default_rng(0), np.float32)
    plain, given = (list_kernels(config, weights, [ONE], is_corrected=one) for one in (False, True))
    assert plain == given
    fitted = list_kernels(config, weights, [ONE], is_corrected=True, is_fitted=True)
    assert fitted - plain == {"attend exact one"}  # the clips' tokens are given, none is drawn
    oracle = list_kernels(config, weights, [ONE], is_corrected=True, gate="oracle")
    assert {"draw", "linear float32C one"} <= oracle
    assert "draw" not in list_kernels(config, weights, [ONE], gate="oracle")


@pytest.mark.parametrize(
    ("decode", "operation"),
    [(Decode(1, 5, 1023), "attend"), (Decode(16, 1, 1), "mlp"), (Decode(43, 1, 1), "project")],
)
def test_larger_work_calls_both_twins(decode: Decode, operation: str) -> None:
    """Attention of one row over 1024 tokens reads 1 MiB; 2^21 products need 16 rows, or 43."""
    twins = {name.split()[-1] for name in list_shipped(decode) if name.startswith(operation)}
    assert twins == {"one", "several"}
    rows, steps = (decode.rows, 1000) if operation == "attend" else (decode.rows - 1, 1)
    fewer = list_shipped(Decode(rows, decode.prompt_tokens, steps))
    assert not any(name.startswith(operation) and "several" in name for name in fewer)


def test_a_list_holds_those_of_all_its_decodes() -> None:
    many = Decode(64, 5, 1023)
    assert list_shipped(ONE, many) == list_shipped(ONE) | list_shipped(many)


def test_kinds_of_weights_and_caches_have_kernels_of_their_own() -> None:
    config = make_config()
    weights = make_random_weights(config, np.random.default_rng(0))
    read_only = make_random_weights(config, np.random.default_rng(0))
    for layer in read_only.layers:
        layer.gate_proj.flags.writeable = False
    lists = [
        list_kernels(config, weights, [ONE]),
        list_kernels(config, read_only, [ONE]),
        list_kernels(config, compress_weights(weights, "int8"), [ONE]),
        list_kernels(config, compress_weights(weights, "bfloat16"), [ONE]),
        list_kernels(config, weights, [ONE], CacheStorage.BFLOAT16),
        list_kernels(config, weights, [ONE], is_certified=True),
    ]
    for index, kernels in enumerate(lists):
        assert all(not other >= kernels for other in lists[:index])
    steps = [list_kernels(config, weights, [ONE], storage, draws=False) for storage in CacheStorage]
    assert len(set(steps)) == len(CacheStorage)
