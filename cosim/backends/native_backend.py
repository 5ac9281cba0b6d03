"""The accelerator as machine code, by pip alone; memory and driver are those of the PyRTL back end.

Each cycle comes back to Python, where memory is modelled and records are read, so records, counters
and results are those of `fastcar.cosim.backends.pyrtl_backend`, equal in every cycle.
"""

from __future__ import annotations

from collections.abc import Callable

import pyrtl

from fastcar.cosim.backends.pyrtl_backend import PyrtlBackend, Simulator
from fastcar.cosim.records import GetPort
from fastcar.rtl.config import AcceleratorConfig


class NativeBackend(PyrtlBackend):
    """The accelerator in `fastcar.cosim.native`.

    Args:
        config: sizes.
        block: the accelerator to simulate, if it is not that of `make_accelerator(config)`.
        observer: called after every cycle of a run with what reads the output ports.
    """

    def __init__(
        self,
        config: AcceleratorConfig,
        block: pyrtl.Block | None = None,
        observer: Callable[[GetPort], None] | None = None,
    ) -> None:
        super().__init__(config, Simulator.NATIVE, block, observer)
