#!/usr/bin/env bash
# Numba 0.68.1 (llvmlite 0.50.0), NumPy 2.4.6.
#
# Behaviour: a named tuple of arrays is an argument by value, each array as seven to nine numbers. Four
# small functions that hand it on, and read two of its arrays, compile in about ten times the time
# when it holds 60 arrays instead of 2, and the time grows faster than the number of arrays: with 20
# about 3 times, with 60 9 to 12 times, with 120 about 34 times, 24 seconds for five lines of
# arithmetic. Nothing is said, and the compiled code gives the same result.
# Seen: "60 arrays compile 9 times as long as 2", results equal.
# A good engineer would have guessed: what is not read costs nothing once calls are inlined; the time
# is that of the lines.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6
cat > "$folder/show.py" << 'END'
import time
from collections import namedtuple

import numpy as np
from numba import njit


def compile_with(num_arrays):
    Plan = namedtuple("Plan", [f"a{index}" for index in range(num_arrays)])
    plan = Plan(*(np.ones((4, 4), np.float32) for _ in range(num_arrays)))

    @njit
    def read(plan, row):
        return plan.a0[row, 0] + plan.a1[row, 1]

    @njit
    def add(plan, row):
        return read(plan, row) + read(plan, row + 1)

    @njit
    def add_again(plan):
        return add(plan, 0) + add(plan, 2)

    @njit
    def square(plan):
        return add_again(plan) * add_again(plan)

    start = time.process_time()
    result = square(plan)
    return time.process_time() - start, result


compile_with(2)
few, many = compile_with(2), compile_with(60)
print(f"60 arrays compile {many[0] / few[0]:.0f} times as long as 2; {few[1]}, {many[1]}")
assert few[1] == many[1] == 64
assert many[0] > 5 * few[0]
END
"$folder/venv/bin/python" "$folder/show.py"
