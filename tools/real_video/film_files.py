"""Decode films, and folders of frames, to grey frames; kept between runs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tools.real_video.fetch import extract_source
from tools.real_video.films import Film, Films
from tools.real_video.sources import Source


def load_films(sources: tuple[Source, ...], out: Path) -> Films:
    """All sources at all their heights; decoded once and kept below `out`."""
    films = {}
    for source in sources:
        kept = out / "frames" / f"{source.name}.npz"
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            path = extract_source(source, out)
            decoded: dict[str, Any] = {
                str(height): decode(path, height, source.crop) for height in source.heights
            }
            partial = kept.with_suffix(".partial.npz")
            np.savez(partial, **decoded)
            partial.replace(kept)
        with np.load(kept) as file:
            films.update({(source.name, int(height)): file[height] for height in file.files})
    return films


def decode(path: Path, height: int, crop: float) -> Film:
    """A film, or a folder of frames, as grey frames of the given height; averaged over areas.

    Args:
        path: film or folder.
        height: lines.
        crop: share of the lines left out above, and as many below.
    """
    if path.is_dir():
        return np.stack([shrink(Image.open(file), height) for file in sorted(path.iterdir())])
    # of the extra "train": films are decoded to train and to measure, not to test
    from imageio_ffmpeg import get_ffmpeg_exe

    ffmpeg = get_ffmpeg_exe()
    about = subprocess.run([ffmpeg, "-i", path], capture_output=True, text=True, check=False).stderr
    size = re.search(r"Video:.*? (\d{2,5})x(\d{2,5})", about)
    if size is None:
        raise SystemExit(f"{path}: no video stream")
    columns, lines = int(size[1]), int(size[2])
    kept = round(lines * (1 - 2 * crop))
    width = round(columns * height / kept)
    steps = f"crop={columns}:{kept},scale={width}:{height}:flags=area,format=gray"
    command = [ffmpeg, "-v", "error", "-i", path, "-fps_mode", "passthrough", "-vf", steps]
    raw = subprocess.run([*command, "-f", "rawvideo", "-"], capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, height, width)


def shrink(picture: Image.Image, height: int) -> NDArray[np.uint8]:
    """A picture as grey pixels of the given height, averaged over areas."""
    width = round(picture.width * height / picture.height)
    return np.asarray(picture.convert("L").resize((width, height), Image.Resampling.BOX))
