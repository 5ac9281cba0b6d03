#!/usr/bin/env bash
# llvmlite 0.50.0 (LLVM 22.1.0) on x86-64 Linux.
#
# Behaviour: a target machine for machine code that runs in the process, made as the documentation's
# examples are (jit=True, codemodel="jitdefault", which is the default as well), is one of the large
# code model: every call from one function of a module to another loads a 64-bit address into a
# register and calls through it, although both lie in the same section. With codemodel="small" the
# call is direct, and the object needs nothing from outside either.
# Seen: "jitdefault: through a register", "small: direct", each with the result 42.
# A good engineer would have guessed: "default" is what compilers take by default, direct calls.
set -euo pipefail
case "$(uname -sm)" in
    "Linux x86_64") ;;
    *) echo "not Linux on x86-64"; exit 77 ;;
esac
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet llvmlite==0.50.0
cat > "$folder/show.py" << 'END'
import ctypes
import re

import llvmlite.binding as llvm

TEXT = """
define internal i32 @inner(i32 %x) noinline { %y = add i32 %x, 1
  ret i32 %y }
define i32 @outer(i32 %x) { %y = call i32 @inner(i32 %x)
  %z = add i32 %y, 1
  ret i32 %z }
"""
llvm.initialize_native_target()
llvm.initialize_native_asmprinter()


def make_machine(model):
    target = llvm.Target.from_default_triple()
    return target.create_target_machine(opt=1, jit=True, codemodel=model)


for model in ("jitdefault", "small"):
    machine, module = make_machine(model), llvm.parse_assembly(TEXT)
    call = re.search(r"call[a-z]*\s+(\S+)", machine.emit_assembly(module))[1]
    code = machine.emit_object(module)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), make_machine("jitdefault"))
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    outer = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(engine.get_function_address("outer"))
    print(f"{model}: {'through a register' if call.startswith('*') else 'direct'}, {outer(40)}")
END
found=$("$folder/venv/bin/python" "$folder/show.py")
echo "$found"
[ "$found" = "jitdefault: through a register, 42
small: direct, 42" ] || exit 1
