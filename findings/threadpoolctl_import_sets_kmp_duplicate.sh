#!/usr/bin/env bash
# threadpoolctl 3.8.0.
#
# Behaviour: `import threadpoolctl` sets the environment variable KMP_DUPLICATE_LIB_OK to True where it
# is not set. Every process started afterwards inherits it. The variable switches off the check with
# which Intel's and LLVM's OpenMP stop a process that has loaded two copies of them.
# Seen: "before None, after True, in a child True; kept if set: False".
# A good engineer would have guessed: a module that reads and limits thread pools changes nothing when
# it is imported; what it needs it sets where its functions are called.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet threadpoolctl==3.8.0
cat > "$folder/check.py" <<'EOF'
import os
import subprocess
import sys

NAME = "KMP_DUPLICATE_LIB_OK"


def run(code, **variables):
    """What a new Python prints for the code."""
    command = [sys.executable, "-c", f"import os; {code}"]
    environment = {**os.environ, **variables}
    return subprocess.check_output(command, env=environment, text=True).strip()


show = f"print(os.environ.get({NAME!r}))"
os.environ.pop(NAME, None)
before = run(show)
kept = run(f"import threadpoolctl; {show}", **{NAME: "False"})

import threadpoolctl  # noqa: E402, F401

after, child = os.environ.get(NAME), run(show)
print(f"before {before}, after {after}, in a child {child}; kept if set: {kept}")
sys.exit(0 if (before, after, child, kept) == ("None", "True", "True", "False") else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
