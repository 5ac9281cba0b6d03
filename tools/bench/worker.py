"""Contenders in processes of their own, which take turns: one burst of tokens per question.

    python -m tools.bench.worker KIND [FORMAT]

KIND is one of `PLAYERS`. Questions and answers are JSON, one line each; a process computes only
between its question and its answer. Peers may live in another interpreter, so nothing but the
standard library is imported before the player is known.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from typing import IO, Any

from tools.paths import ROOT

PLAYERS = {
    "own": ("tools.bench.own", "OwnPlayer"),
    "products": ("tools.bench.linear", "ProductsPlayer"),
    "video": ("tools.bench.video", "VideoPlayer"),
    "large": ("tools.bench.large", "LargePlayer"),
    "shipped": ("tools.bench.shipped.player", "ShippedPlayer"),
    "earlier": ("tools.bench.shipped.earlier", "EarlierPlayer"),
    "vila": ("tools.vila_u.player", "VilaPlayer"),
    "pixels": ("tools.vila_u.player", "PixelPlayer"),
    "transformers": ("tools.bench.transformers", "TransformersPlayer"),
    "llama.cpp": ("tools.bench.llama_cpp", "LlamaCppPlayer"),
}
"""Module and class of each kind; the class takes the format, if any."""
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "FASTCAR_BENCH_THREADS",
)

Answer = dict[str, Any]


class WorkerError(Exception):
    """A contender failed; the text is its last word."""


class Worker:
    """The other end of a contender's process.

    Args:
        kind: of `PLAYERS`, perhaps with a format behind a hyphen: `llama.cpp-F16`.
        python: interpreter that has the contender's library.
        threads: of every library in it.
    """

    def __init__(self, kind: str, python: str = sys.executable, threads: int = 1) -> None:
        environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        self.kind = kind
        self._process = subprocess.Popen(
            [python, "-m", "tools.bench.worker", *kind.split("-", 1)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment,
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            # a question that nobody read is still in the pipe
            with suppress(OSError):
                if pipe is not None:
                    pipe.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the player.

        Raises:
            WorkerError: it raised, or the process ended.
        """
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise WorkerError(f"{self.kind}: has no pipes")
        try:
            questions.write(json.dumps([method, *arguments]) + "\n")
            questions.flush()
            line = answers.readline()
        except OSError as error:
            raise WorkerError(f"{self.kind}: {error}") from error
        if not line:
            raise WorkerError(f"{self.kind}: ended with exit code {self._process.wait()}")
        answer = json.loads(line)
        if "error" in answer:
            raise WorkerError(f"{self.kind}: {answer['error']}")
        return answer["result"]


def serve(player: Any, questions: IO[str], answers: IO[str]) -> None:
    """Answer until the questions end."""
    for line in questions:
        method, *arguments = json.loads(line)
        try:
            answer = {"result": getattr(player, method)(*arguments)}
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def make_player(kind: str, *formats: str) -> Any:
    """A player of `PLAYERS`."""
    module, name = PLAYERS[kind]
    return getattr(import_module(module), name)(*formats)


def main() -> None:
    """Serve on the original standard output; what libraries print there goes to standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        player = make_player(*sys.argv[1:])
    except Exception as error:
        answers.write(json.dumps({"error": f"{type(error).__name__}: {error}"}) + "\n")
        return
    serve(player, sys.stdin, answers)


if __name__ == "__main__":
    main()
