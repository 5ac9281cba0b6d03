"""Planted bugs of what goes with the exported module, and of what may be exported."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file

_PACKAGE = name_test_file("cosim/export/package")
_EXPORT = name_test_file("cosim/export/export")
_COMMAND = "tests/fastcar/test_cli_export.py"


def _bug(path: str, name: str, old: str, new: str, test: str = _PACKAGE) -> Mutant:
    """A mutant of a file of `cosim/export/`."""
    return Mutant(f"export: {name}", f"cosim/export/{path}", old, new, (test,))


EXPORT_MUTANTS = (
    _bug(
        "core_file.py",
        "the waivers stay at home",
        "      - {names.waiver_file}: {{file_type: vlt}}\n",
        "",
        f"{_EXPORT}::test_core_file_names_every_file_of_the_verilog_testbench",
    ),
    _bug(
        "export.py",
        "a model is replaced by sizes",
        "if model is not None and request.given_sizes is not None:",
        "if model is None and request.given_sizes is not None:",
        f"{_COMMAND}::test_wrong_input_is_one_line_and_writes_nothing",
    ),
    _bug(
        "sizes.py",
        "the queue is as deep as ever",
        "return config if depth is None else",
        "return config if depth is not None else",
        f"{_COMMAND}::test_any_sizes_are_exported_under_any_name",
    ),
    _bug("net_map.py", "memories of few words", "1 << memory.addrwidth", "memory.addrwidth"),
    _bug("measured.py", "every size is measured", "return config == sizes", "return True"),
    _bug("component.py", "inputs go out", "'in' if is_input", "'in' if not is_input"),
    _bug(
        "memory_page.py",
        "activations lie in front",
        "memory_map.slots_address, num_slots, activations",
        "0, num_slots, activations",
    ),
    _bug(
        "diagram.py",
        "an arrow for every reader",
        "nets[source, target].add(wire)",
        "nets[target, source].add(wire)",
    ),
)
