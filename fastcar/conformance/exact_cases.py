"""Cases on integers, equal to the last bit: scheduling, softmax and MLP of the integer decoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastcar.conformance.case import Case, Expected, Instance, Output
from fastcar.conformance.draws import Draws
from fastcar.reference.integer.layer import IntegerLayer, IntegerMatrix, LayerScales
from fastcar.reference.integer.model import PROJECTIONS
from fastcar.reference.integer.units import add_residual
from fastcar.reference.integer.whole.softmax import compute_softmax_words
from fastcar.reference.scheduler import compute_schedule
from fastcar.reference.tables import EXPONENTIAL_TABLE, RSQRT_TABLE, SILU_TABLE

REPLAYS = -1
"""Stands in `mapping` for a slot whose Mapping Register is not written."""


def make_schedule_instances() -> tuple[Instance, ...]:
    """One core, cores that divide the batch or not, a full Index Register, more cores than work."""
    sizes = {"one_core": (1, 5), "uneven": (3, 10), "full": (4, 32), "idle": (32, 7)}
    instances = []
    for seed, (name, (cores, slots)) in enumerate(sizes.items(), 51):
        computes = Draws(seed).draw_integers(0, 2, (6, slots)).astype(bool)
        computes[0], computes[1] = True, False
        arrays = {"computes": computes}
        instances.append(Instance("scheduler", name, {"num_cores": cores}, arrays))
    return tuple(instances)


def compute_schedules(instance: Instance) -> Expected:
    """Dynamic Resource Scheduling of every set of decisions."""
    cores = instance.settings["num_cores"]
    schedules = [compute_schedule(flags, cores) for flags in instance.arrays["computes"]]
    mapping = [
        [REPLAYS if core is None else core for core in schedule.mapping] for schedule in schedules
    ]
    return Expected(
        {
            "index_word": np.array([schedule.index_word for schedule in schedules]),
            "mapping": np.array(mapping),
            "num_rounds": np.array([schedule.num_rounds for schedule in schedules]),
        }
    )


def make_softmax_instances() -> tuple[Instance, ...]:
    """Near and far logits, rising and falling, a last word that is not full, hidden keys."""
    near = Draws(61).draw_integers(-700, 700, (3, 9))
    far = Draws(62).draw_integers(-30_000, 30_000, (3, 12))
    ramp = np.arange(-4000, 4000, 800)
    hidden = Draws(63).draw_integers(0, 3, (3, 12)) > 0
    hidden[:, 4:8] = False  # a whole word that nobody sees
    hidden[:, 0] = True
    given = {
        "near": (near, np.ones(near.shape, bool)),
        "far": (far, np.ones(far.shape, bool)),
        "ramp": (np.stack([ramp, ramp[::-1]]), np.ones((2, len(ramp)), bool)),
        "hidden": (Draws(64).draw_integers(-2000, 2000, (3, 12)), hidden),
    }
    table = np.array(EXPONENTIAL_TABLE, np.int64)
    return tuple(
        Instance(
            "softmax",
            name,
            {"num_lanes": 4},
            {"logits": logits, "visible": visible, "exponential_table": table},
        )
        for name, (logits, visible) in given.items()
    )


def compute_softmax(instance: Instance) -> Expected:
    """Words of the integer softmax."""
    arrays = instance.arrays
    words = compute_softmax_words(
        arrays["logits"], arrays["visible"], instance.settings["num_lanes"]
    )
    return Expected(vars(words))


def make_mlp_instances() -> tuple[Instance, ...]:
    """Small numbers that stay in range and large ones that saturate, each with a row of zeros."""
    return tuple(_make_mlp_instance(seed, name) for seed, name in ((71, "small"), (72, "large")))


def _make_mlp_instance(seed: int, name: str) -> Instance:
    draws, width, inner = Draws(seed), 6, 10
    largest = 3000 if name == "small" else 32_767
    x = draws.draw_integers(-largest, largest + 1, (4, width)).astype(np.int16)
    x[0] = 0
    arrays: dict[str, NDArray[Any]] = {
        "x": x,
        "gains": draws.draw_integers(8_000, 32_768, (width,)).astype(np.int16),
        "rsqrt_table": np.array(RSQRT_TABLE, np.int64),
        "silu_table": np.array(SILU_TABLE, np.int64),
    }
    for projection in PROJECTIONS:
        shape = (width, inner) if projection == "down_proj" else (inner, width)
        weights = draws.draw_integers(-127, 128, shape).astype(np.int8)
        multipliers = draws.draw_integers(20_000, 65_536, shape[:1]).astype(np.uint16)
        arrays[f"{projection}.weights"] = weights
        arrays[f"{projection}.multipliers"] = multipliers
    settings = {
        "epsilon": 5,
        "gate_shift": 1 if name == "small" else 3,
        "hidden_multiplier": 40_000,
        "hidden_shift": 35 if name == "small" else 32,
        **{f"{projection}_shift": 23 if name == "small" else 21 for projection in PROJECTIONS},
    }
    return Instance("integer_mlp", name, settings, arrays)


def compute_mlp(instance: Instance) -> Expected:
    """Every quantity of the MLP phase, and the residual stream behind it."""
    settings, arrays = instance.settings, instance.arrays
    matrices = {
        name: IntegerMatrix(
            arrays[f"{name}.weights"], arrays[f"{name}.multipliers"], settings[f"{name}_shift"]
        )
        for name in PROJECTIONS
    }
    layer = IntegerLayer(
        gains=arrays["gains"],
        epsilon=settings["epsilon"],
        gate_shift=settings["gate_shift"],
        hidden_multiplier=settings["hidden_multiplier"],
        hidden_shift=settings["hidden_shift"],
        scales=LayerScales(1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
        **matrices,
    )
    computed = layer.run_mlp(arrays["x"])
    return Expected({**vars(computed), "residual": add_residual(arrays["x"], computed.output)})


EXACT_CASES = (
    Case(
        "scheduler",
        "which core computes which slot under Dynamic Resource Scheduling",
        "D-22",
        (
            Output(
                "index_word", "integer", "[K]", "Index Register; bit b is 1 where slot b computes"
            ),
            Output("mapping", "integer", "[K, B]", "core of every slot, -1 where it replays"),
            Output("num_rounds", "integer", "[K]", "slots of the busiest core"),
        ),
        make_schedule_instances,
        compute_schedules,
    ),
    Case(
        "softmax",
        "softmax on integers in one pass, word by word",
        "D-46",
        (
            Output("weights", "integer", "[R, W, L]", "16 bits each, 0 where not visible"),
            Output("exponents", "integer", "[R, W]", "running maximum in octaves"),
            Output("total", "integer", "[R]", "sum of the weights with 11 guard bits"),
        ),
        make_softmax_instances,
        compute_softmax,
    ),
    Case(
        "integer_mlp",
        "MLP phase of one layer on integers",
        "D-21",
        (
            Output("normed", "integer", "[B, D]", "normalised input"),
            Output("gate", "integer", "[B, F]", "gate projection"),
            Output("up", "integer", "[B, F]", "up projection"),
            Output("hidden", "integer", "[B, F]", "silu(gate) * up"),
            Output("output", "integer", "[B, D]", "MLP output"),
            Output("residual", "integer", "[B, D]", "stream with the output added"),
        ),
        make_mlp_instances,
        compute_mlp,
    ),
)
