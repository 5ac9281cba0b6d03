#!/usr/bin/env bash
# cocotb 2.1.0, with its makefiles and any Icarus Verilog.
#
# Behaviour: COCOTB_TEST_FILTER is a regular expression, but the makefiles write it into the recipe
# without quotes. Two names with a bar between them are a pipe for the shell: the second name is
# looked for as a command, and make fails. With a backslash before the bar, which to the regular
# expression would be a bar to be matched, both tests run. The runner of cocotb_tools, which starts
# no shell, takes the expression as it is.
# Seen: "make first: TESTS=1", "make first|second: second: command not found",
# "make first\|second: TESTS=2", "runner first|second: 2 tests".
# A good engineer would have guessed: a documented regular expression may hold an alternation.
set -euo pipefail
if ! command -v iverilog > /dev/null; then
    echo "no iverilog: nothing is simulated"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet cocotb==2.1.0
cd "$folder"
export PATH="$folder/venv/bin:$PATH"
cat > dut.v << 'END'
module dut (input wire clock, output reg [3:0] count);
initial count = 0;
always @(posedge clock) count <= count + 1;
endmodule
END
cat > checks.py << 'END'
import cocotb
from cocotb.triggers import Timer


@cocotb.test()
async def first(dut):
    await Timer(1, unit="ns")


@cocotb.test()
async def second(dut):
    await Timer(1, unit="ns")
END
cat > Makefile << 'END'
SIM = icarus
TOPLEVEL_LANG = verilog
VERILOG_SOURCES = $(CURDIR)/dut.v
COCOTB_TOPLEVEL = dut
COCOTB_TEST_MODULES = checks
include $(shell cocotb-config --makefiles)/Makefile.sim
END
cat > by_runner.py << 'END'
from cocotb_tools.runner import get_results, get_runner

runner = get_runner("icarus")
runner.build(sources=["dut.v"], hdl_toplevel="dut", build_dir="built")
found = runner.test(
    hdl_toplevel="dut", test_module="checks", build_dir="built", test_filter="first|second"
)
print("runner first|second:", get_results(found)[0], "tests", flush=True)
END
by_make() {
    COCOTB_TEST_FILTER="$1" make > log 2>&1 || true
    echo "make $1: $(grep -o -E 'TESTS=[0-9]+|second: command not found' log | tail -1)"
}
found=$(
    by_make 'first'
    by_make 'first|second'
    by_make 'first\|second'
    python by_runner.py 2> /dev/null | grep '^runner'
)
echo "$found"
[ "$found" = 'make first: TESTS=1
make first|second: second: command not found
make first\|second: TESTS=2
runner first|second: 2 tests' ] || exit 1
