"""All cores of the Verilog are one core with other names, so that one synthesis stands for all."""

from __future__ import annotations

import re
from collections import Counter

from tools.synthesis.design import STATEMENT, Design

_IDENTIFIER = re.compile(r"\b[a-z]\w*\b")
_CONSTANT = re.compile(r"\bconstant_\d+_")


def check_cores_equal(design: Design) -> None:
    """Every core is core 0 but for names; so one synthesis stands for all.

    Raises:
        ValueError: names the first core that differs.
    """
    first = _describe_core(design, "core0")
    for number in range(1, design.config.num_cores):
        if _describe_core(design, f"core{number}") != first:
            raise ValueError(f"core{number} is not core0 with other names")


def _describe_core(design: Design, core: str) -> Counter[str]:
    """Statements of a core; its own nets by their name in core 0, all others as `outside`."""

    def rename(match: re.Match[str]) -> str:
        name = match[0]
        owner = design.owners.get(name)
        if name.startswith(f"{core}_") or (owner is not None and owner.core == core):
            return name.replace(core, "core0", 1)
        return name if owner is None else "outside"

    lines: Counter[str] = Counter()
    for line in design.traced.splitlines():
        match = STATEMENT.match(line)
        owner = design.owners.get(match[1]) if match else None
        if owner is not None and owner.core == core:
            lines[_IDENTIFIER.sub(rename, _CONSTANT.sub("constant_", line))] += 1
    return lines
