"""Contender: the engine of an earlier commit, from a folder with that commit's `reference/`.

Runs in a process of its own, whose `reference` is that folder's; of today's project it imports only
`tools.bench.shipped.turn` and `tools.bench.memory`.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from tools.bench.memory import get_peak_bytes
from tools.bench.shipped.turn import Answer, describe_tokens, run_timed
from tools.paths import ROOT

PACKAGE = "reference"


class AbsentError(Exception):
    """The commit is not there; the text says why."""


def check_out(commit: str, folder: Path, repository: Path = ROOT) -> Path:
    """The package of a commit in a folder, unless it is there already with its compiled kernels.

    Raises:
        AbsentError: no commit given, no git, no such commit.
    """
    if not commit:
        raise AbsentError("a quick run leaves it out")
    target = folder / f"earlier-{commit}"
    if target.is_dir():
        return target
    command = ["git", "-C", str(repository), "archive", "--format=tar", commit, PACKAGE]
    try:
        done = subprocess.run(command, capture_output=True)
    except OSError as error:
        raise AbsentError(f"git: {error.strerror}") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no word"]
        raise AbsentError(f"git archive {commit}: {said[-1]}")
    partial = folder / f"{target.name}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(partial, filter="data")
    partial.rename(target)
    return target


class EarlierPlayer:
    """Decodes videos with the engine of the commit.

    Args:
        folder: of `check_out`.
    """

    def __init__(self, folder: str) -> None:
        # before this project's own package of that name, which lies in the working directory
        sys.path.insert(0, folder)
        self._modules: dict[str, Any] = {
            name: import_module(f"{PACKAGE}.{name}")
            for name in ("generate", "replay", "sampling", "kernels.engine", "video.model")
        }
        found = Path(self._modules["generate"].__file__ or "")
        if Path(folder).resolve() not in found.resolve().parents:
            raise ImportError(f"{PACKAGE} lies in {found}: must lie in {folder}")

    def open(self, prompt_ids: list[list[int]], temperature: float) -> Answer:
        """Load the model of the commit."""
        self._model = self._modules["video.model"].load_video_model()
        ids = np.array(prompt_ids, np.int64)
        self._prompts = self._modules["generate"].Prompts(ids, ids)
        self._sampling = self._modules["sampling"].Sampling(temperature)
        self._engine = self._modules["kernels.engine"].NumbaEngine()
        return {}

    def run(self, variant: str, frames: int) -> Answer:
        """A batch of whole videos, prefill and draws included."""
        model = self._model
        replay = self._modules["replay"].ReplayConfig(model.geometry.tokens_per_frame)
        generate = self._modules["generate"]
        self._result, answer = run_timed(
            lambda: generate.generate(
                model.config,
                model.weights,
                self._prompts,
                generate.DecodeOptions(replay, engine=self._engine),
                num_frames=frames,
                num_codes=model.codec.num_codes,
                sampling=self._sampling,
            )
        )
        return answer

    def get_tokens(self) -> Answer:
        """Of the last run."""
        return describe_tokens(self._result)

    def get_peak(self) -> int:
        """Most bytes that the process held."""
        return get_peak_bytes()
