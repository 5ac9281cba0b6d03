"""Who may import whom: configuration -> reference -> rtl -> cosim, proofs -> fastcar -> tools.

`reference` must read and run without any front end, and `rtl` must not compute with the code it
is compared with. The rules hold for every import statement, also inside functions and under
TYPE_CHECKING, and for import_module and __import__ with a literal name.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
INSTALLED = frozenset({"reference", "rtl", "cosim", "proofs"})
"""Folders whose packages are imported below `fastcar`."""
ROOTS = frozenset({"fastcar", "tools", "tests"})
NUMERIC = frozenset({"numpy", "numba", "safetensors"})
TOKENIZERS = frozenset({"sentencepiece"})
COMMAND_LINE = frozenset({"click", "rich", "PIL", "matplotlib", "skimage"})


@dataclass(frozen=True)
class Layer:
    """What a tree or a module may import beside the standard library.

    Attributes:
        project: modules of this repository, each with everything below it.
        libraries: third-party packages; None allows all.
    """

    project: frozenset[str]
    libraries: frozenset[str] | None


CONFIGURATION = frozenset(
    {
        "fastcar.reference.config",
        "fastcar.reference.errors",
        "fastcar.reference.rope_scaling",
        "fastcar.reference.tables",
    }
)
"""Shared by reference and rtl: sizes, refusals, contents of read-only memories; no arithmetic."""


def name_trees(*trees: str) -> frozenset[str]:
    """Import names of trees."""
    return frozenset(f"fastcar.{tree}" for tree in trees)


LAYERS = {
    **{name: Layer(CONFIGURATION, frozenset()) for name in CONFIGURATION},
    "fastcar.reference": Layer(name_trees("reference"), NUMERIC),
    "fastcar.reference.vila_u.tokenizer": Layer(name_trees("reference"), NUMERIC | TOKENIZERS),
    "fastcar.rtl": Layer(CONFIGURATION | name_trees("rtl"), frozenset({"pyrtl"})),
    "fastcar.cosim": Layer(name_trees("reference", "rtl", "cosim"), None),
    "fastcar.proofs": Layer(name_trees("reference", "rtl", "proofs"), None),
    "fastcar.proofs.formal": Layer(name_trees("reference", "rtl", "cosim", "proofs"), None),
    "fastcar": Layer(frozenset({"fastcar"}), NUMERIC | COMMAND_LINE | {"pyrtl", "threadpoolctl"}),
    "fastcar.html_report": Layer(
        frozenset({"fastcar"}), frozenset({"numpy", "PIL", "pyarrow", "vl_convert"})
    ),
    "fastcar.sweeps": Layer(
        frozenset({"fastcar"}), NUMERIC | COMMAND_LINE | {"pyarrow", "distributed"}
    ),
    "fastcar.strategies": Layer(frozenset({"fastcar"}), NUMERIC | {"hypothesis"}),
    "tools": Layer(frozenset({"fastcar", "tools"}), None),
}
"""Rules by module; the longest name that contains a module counts."""


def is_inside(name: str, package: str) -> bool:
    """Whether `name` is `package` or lies below it."""
    return name == package or name.startswith(package + ".")


def get_layer(module: str) -> Layer:
    """The rule of a module."""
    return LAYERS[max((name for name in LAYERS if is_inside(module, name)), key=len)]


def get_parent(module: str, is_package: bool, level: int) -> str:
    """The package that `level` leading dots name inside `module`."""
    parts = module.split(".")
    return ".".join(parts[: len(parts) - level + is_package])


def get_imports(source: str, module: str, is_package: bool = False) -> Iterator[tuple[int, str]]:
    """Line and dotted name of everything that a source text imports."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parent = get_parent(module, is_package, node.level) if node.level else ""
            base = ".".join(part for part in (parent, node.module) if part)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func).rsplit(".")[-1]
            name = node.args[0]
            if called in ("import_module", "__import__") and isinstance(name, ast.Constant):
                yield node.lineno, str(name.value)


def is_allowed(name: str, layer: Layer) -> bool:
    """Whether the rule permits to import `name`."""
    top = name.split(".")[0]
    if top in INSTALLED:
        return False  # only `fastcar` is installed: a bare name would be somebody else's package
    if top in ROOTS:
        return any(is_inside(name, package) for package in layer.project)
    return top in sys.stdlib_module_names or layer.libraries is None or top in layer.libraries


def find_violations(source: str, module: str, is_package: bool = False) -> list[str]:
    """One line for every import that the rule of `module` forbids."""
    layer = get_layer(module)
    return [
        f"{module}:{line} imports {name}"
        for line, name in get_imports(source, module, is_package)
        if not is_allowed(name, layer)
    ]


def find_trees() -> set[str]:
    """Top-level directories with Python files, but for what builds and runs leave behind."""
    return {path.parent.name for path in ROOT.glob("[a-z]*/*.py")} - {"build", "out", "docs"}


def name_module(path: Path) -> tuple[str, bool]:
    """Import name of a file, and whether it is a package's `__init__.py`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    is_package = parts[-1] == "__init__"
    prefix = ("fastcar",) if parts[0] in INSTALLED else ()
    return ".".join((*prefix, *(parts[:-1] if is_package else parts))), is_package


@pytest.mark.parametrize("tree", sorted(find_trees() - {"tests"}))
def test_tree_keeps_its_layer(tree: str) -> None:
    violations = []
    for path in sorted((ROOT / tree).rglob("*.py")):
        module, is_package = name_module(path)
        violations += find_violations(path.read_text(encoding="utf-8"), module, is_package)
    assert violations == []


def test_tests_import_nothing_by_a_bare_name() -> None:
    found = []
    for path in sorted((ROOT / "tests").rglob("*.py")):
        imports = get_imports(path.read_text(encoding="utf-8"), *name_module(path))
        found += [(path, name) for _, name in imports if name.split(".")[0] in INSTALLED]
    assert found == []


def test_every_python_tree_has_a_rule() -> None:
    trees = find_trees()
    assert trees >= INSTALLED
    assert trees - INSTALLED == ROOTS


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("fastcar.reference.replay", "import torch", "torch"),
        ("fastcar.reference.replay", "import numpy as np, PIL.Image", "PIL.Image"),
        ("fastcar.reference.replay", "from fastcar import generate", "fastcar.generate"),
        ("fastcar.reference.video.codec", "def f():\n    from sklearn import svm", "sklearn.svm"),
        ("fastcar.reference.video.codec", "from ....tests import helpers", "tests.helpers"),
        ("fastcar.reference.config", "import numpy", "numpy"),
        (
            "fastcar.reference.config",
            "from .replay import replay",
            "fastcar.reference.replay.replay",
        ),
        ("fastcar.reference.replay", "import importlib\nimportlib.import_module('rich')", "rich"),
        ("fastcar.reference.replay", "__import__('tools.bench')", "tools.bench"),
        (
            "fastcar.rtl.scheduler",
            "from fastcar.reference.scheduler import schedule",
            "fastcar.reference.scheduler",
        ),
        ("fastcar.rtl.scheduler", "import fastcar.reference", "fastcar.reference"),
        ("fastcar.rtl.scheduler", "import numpy", "numpy"),
        ("fastcar.rtl.scheduler", "from rtl import registers", "rtl.registers"),
        ("tools.bench.run", "import reference.replay", "reference.replay"),
        ("fastcar.cosim.lockstep", "import fastcar.proofs.replay", "fastcar.proofs.replay"),
        ("fastcar.proofs.replay", "from fastcar.cosim import program", "fastcar.cosim.program"),
        ("fastcar.api", "from tools import bench", "tools.bench"),
        ("fastcar.api", "import sklearn", "sklearn"),
        ("fastcar.api", "from hypothesis import given", "hypothesis.given"),
        ("fastcar.api", "import vl_convert", "vl_convert"),
        ("fastcar.html_report.page", "import matplotlib", "matplotlib"),
        ("fastcar.strategies.models", "import rich", "rich"),
        ("tools.mutants", "from tests.conftest import OFFICIAL_VECTORS", "tests.conftest"),
    ],
)
def test_planted_violation_is_found(module: str, source: str, found: str) -> None:
    violations = find_violations(source, module)
    assert len(violations) == 1
    assert violations[0].startswith(f"{module}:{source.count(chr(10)) + 1} imports {found}")


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("fastcar.reference.replay", "import math\nimport numpy as np\nfrom numba import njit"),
        ("fastcar.reference.replay", "from fastcar.reference.video.codec import PatchCodec"),
        (
            "fastcar.reference.video.codec",
            "from ..errors import ArgumentError\nfrom . import geometry",
        ),
        ("fastcar.rtl.scheduler", "import pyrtl\nfrom fastcar.reference.config import ModelConfig"),
        ("fastcar.rtl.scheduler", "from fastcar.reference import config"),
        (
            "fastcar.cosim.lockstep",
            "import numpy, pyrtl, fastcar.rtl.scheduler, fastcar.reference.scheduler",
        ),
        ("fastcar.api", "import click, rich, PIL.Image, skimage, fastcar.cosim, fastcar.proofs"),
        ("fastcar.strategies.models", "import hypothesis, numpy, fastcar.rtl.config"),
        ("tools.moving_digits.train", "import torch, sklearn, fastcar"),
    ],
)
def test_permitted_import_passes(module: str, source: str) -> None:
    assert find_violations(source, module) == []


def test_relative_import_in_a_package_file_names_the_package() -> None:
    assert list(
        get_imports("from . import geometry", "fastcar.reference.video", is_package=True)
    ) == [(1, "fastcar.reference.video.geometry")]
