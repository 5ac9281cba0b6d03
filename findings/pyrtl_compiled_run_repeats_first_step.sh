#!/usr/bin/env bash
# pyrtl 1.0.3; needs gcc.
#
# Behaviour: CompiledSimulation.run(inputs) with several steps records the values of the first step
# for every one of them: the loop that reads the results sets its place back to the first step in
# each turn. Only the trace is wrong, the circuit has been stepped: what is run afterwards starts from
# the right state. run with one step at a time records what the other simulators record.
# Seen, for a counter with an input that is passed on: "Simulation: [3, 1, 4] [3, 1, 4] [0, 1, 2]",
# "run with all steps: [3, 3, 3] [3, 3, 3] [0, 0, 0]", "run with all steps, then one step: count 3".
# A good engineer would have guessed: run, which its docstring calls what step and step_multiple are
# made of, is the fast way to the same trace.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pyrtl==1.0.3
cat > "$folder/check.py" <<'EOF'
import sys

import pyrtl

INPUTS = [{"in": value} for value in (3, 1, 4)]


def make_counter():
    """Output `out` is the input, output `count` the number of steps before."""
    pyrtl.reset_working_block()
    out, count = pyrtl.Output(8, "out"), pyrtl.Output(8, "count")
    out <<= pyrtl.Input(8, "in")
    register = pyrtl.Register(8)
    register.next <<= register + 1
    count <<= register


def show(simulation):
    """What was recorded."""
    trace = simulation.tracer.trace
    return trace["in"], trace["out"], trace["count"]


make_counter()
plain = pyrtl.Simulation()
for step in INPUTS:
    plain.step(step)
make_counter()
stepped = pyrtl.CompiledSimulation()
for step in INPUTS:
    stepped.run([step])
make_counter()
run = pyrtl.CompiledSimulation()
run.run(INPUTS)
wrong = [list(values) for values in show(run)]
run.step({"in": 0})
after = show(run)[2][-1]
print("Simulation:", *show(plain))
print("run with one step at a time:", *show(stepped))
print("run with all steps:", *wrong)
print("run with all steps, then one step: count", after)
right = [[3, 1, 4], [3, 1, 4], [0, 1, 2]]
is_as_told = (
    list(show(plain)) == list(show(stepped)) == right
    and wrong == [[3, 3, 3], [3, 3, 3], [0, 0, 0]]
    and after == 3
)
sys.exit(0 if is_as_told else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
