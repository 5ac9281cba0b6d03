#!/usr/bin/env bash
# numba 0.68.1, llvmlite 0.50.0, numpy 2.4.6; an x86-64 processor with AVX.
#
# Behaviour: NUMBA_CPU_NAME names the processor that Numba compiles for, but the list of instruction
# sets stays that of the machine unless NUMBA_CPU_FEATURES is set too; the name `generic` empties it.
# So with NUMBA_CPU_NAME=nehalem (no AVX) the code still uses ymm or zmm registers, and with
# NUMBA_CPU_NAME=generic it uses neither, while llvmlite.binding.get_host_cpu_features(), which code
# that emits intrinsics by hand may ask, gives the machine's features in both cases: an intrinsic
# chosen by that list may be one that `generic` has no instruction for.
# What does tell: numba.core.registry.cpu_target.target_context.codegen().magic_tuple().
# Seen: "nehalem: 67 features, wide registers: True", "generic: 0 features, wide registers: False",
# and with NUMBA_CPU_FEATURES empty "nehalem: 0 features, wide registers: False"; "llvmlite says avx:
# True" each time. The number of features is the processor's and is not compared.
# A good engineer would have guessed: the name of a processor decides which instructions may be used,
# as -march does, and llvmlite's list of features is the one that Numba compiles with.
set -euo pipefail
if ! grep -qw avx /proc/cpuinfo; then
    echo "this processor has no AVX: nothing to see"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet numba==0.68.1 llvmlite==0.50.0 numpy==2.4.6
cat > "$folder/check.py" <<'EOF'
import sys

import llvmlite.binding as llvm
import numba
import numpy as np
from numba.core.registry import cpu_target


@numba.njit
def add(a, b):
    for place in range(a.size):
        a[place] += b[place]


add(np.zeros(64, np.float32), np.ones(64, np.float32))
code = "".join(add.inspect_asm().values())
_, name, features = cpu_target.target_context.codegen().magic_tuple()
allowed = [feature for feature in features.split(",") if feature.startswith("+")]
is_wide = "%ymm" in code or "%zmm" in code or " ymm" in code or " zmm" in code
host = llvm.get_host_cpu_features()["avx"]
print(f"{name}: {len(allowed)} features, wide registers: {is_wide}; llvmlite says avx: {host}")
sys.exit(0 if host and is_wide == bool(allowed) == (sys.argv[1] == "wide") else 1)
EOF
NUMBA_CPU_NAME=nehalem "$folder/venv/bin/python" "$folder/check.py" wide
NUMBA_CPU_NAME=generic "$folder/venv/bin/python" "$folder/check.py" narrow
NUMBA_CPU_NAME=nehalem NUMBA_CPU_FEATURES= "$folder/venv/bin/python" "$folder/check.py" narrow
