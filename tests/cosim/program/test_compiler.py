"""Programs: run by the naive interpreter they do what the integer reference does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastcar.cosim.program.assembler import disassemble
from fastcar.cosim.program.compiler import LayerCompiler, LayerStep
from fastcar.cosim.program.memory_image import make_memory_image
from fastcar.cosim.program.memory_map import CachePart, MemoryMap, SlotPart
from fastcar.reference.errors import ArgumentError
from fastcar.reference.integer.engine import IntegerMlpEngine
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.scheduler import Dispatch, compute_schedule
from fastcar.rtl.config import TINY, AcceleratorConfig
from fastcar.rtl.instruction import Opcode, Predicate, encode
from tests.cosim.interpreter import Interpreter
from tests.cosim.tiny_model import make_model, make_request

TOKENS_PER_FRAME = 2

configs = st.builds(
    AcceleratorConfig,
    num_cores=st.integers(1, 4),
    num_lanes=st.sampled_from([4, 8]),
    num_slots=st.just(6),
    hidden_size=st.integers(1, 20),
    intermediate_size=st.integers(1, 20),
    query_size=st.integers(1, 10).map(lambda half: 2 * half),
)


@given(
    configs,
    st.integers(1, 6),
    st.sampled_from(DecisionSource),
    st.sampled_from(Dispatch),
    st.integers(0, 1000),
)
def test_programs_do_what_the_reference_does(
    config: AcceleratorConfig,
    num_slots: int,
    source: DecisionSource,
    dispatch: Dispatch,
    seed: int,
) -> None:
    rng = np.random.default_rng(seed)
    model = make_model(config, num_layers=2, seed=seed)
    memory_map = MemoryMap(config, 2, num_slots, TOKENS_PER_FRAME)
    image = make_memory_image(memory_map, model.layers)
    compiler = LayerCompiler(memory_map, model.layers)
    interpreter = Interpreter(config, image.beats)
    reference = IntegerMlpEngine(model, config.num_lanes)
    reference.reset(num_slots, TOKENS_PER_FRAME)
    for token_index in range(4):
        for layer_index in range(2):
            request = make_request(config, rng, source, num_slots, token_index, TOKENS_PER_FRAME)
            wanted = reference.run_layer(layer_index, request)
            assert request.query is not None
            assert request.aligned_key is not None
            for slot in range(num_slots):
                image.write_activation(slot, SlotPart.RESIDUAL, request.residual[slot])
                image.write_activation(slot, SlotPart.QUERY, request.query[slot])
                image.write_activation(slot, SlotPart.ALIGNED_KEY, request.aligned_key[slot])
            step = LayerStep(
                layer_index,
                request.location_index,
                source,
                request.threshold,
                request.is_decided,
                request.is_computing,
                dispatch,
            )
            found = interpreter.run([encode(one) for one in compiler.compile(step)])
            assert found.computes == dict(enumerate((~wanted.replayed).tolist()))
            decided = np.flatnonzero(request.is_decided).tolist()
            assert found.scores == {slot: wanted.scores[slot] for slot in decided}
            schedule = compute_schedule(~wanted.replayed, config.num_cores, dispatch)
            assert found.mapping == {
                slot: core for slot, core in enumerate(schedule.mapping) if core is not None
            }
            assert found.retired == list(range(num_slots))
            assert found.digests == dict(enumerate(wanted.digests.tolist()))
            for slot in range(num_slots):
                np.testing.assert_array_equal(image.read_residual(slot), wanted.residual[slot])
                output = image.read_cache(
                    layer_index, request.location_index, slot, CachePart.OUTPUT
                )
                np.testing.assert_array_equal(output, wanted.output[slot])
    for part, cached in (
        (CachePart.OUTPUT, reference.cached_outputs),
        (CachePart.NORMED, reference.cached_inputs),
    ):
        for layer, slot, place in np.ndindex(2, num_slots, TOKENS_PER_FRAME):
            np.testing.assert_array_equal(
                image.read_cache(layer, place, slot, part), cached[layer, slot, place]
            )


def make_step(**changes: object) -> LayerStep:
    """A step of four slots: two decided by the score, two beforehand."""
    values: dict[str, object] = {
        "layer_index": 0,
        "location": 1,
        "source": DecisionSource.SCORE,
        "threshold": -5,
        "is_decided": np.array([True, False, False, True]),
        "is_computing": np.array([False, True, False, True]),
    }
    return LayerStep(**{**values, **changes})  # type: ignore[arg-type]


def make_compiler() -> LayerCompiler:
    return LayerCompiler(MemoryMap(TINY, 1, 4, 2), make_model(TINY).layers)


SCORED = "LOAD LOAD SCORE"
COMPUTED = "LOAD LOAD NORM LOAD GEMV LOAD GEMV_SILU LOAD GEMV STORE ADD STORE"
REPLAYED = "LOAD LOAD ADD STORE"


def test_a_slot_that_is_decided_beforehand_gets_one_branch() -> None:
    program = make_compiler().compile(make_step())
    wanted = ["BEGIN THRESHOLD", SCORED, "DECIDE DECIDE", SCORED, COMPUTED, REPLAYED]
    wanted += [COMPUTED, REPLAYED, COMPUTED, REPLAYED, "END"]
    assert " ".join(Opcode(one.opcode).name for one in program) == " ".join(wanted)


def test_distance_reads_and_keeps_the_normalised_input() -> None:
    step = make_step(source=DecisionSource.DISTANCE, is_decided=np.ones(4, bool))
    program = make_compiler().compile(step)
    first = [Opcode(one.opcode).name for one in program if one.slot == 0]
    measured = "LOAD LOAD NORM LOAD DISTANCE"
    computed = COMPUTED.replace("STORE ADD", "STORE STORE ADD")
    assert " ".join(first[2:-1]) == f"{measured} {computed} {REPLAYED}"


def test_options_of_begin_and_the_sign_of_the_threshold() -> None:
    for dispatch in Dispatch:
        for source in DecisionSource:
            step = make_step(dispatch=dispatch, source=source)
            text = disassemble([encode(one) for one in make_compiler().compile(step)[:2]])
            option = (dispatch is Dispatch.STATIC) + 2 * (source is DecisionSource.DISTANCE)
            shift = f" shift={option}" if option else ""
            assert text == f"BEGIN rows=4{shift}\nTHRESHOLD value=-5\n"


def test_the_last_instruction_of_either_branch_stores_the_residual() -> None:
    program = make_compiler().compile(make_step(is_decided=np.ones(4, bool)))
    for slot in range(4):
        for predicate in (Predicate.IF_COMPUTE, Predicate.IF_REPLAY):
            branch = [one for one in program if (one.slot, one.predicate) == (slot, predicate)]
            assert [one.is_last for one in branch] == [0] * (len(branch) - 1) + [1]
            assert branch[-1].address == MemoryMap(TINY, 1, 4, 2).locate_activation(
                slot, SlotPart.RESIDUAL
            )


def test_refusals() -> None:
    with pytest.raises(ArgumentError, match=r"^threshold = 140737488355328: must be from -1407.*$"):
        make_step(threshold=1 << 47)
    with pytest.raises(ArgumentError, match=r"^is_computing shape = \(3,\): must be \(4,\)$"):
        make_step(is_computing=np.ones(3, bool))
    three = np.ones(3, bool)
    with pytest.raises(ArgumentError, match=r"^is_decided shape = \(3,\): must be \(4,\)$"):
        make_compiler().compile(make_step(is_decided=three, is_computing=three))
    with pytest.raises(ArgumentError, match=r"^layers = 1: must be 2$"):
        LayerCompiler(MemoryMap(TINY, 2, 4, 2), make_model(TINY).layers)
