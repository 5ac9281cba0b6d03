"""Names of an exported package and of its files; two of them live in one design (D-74)."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import metadata

from fastcar.cosim.verilog.verilog import MODULE_NAME


@dataclass(frozen=True)
class PackageNames:
    """What a package and its files are called.

    Attributes:
        label: name of a preset, or sizes.
        module: of the Verilog module.
    """

    label: str
    module: str = MODULE_NAME

    @property
    def core(self) -> str:
        """Vendor, library and name for FuseSoC: the module's own name where it has one.

        >>> PackageNames("tiny").core, PackageNames("tiny", "small_one").core
        ('fastcar:accelerator:tiny', 'fastcar:accelerator:small_one')
        """
        name = self.label if self.module == MODULE_NAME else self.module
        return f"fastcar:accelerator:{name}"

    @property
    def version(self) -> str:
        """Of this project."""
        return metadata.version("fastcar")

    @property
    def verilog_file(self) -> str:
        """The module."""
        return f"{self.module}.v"

    @property
    def waiver_file(self) -> str:
        """For Verilator."""
        return f"{self.module}.vlt"

    @property
    def core_file(self) -> str:
        """For FuseSoC."""
        return f"{self.module}.core"

    @property
    def component_file(self) -> str:
        """The component declaration in VHDL."""
        return f"{self.module}.vhd"

    @property
    def xdc_file(self) -> str:
        """The clock, for Vivado."""
        return f"{self.module}.xdc"

    @property
    def lpf_file(self) -> str:
        """The clock, for Diamond and nextpnr."""
        return f"{self.module}.lpf"

    @property
    def nets_file(self) -> str:
        """Every named net."""
        return f"{self.module}_nets.csv"
