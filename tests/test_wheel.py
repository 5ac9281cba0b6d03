"""The wheel alone: built from the sdist, installed where nothing of the repository is importable.

No network: the build uses the setuptools of the environment that runs the tests. The new
environment sees the libraries of that one through a `.pth` file with their folder; `.pth` files
*in* that folder are not read, and so an editable install of this repository is not seen. Seen to
fail for every line of `package_data` that was taken out of setup.cfg, but py.typed, which
setuptools adds unasked.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import fastcar
from fastcar.cosim.export.pages import SPECIFICATION_FILE, copy_page
from tests.conftest import OFFICIAL_VECTORS
from tests.fastcar.tiny_video_model import save_tiny_video_model
from tests.simulators import HAS_VERILATOR
from tests.test_package import find_files, get_folders

ROOT = Path(__file__).parent.parent
COPIED = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "tests", "tools")
"""Beside the trees; the last two must not be installed."""

pytestmark = pytest.mark.slow


def run(folder: Path, *command: object) -> str:
    """What a program prints; its complaint where it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built in a copy, because a build leaves files that the next one would take in."""
    source = tmp_path_factory.mktemp("build") / "source"
    source.mkdir()
    ignore = shutil.ignore_patterns("__pycache__", "vectors")
    for name in (*COPIED, *(folder.name for folder in get_folders().values())):
        path = ROOT / name
        if path.is_dir():
            shutil.copytree(path, source / name, ignore=ignore)
        else:
            shutil.copy(path, source)
    run(source, sys.executable, "-m", "build", "--no-isolation")
    (built,) = (source / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def binaries(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Programs of an environment with the wheel."""
    folder = tmp_path_factory.mktemp("installed") / "venv"
    run(folder.parent, sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    options = ("--quiet", "--no-deps", "--no-index", "--disable-pip-version-check")
    run(folder, sys.executable, "-m", "pip", "--python", python, "install", *options, wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return python.parent


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random video model."""
    return save_tiny_video_model(tmp_path_factory.mktemp("tiny") / "model")


def test_the_wheel_holds_the_packages_and_their_data_and_nothing_else(wheel: Path) -> None:
    places = {folder: name.replace(".", "/") for name, folder in get_folders().items()}
    expected = {
        f"{place}/{path.relative_to(folder).as_posix()}"
        for folder, place in places.items()
        for path in find_files()
        if folder in path.parents
    }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
        text = next(name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = archive.read(text).decode()
    assert names == expected
    assert "Project-URL: Paper, https://arxiv.org/abs/2505.14709\n" in metadata
    assert "Provides-Extra: cli\n" in metadata


def test_nothing_of_the_repository_is_importable(binaries: Path, tmp_path: Path) -> None:
    script = (
        "import importlib.util, fastcar, fastcar.rtl.core\n"
        "print(fastcar.__version__, fastcar.__file__, fastcar.rtl.core.__file__)\n"
        "print([name for name in ('reference', 'rtl', 'cosim', 'proofs', 'tools', 'tests')\n"
        "       if importlib.util.find_spec(name)])\n"
        "print(*(name for name in fastcar.__all__ if getattr(fastcar, name) is None))"
    )
    places, found, missing = run(tmp_path, binaries / "python", "-c", script).splitlines()
    version, *files = places.split()
    assert version == fastcar.__version__
    assert all(file.startswith(str(binaries.parent)) for file in files)
    assert found == "[]"
    assert missing == ""


def test_generate(binaries: Path, tmp_path: Path) -> None:
    short = ("--frames", 2, "--repeats", 1, "--calibration-clips", 1)
    run(tmp_path, binaries / "fastcar", "generate", "--prompt", "3 up", *short, "--out", "out")
    assert {"report.json", "sheet.png"} <= {path.name for path in (tmp_path / "out").iterdir()}


def test_trace(binaries: Path, tmp_path: Path) -> None:
    checkpoint = ("--checkpoint", OFFICIAL_VECTORS, "--tokens", OFFICIAL_VECTORS / "tokens.npz")
    options = (*checkpoint, "--tokens-per-frame", 16, "--tau", "none")
    run(tmp_path, binaries / "fastcar", "trace", *options, "--out", "trace.npz")
    assert (tmp_path / "trace.npz").stat().st_size > 0


@pytest.mark.parametrize(
    "backend",
    [
        "pyrtl",
        pytest.param(
            "verilator",
            marks=pytest.mark.skipif(not HAS_VERILATOR, reason="Verilator is missing"),
        ),
    ],
)
def test_cosim(binaries: Path, model: Path, tmp_path: Path, backend: str) -> None:
    sizes = ("--batch", 2, "--cores", 2, "--lanes", 8, "--calibration-clips", 1, "--tokens", 1)
    options = ("--checkpoint", model, *sizes, "--backend", backend, "--out", "cosim.json")
    run(tmp_path, binaries / "fastcar", "cosim", *options)
    assert (tmp_path / "cosim.json").exists()


def test_export_and_its_specification(binaries: Path, tmp_path: Path) -> None:
    run(tmp_path, binaries / "fastcar", "export", "--preset", "tiny", "--out", "out")
    copied = (tmp_path / "out" / SPECIFICATION_FILE).read_text(encoding="utf-8")
    assert copied == copy_page(SPECIFICATION_FILE)


def test_prove(binaries: Path, model: Path, tmp_path: Path) -> None:
    options = ("--checkpoint", model, "--instances", 1, "--processes", 1)
    assert "holds" in run(tmp_path, binaries / "fastcar", "prove", *options)


def test_predict(binaries: Path, tmp_path: Path) -> None:
    sizes = ("--cores", 2, "--lanes", 16, "--batch", 2, "--latency", 4)
    run(tmp_path, binaries / "fastcar", "predict", *sizes)


def test_quantize(binaries: Path, tmp_path: Path) -> None:
    options = ("--checkpoint", OFFICIAL_VECTORS, "--out", "int8")
    run(tmp_path, binaries / "fastcar", "quantize", *options)


def test_the_solver_is_found_from_any_folder(binaries: Path, tmp_path: Path) -> None:
    pytest.importorskip("bitwuzla")
    script = (
        "from pathlib import Path\n"
        "from fastcar.proofs.formal.bitwuzla_solver import make_solver\n"
        "make_solver(Path(), 10, 'hdl')"
    )
    run(tmp_path, binaries / "python", "-c", script)
    assert "/site-packages')\n" in (tmp_path / "bitwuzla").read_text(encoding="utf-8")
    commands = tmp_path / "commands.smt2"
    commands.write_text("(set-logic QF_BV)\n(assert false)\n(check-sat)\n(exit)\n")
    solve = f"./bitwuzla < {commands.name}"
    assert run(tmp_path, "sh", "-c", solve).split()[-1] == "unsat"
