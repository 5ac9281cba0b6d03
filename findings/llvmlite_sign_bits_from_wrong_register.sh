#!/usr/bin/env bash
# A good engineer would have guessed: the optimisation level and the processor named change speed,
# never bits: integer code that the verifier accepts, without undefined behaviour, computes the same.
#
# llvmlite 0.50.0 (its wheel holds LLVM 22.1.0), x86-64; the wrong results need a processor with
# AVX-512 (F, BW, CD, DQ, VL), elsewhere only the wrong instruction is shown.
#
# Behaviour: for such a processor LLVM reads sign bits from the wrong register. Its code generator
# turns `vpmovq2m %xmm16, %k0; kmovd %k0, %eax` into `vmovmskpd %xmm16, %eax`, an instruction that
# knows xmm0 to xmm15 only: the bytes written say xmm0. It takes a compare of a vector with zero,
# one lane of which decides a select, while more than 16 vectors are alive: here a loop over 17 in
# plain vector IR, with no IR pass run. Scalar code gets there through the SLP vectoriser, which
# packs `icmp slt %x, 0` in pairs (met with integers of 17 bits; the width does not matter).
# Codegen level 0 has the wrong instruction too. 16 vectors, x86-64-v3, x86-64-v4 with the feature
# -avx512vl, and with -avx512dq (for lanes of 64 bits) are right.
# llvmlite 0.48.0 and 0.49.0 (LLVM 22.1.0) do the same; 0.45.1 and 0.47.0 (LLVM 20.1.8) do not.
# Known: https://github.com/llvm/llvm-project/issues/191304, from
# https://github.com/llvm/llvm-project/pull/175219, repaired after 22.1.0 by
# https://github.com/llvm/llvm-project/pull/191760.
# Seen, where each of 17 vectors in turn is the only negative one: "17 vectors, x86-64-v4, level 2:
# 14 signs right, wrong instruction: vmovmskpd %xmm16, %edi", 14 at level 1, "15 signs right, wrong
# instruction: vmovmskpd %xmm17, %esi" at level 0; else all right and "wrong instruction: none".
set -euo pipefail
if [ "$(uname -m)" != x86_64 ]; then
    echo "this is no x86-64 machine: nothing to see"
    exit 77
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet llvmlite==0.50.0
cat > "$folder/check.py" <<'EOF'
import ctypes
import re
import sys

import llvmlite.binding as llvm

WEIGHT = 1000003  # not a power of two, so that the sign is selected by and not shifted into place


def write_module(count):
    """Counts the vectors whose upper lane is negative, WEIGHT each, adds neighbours, and again."""
    rows = ["define i64 @f(ptr %p, i64 %turns) {", "start:"]
    for k in range(count):
        rows.append(f"  %p{k} = getelementptr <2 x i64>, ptr %p, i64 {k}")
        rows.append(f"  %v{k} = load <2 x i64>, ptr %p{k}, align 8")
    rows += ["  br label %loop", "loop:", "  %turn = phi i64 [ 0, %start ], [ %next, %loop ]"]
    rows.append(f"  %sum = phi i64 [ 0, %start ], [ %sum{count - 1}, %loop ]")
    for k in range(count):
        rows.append(f"  %w{k} = phi <2 x i64> [ %v{k}, %start ], [ %n{k}, %loop ]")
    for k in range(count):
        before = f"%sum{k - 1}" if k else "%sum"
        rows.append(f"  %mask{k} = icmp slt <2 x i64> %w{k}, zeroinitializer")
        rows.append(f"  %sign{k} = extractelement <2 x i1> %mask{k}, i64 1")
        rows.append(f"  %one{k} = select i1 %sign{k}, i64 {WEIGHT}, i64 0")
        rows.append(f"  %sum{k} = add i64 {before}, %one{k}")
        rows.append(f"  %n{k} = add <2 x i64> %w{k}, %w{(k + 1) % count}")
    rows += ["  %next = add i64 %turn, 1", "  %more = icmp ult i64 %next, %turns"]
    rows += ["  br i1 %more, label %loop, label %end", "end:", f"  ret i64 %sum{count - 1}", "}"]
    return "\n".join(rows)


def show(count, cpu, features, level, may_run):
    """How many instructions do not exist; of `count` inputs with one negative lane, how many count 1."""
    target = llvm.Target.from_triple(llvm.get_process_triple())
    machine = target.create_target_machine(
        cpu=cpu, features=features, opt=level, jit=True, codemodel="jitdefault"
    )
    module = llvm.parse_assembly(write_module(count))
    module.triple = llvm.get_process_triple()
    module.data_layout = str(machine.target_data)
    module.verify()
    assembly = machine.emit_assembly(module)
    wrong = re.findall(r"vp?movmsk\w+\s+%[xy]mm(?:1[6-9]|2\d|3[01]),.*", assembly)
    correct = None
    if may_run:
        engine = llvm.create_mcjit_compiler(module, machine)
        engine.finalize_object()
        prototype = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)
        function = prototype(engine.get_function_address("f"))
        correct = 0
        for k in range(count):
            numbers = (ctypes.c_int64 * (2 * count))()
            numbers[2 * k + 1] = -1
            correct += function(ctypes.addressof(numbers), 1) == WEIGHT
    found = "not run" if correct is None else f"{correct} signs right"
    instructions = "; ".join(" ".join(text.split()) for text in wrong) or "none"
    print(f"{count} vectors, {cpu}{features}, level {level}: {found}, wrong instruction: {instructions}")
    return len(wrong), correct


llvm.initialize_native_target()
llvm.initialize_native_asmprinter()
host = llvm.get_host_cpu_features()
has_avx512 = all(host.get(f"avx512{name}") for name in ("f", "bw", "cd", "dq", "vl"))
as_told = True
for count, cpu, features, level, is_right in (
    (17, "x86-64-v4", "", 2, False),
    (17, "x86-64-v4", "", 1, False),
    (17, "x86-64-v4", "", 0, False),
    (16, "x86-64-v4", "", 2, True),
    (17, "x86-64-v4", "-avx512vl", 2, True),
    (17, "x86-64-v4", "-avx512dq", 2, True),
    (17, "x86-64-v3", "", 2, True),
):
    may_run = has_avx512 if cpu == "x86-64-v4" else bool(host.get("avx2"))
    wrong, correct = show(count, cpu, features, level, may_run)
    as_told &= (wrong == 0) == is_right
    as_told &= not may_run or (correct == count) == is_right
sys.exit(0 if as_told else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py"
