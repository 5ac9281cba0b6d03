"""The component declaration of the module in VHDL."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fastcar.cosim.export.license import tag
from fastcar.cosim.verilog.verilog_ports import Port


def make_component(module_name: str, ports: Iterable[Port]) -> str:
    """A package `<module>_component` with the component; ports as in Verilog.

    Args:
        module_name: of the module.
        ports: all but `clk`.
    """
    declared = [*_declare("clk", 1, True, "the only clock, rising edge")]
    for port in ports:
        declared += _declare(port.name, port.num_bits, port.is_input, port.meaning)
    declared[-1] = declared[-1].replace(";", "", 1)
    lines = [
        "library ieee;",
        "use ieee.std_logic_1164.all;",
        "",
        f"package {module_name}_component is",
        f"    component {module_name} is",
        "        port (",
        *declared,
        "        );",
        "    end component;",
        "end package;",
    ]
    return tag("\n".join(lines) + "\n", "--")


def _declare(name: str, num_bits: int, is_input: bool, meaning: str) -> Iterator[str]:
    kind = f"std_logic_vector({num_bits - 1} downto 0)" if num_bits > 1 else "std_logic"
    yield f"            {name} : {'in' if is_input else 'out'} {kind}; -- {meaning}"
