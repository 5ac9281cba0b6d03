#!/usr/bin/env bash
# Numba 0.68.1 (llvmlite 0.50.0), NumPy 2.4.6.
#
# Behaviour: before every compilation Numba compares the NUMBA_* environment variables with those it
# read last; if any differs, it reads all of its configuration anew. What a program had assigned to
# other attributes of `numba.config` is then gone without a word, although their variables were not
# touched: BOUNDSCHECK, switched on in the program, is off again because NUMBA_OPT was set, and the
# functions compiled from then on do not check their indices.
# Seen: "assigned: 1", "after NUMBA_OPT changed and a compilation: None".
# A good engineer would have guessed: the environment is read at import; an assignment stays.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6
cat > "$folder/show.py" << 'END'
import os

import numba


@numba.njit
def increase(number):
    return number + 1


numba.config.BOUNDSCHECK = 1
increase(1)
print(f"assigned: {numba.config.BOUNDSCHECK}")
os.environ["NUMBA_OPT"] = "2"
increase(1.5)
print(f"after NUMBA_OPT changed and a compilation: {numba.config.BOUNDSCHECK}")
END
found=$("$folder/venv/bin/python" "$folder/show.py")
echo "$found"
[ "$found" = "assigned: 1
after NUMBA_OPT changed and a compilation: None" ]
