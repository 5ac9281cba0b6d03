"""Builders of units read alike: ports, state, datapath, control, assertions, in this order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fastcar.rtl.core

BANNERS = ["Ports", "State", "Datapath", "Control", "Assertions"]
UNITS = sorted(
    path
    for path in Path(fastcar.rtl.core.__file__).parent.rglob("*.py")
    if re.search(r"^class \w+Inputs\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    and path.stem not in ("core_ports", "instruction_check", "vector_memory")
)
"""Files of units with wires in; what those left out build has one part."""


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.stem)
def test_banners_stand_in_their_order(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = re.findall(rf"^ +# ({'|'.join(BANNERS)})[.:]", text, re.MULTILINE)
    assert found
    assert found == [banner for banner in BANNERS if banner in found]
