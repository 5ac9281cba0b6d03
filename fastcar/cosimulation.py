"""A co-simulation from its request to its report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fastcar.cosim.report import build_report
from fastcar.cosim.request import CosimRequest
from fastcar.cosim.run import Cosim, prepare_cosim, run_cosim
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

    run: Cosim
    failure: FastCarError | None
    report: dict[str, Any]


def cosimulate_model(
    request: CosimRequest, model: ClipModel, progress: StageProgress | None = None
) -> Cosimulation:
    """Run the accelerator in lock-step with the reference, and report, also where they differ.

    Raises:
        ArgumentError: a size that model, clips or accelerator do not have.
        NonFiniteError: the model left the range of its arithmetic.
    """
    failure: FastCarError | None = None
    run, decoder = prepare_cosim(request, model, progress)
    try:
        run_cosim(run, decoder, progress)
    except NonFiniteError:
        raise  # of the model, not of the hardware
    except FastCarError as error:
        failure = error
    provenance = describe_provenance(model.directory, get_tokens_path(model))
    return Cosimulation(run, failure, add_provenance(build_report(run, failure), provenance))
