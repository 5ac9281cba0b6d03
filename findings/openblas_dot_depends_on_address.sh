#!/usr/bin/env bash
# numpy 2.4.6 (its wheel holds OpenBLAS 0.3.31.188.0), x86-64.
#
# Behaviour: where OpenBLAS runs its kernels for the oldest processors (OPENBLAS_CORETYPE=Prescott),
# the float64 dot product sums in an order that depends on the address of its operand.
# So `matrix @ vector` with one row in the matrix gives other last bits for the same numbers where
# they lie elsewhere: in a batch of vectors of odd length every other vector lies 8 bytes off, and
# alone it does not.
# Seen: with the vector 8 bytes off, "Prescott: one row: 19 odd and 18 even widths of 19; two rows: 0
# and 0", "Nehalem: one row: 0 odd and 0 even widths of 19; two rows: 0 and 0". The error stays below
# n u sum |a b|.
# A good engineer would have guessed: the same numbers and the same shapes give the same bits in one
# process; only the number of rows or of threads may change the order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numpy==2.4.6
cat > "$folder/check.py" <<'EOF'
import sys

import numpy as np


def place(numbers, offset):
    """A copy that begins `offset` bytes behind a multiple of 64."""
    buffer = np.empty(numbers.nbytes + 128, np.uint8)
    start = -buffer.ctypes.data % 64 + offset
    copy = buffer[start : start + numbers.nbytes].view(numbers.dtype)
    copy[...] = numbers
    return copy


def count(rows, parity):
    """Widths from 2 to 39, even (parity 0) or odd (1), at which the address changes the product."""
    changed = 0
    for width in range(2 + parity, 40, 2):
        rng = np.random.default_rng(width)
        differs = False
        for _ in range(20):
            matrix, vector = rng.standard_normal((rows, width)), rng.standard_normal(width)
            one, other = (matrix @ place(vector, offset)[:, None] for offset in (0, 8))
            differs |= not np.array_equal(one, other)
        changed += differs
    return changed


found = [count(rows, parity) for rows in (1, 2) for parity in (1, 0)]
print(f"one row: {found[0]} odd and {found[1]} even widths of 19; two rows: {found[2]} and {found[3]}")
expect_any = sys.argv[1] == "depends"
sys.exit(0 if (found[0] + found[1] > 0) == expect_any and found[2:] == [0, 0] else 1)
EOF
echo "Prescott:"
OPENBLAS_CORETYPE=Prescott "$folder/venv/bin/python" "$folder/check.py" depends
echo "Nehalem:"
OPENBLAS_CORETYPE=Nehalem "$folder/venv/bin/python" "$folder/check.py" same
