#!/usr/bin/env bash
# pylibfst 0.2.1 (GTKWave's FST code behind Python), Linux x86-64.
#
# Behaviour: fstWriterEmitValueChangeVec64, for values of more than 64 bits, writes zeros in the
# upper 32 bits of every 64-bit word. fstWriterEmitValueChangeVec32 of the same bytes writes all.
# No call reports anything.
# Seen: "130 bits 0x20123456789abcdeffedcba9876543210: from words of 32
# 0x20123456789abcdeffedcba9876543210, from words of 64 0x20000000089abcdef0000000076543210".
# A good engineer would have guessed: both write the same file, or the wider one puts words in
# another order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet pylibfst==0.2.1
cat > "$folder/check.py" <<'EOF'
import sys

import pylibfst

lib, ffi = pylibfst.lib, pylibfst.ffi
BITS = 130
VALUE = 0x2_0123456789ABCDEF_FEDCBA9876543210
folder = sys.argv[1]


def write_and_read(emit, word_bits):
    """The value behind a file with one variable that changes once."""
    path = f"{folder}/{word_bits}.fst".encode()
    context = lib.fstWriterCreate(path, 1)
    lib.fstWriterSetScope(context, lib.FST_ST_VCD_MODULE, b"top", b"")
    handle = lib.fstWriterCreateVar(
        context, lib.FST_VT_VCD_WIRE, lib.FST_VD_IMPLICIT, BITS, b"wide", 0
    )
    lib.fstWriterEmitTimeChange(context, 1)
    words = ffi.from_buffer(f"uint{word_bits}_t[]", VALUE.to_bytes(24, "little"))
    emit(context, handle, BITS, words)
    lib.fstWriterEmitTimeChange(context, 2)
    lib.fstWriterClose(context)
    reader = lib.fstReaderOpen(path)
    lib.fstReaderSetFacProcessMaskAll(reader)
    seen = []
    pylibfst.fstReaderIterBlocks(
        reader, lambda data, time, facidx, value: seen.append(pylibfst.string(value))
    )
    lib.fstReaderClose(reader)
    return int(seen[-1], 2)


short = write_and_read(lib.fstWriterEmitValueChangeVec32, 32)
long = write_and_read(lib.fstWriterEmitValueChangeVec64, 64)
halves = sum(0xFFFFFFFF << 64 * word for word in range(3))
print(f"130 bits {VALUE:#x}: from words of 32 {short:#x}, from words of 64 {long:#x}")
sys.exit(0 if short == VALUE and long == VALUE & halves else 1)
EOF
"$folder/venv/bin/python" "$folder/check.py" "$folder"
