#!/usr/bin/env bash
# transformers 5.23.0 (its configuration code loads without torch).
#
# Behaviour: in a config with both, the older key `rope_scaling` replaces the newer `rope_parameters`
# whole, so that the base that only the latter names falls back to the default of 10000. The older key
# `rope_theta` beside `rope_parameters` is the other way round: it loses. No warning in either case.
# Seen, with a base of 500000 in rope_parameters: "rope_scaling beside it: type linear, base 10000, 0
# warnings", "rope_theta beside it: type default, base 500000, 0 warnings", and with the older keys
# alone "both older keys: type linear, base 500000, 0 warnings".
# A good engineer would have guessed: the newer key wins over both older ones, or the two dictionaries
# are merged, or the conflict is reported; none of these loses the base.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet transformers==5.23.0
cat > "$folder/check.py" <<'EOF'
import logging
import sys
import warnings

from transformers import LlamaConfig

said = []
handler = logging.Handler(logging.WARNING)
handler.emit = lambda record: said.append(record.getMessage())
logging.getLogger("transformers").addHandler(handler)


def get_rope(**keys):
    """The type and the base that a config with these keys ends up with, and how often it warned."""
    said.clear()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rope = LlamaConfig(**keys).rope_parameters
    return rope["rope_type"], rope["rope_theta"], len(said) + len(caught)


def make_scaling():
    return {"rope_type": "linear", "factor": 2.0}


def make_parameters():
    return {"rope_type": "default", "rope_theta": 500000.0}


found = {
    "rope_scaling beside it": get_rope(rope_parameters=make_parameters(), rope_scaling=make_scaling()),
    "rope_theta beside it": get_rope(rope_parameters=make_parameters(), rope_theta=1000.0),
    "both older keys": get_rope(rope_theta=500000.0, rope_scaling=make_scaling()),
}
for name, (kind, base, number) in found.items():
    print(f"{name}: type {kind}, base {base:.0f}, {number} warnings")
expected = [("linear", 10000.0, 0), ("default", 500000.0, 0), ("linear", 500000.0, 0)]
sys.exit(0 if list(found.values()) == expected else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
