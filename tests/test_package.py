"""What is installed: one import root with all that it reads, and nothing paid before its use."""

from __future__ import annotations

import ast
import configparser
import subprocess
import sys
from pathlib import Path

import pytest

import fastcar

ROOT = Path(__file__).parent.parent
INIT = (ROOT / "fastcar" / "__init__.py").read_text(encoding="utf-8")
LEFT_BEHIND = {"__pycache__"}


def read_setup() -> configparser.ConfigParser:
    """What setup.cfg says."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def get_folders() -> dict[str, Path]:
    """Folder at the top level of every tree, by its import name (`package_dir`)."""
    lines = read_setup()["options"]["package_dir"].split("\n")
    pairs = [line.split("=") for line in lines if line]
    return {name.strip(): ROOT / folder.strip() for name, folder in pairs}


def find_packages() -> dict[str, Path]:
    """Folder of every package below the trees, by its import name."""
    packages = {}
    for tree, folder in get_folders().items():
        for init in folder.rglob("__init__.py"):
            parts = init.parent.relative_to(folder).parts
            packages[".".join((tree, *parts))] = init.parent
    return packages


def find_files() -> set[Path]:
    """Every file below the trees; of docs/ only the pages, not their pictures and numbers."""
    return {
        path
        for tree, folder in get_folders().items()
        for path in folder.rglob("*")
        if path.is_file() and not LEFT_BEHIND & set(path.parts)
        if tree != "fastcar.docs" or path.suffix in (".md", ".py")
    }


def get_data_files() -> set[Path]:
    """Files that setup.cfg says go with the packages."""
    packages, data = find_packages(), read_setup()["options.package_data"]
    return {
        path
        for name, patterns in data.items()
        for pattern in patterns.split()
        for path in packages[name].glob(pattern)
    }


def run_python(folder: Path, *arguments: str) -> str:
    """What Python prints when it is started in a folder."""
    return subprocess.run(
        [sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=True
    ).stdout


def test_setup_lists_every_package() -> None:
    listed = read_setup()["options"]["packages"].split()
    assert listed == sorted(find_packages())


def test_every_folder_with_python_files_is_a_package() -> None:
    packages = set(find_packages().values())
    for folder in get_folders().values():
        assert {path.parent for path in folder.rglob("*.py")} <= packages


def test_only_one_name_is_importable() -> None:
    assert {name.split(".")[0] for name in find_packages()} == {"fastcar"}


def test_every_file_that_is_not_python_travels_with_the_package() -> None:
    assert get_data_files() == {path for path in find_files() if path.suffix != ".py"}


@pytest.mark.parametrize("pattern", read_setup()["options.package_data"].values())
def test_no_pattern_of_data_is_empty(pattern: str) -> None:
    names = [path.as_posix() for path in get_data_files()]
    for part in pattern.split():
        assert any(Path(name).match(part) for name in names)


def test_folders_of_the_same_names_do_not_disturb(tmp_path: Path) -> None:
    for name in ("reference", "rtl", "cosim", "proofs", "docs", "tools", "tests"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise SystemExit('not ours')\n")
    assert run_python(tmp_path, "-m", "fastcar", "--version").startswith("fastcar, version ")
    run_python(tmp_path, "-c", f"import {', '.join(find_packages())}")
    tiny = ("--preset", "tiny", "--out", "tiny")
    assert "in tiny" in run_python(tmp_path, "-m", "fastcar", "export", *tiny)


def test_importing_the_package_imports_nothing_else(tmp_path: Path) -> None:
    script = (
        "import sys; before = set(sys.modules); import fastcar; fastcar.__all__; dir(fastcar)\n"
        "print(*(name for name in set(sys.modules) - before))"
    )
    loaded = set(run_python(tmp_path, "-c", script).split())
    assert {name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names} == {
        "fastcar"
    }
    assert "importlib.metadata" not in loaded


def test_every_public_name_comes_from_where_the_table_says() -> None:
    for name in fastcar._HOMES:
        value = getattr(fastcar, name)
        home, _, other = fastcar._HOMES[name].partition(":")
        assert getattr(sys.modules[f"fastcar.{home}"], other or name) is value
    assert set(fastcar.__all__) <= set(dir(fastcar))
    with pytest.raises(AttributeError, match="'fastcar' has no attribute 'invented'"):
        fastcar.invented  # noqa: B018


def test_type_checkers_see_the_names_of_the_table() -> None:
    block = next(
        node
        for node in ast.parse(INIT).body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imported = {
        alias.name: f"{node.module}".removeprefix("fastcar.")
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if alias.asname in (None, alias.name)
    }
    homes = [home.partition(":") for home in fastcar._HOMES.values()]
    names = [other or name for name, (_, _, other) in zip(fastcar._HOMES, homes, strict=True)]
    assert imported == dict(zip(names, (home for home, _, _ in homes), strict=True))


def test_the_version_is_that_of_the_metadata() -> None:
    assert fastcar.__version__ == read_setup()["metadata"]["version"]
