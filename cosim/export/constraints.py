"""The clock as tools of vendors are told: the only constraint that the module has."""

from __future__ import annotations

from fastcar.cosim.export.license import tag

CLOCK_MHZ = 120
"""The target of the sign-off."""
_NOTE = (
    f"{CLOCK_MHZ} MHz is what the sign-off holds the design to, no promise for a device.",
    "Every port is synchronous to clk; where ports are pins, delays at them are yours to add.",
)


def make_xdc() -> str:
    """For Vivado."""
    lines = [
        *(f"# {line}" for line in _NOTE),
        f"create_clock -name clk -period {1000 / CLOCK_MHZ:.3f} [get_ports clk]",
    ]
    return tag("\n".join(lines) + "\n", "#")


def make_lpf() -> str:
    """For Diamond and nextpnr-ecp5."""
    lines = [*(f"# {line}" for line in _NOTE), f'FREQUENCY PORT "clk" {CLOCK_MHZ} MHZ;']
    return tag("\n".join(lines) + "\n", "#")
