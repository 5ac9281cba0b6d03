"""A co-simulation from its request to its report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastcar.cosim.report import build_report
from fastcar.cosim.request import CosimRequest
from fastcar.cosim.run import Cosim, prepare_cosim, run_cosim
from fastcar.cosim.whole.report import build_decoder_report
from fastcar.cosim.whole.request import DecoderRequest
from fastcar.cosim.whole.run import DecoderCosim, prepare_decoder_cosim, run_decoder_cosim
from fastcar.provenance import add_provenance, describe_provenance, get_tokens_path
from fastcar.reference.clip_model import ClipModel
from fastcar.reference.errors import FastCarError, NonFiniteError
from fastcar.reference.progress import StageProgress


@dataclass(frozen=True)
class Cosimulation:
    """What a co-simulation left.

    Attributes:
        run: as it stands at its end.
        failure: the error that ended it; None = hardware and reference never differed.
        report: JSON values, see docs/cosim_schema.md.
    """

    run: Cosim | DecoderCosim
    failure: FastCarError | None
    report: dict[str, Any]


def cosimulate_model(
    request: CosimRequest, model: ClipModel, progress: StageProgress | None = None
) -> Cosimulation:
    """Run the accelerator in lock-step with the reference, and report, also where they differ.

    A `DecoderRequest` runs the whole decoder, any other the MLP phase of its layers.

    Raises:
        ArgumentError: a size that model, clips or accelerator do not have.
        NonFiniteError: the model left the range of its arithmetic.
    """
    run: Cosim | DecoderCosim
    if isinstance(request, DecoderRequest):
        run = whole = prepare_decoder_cosim(request, model, progress)
        failure = _catch(lambda: run_decoder_cosim(whole, progress))
        report = build_decoder_report(whole, failure)
    else:
        layers, decoder = prepare_cosim(request, model, progress)
        run, failure = layers, _catch(lambda: run_cosim(layers, decoder, progress))
        report = build_report(layers, failure)
    provenance = describe_provenance(model.directory, get_tokens_path(model))
    return Cosimulation(run, failure, add_provenance(report, provenance))


def _catch(simulate: Callable[[], None]) -> FastCarError | None:
    """What ended a simulation early, of the hardware."""
    try:
        simulate()
    except NonFiniteError:
        raise  # of the model, not of the hardware
    except FastCarError as error:
        return error
    return None
