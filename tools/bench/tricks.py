"""What each trick of the frame kernel gains: decoding without it beside decoding with it.

    python -m tools.bench.tricks
    python -m tools.bench.tricks --kind float32 --batch 16 --only exponentials
    python -m tools.bench.tricks --kind float32 --batch 16 --tau 0.2 --only kept

A copy of the package is made for every trick, with the trick undone; both decode the shipped model
in turns, in thread CPU time of one thread. The gain is the median of the quotients of the rounds.
"""

from __future__ import annotations

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fastcar.reference.engine_factory import make_engine
from fastcar.reference.gates.score import TemporalAttentionScoreGate
from fastcar.reference.generate import DecodeOptions, Prompts, generate
from fastcar.reference.kv_cache import CacheStorage
from fastcar.reference.matrix import DecoderWeights, compress_weights
from fastcar.reference.replay import ReplayConfig
from fastcar.reference.sampling import Sampling
from fastcar.reference.thresholds import FixedThresholds
from fastcar.reference.video.model import load_video_model
from tools.markdown import format_table
from tools.mutants.mutant import Mutant, compute_mutated
from tools.package_tree import make_package_tree
from tools.paths import ROOT

FRAME = "reference/kernels/frame"
CACHES = {"float32": "exact", "bfloat16": "bfloat16", "int8": "int8"}
"""Of keys and values, beside weights of a kind."""


@dataclass(frozen=True)
class Trick:
    """A way to be quicker, and how it is undone.

    Attributes:
        name: of the trick.
        stem: file of the frame kernel.
        old: text that stands there once.
        new: what does the same without the trick.
    """

    name: str
    stem: str
    old: str
    new: str

    def undo(self, root: Path) -> None:
        """Write the file without the trick."""
        path = f"{FRAME}/{self.stem}.py"
        mutant = Mutant(self.name, path, self.old, self.new, ())
        (root / path).write_text(compute_mutated((root / path).read_text(), mutant))


TRICKS = (
    Trick(
        "8 x 1 tiles",
        "products",
        "            _tile_8x1(weight, output, x, first, out, output)\n",
        "            _tile_4x1(weight, output, x, first, out, output)\n"
        "            _tile_4x1(weight, output + 4, x, first, out, output + 4)\n",
    ),
    Trick(
        "rows dispatched outside of the loop over outputs",
        "products",
        "    if whole < rows:\n        fill_last_rows(weight, x, out, start, tiled, whole)\n",
        "    for output in range(start, tiled, 4):\n"
        "        if whole < rows:\n"
        "            fill_last_rows(weight, x, out, output, output + 4, whole)\n",
    ),
    Trick(
        "nothing asked for ahead where weights are near",
        "products",
        "make_tile(outputs, rows, is_near=True)",
        "make_tile(outputs, rows)",
    ),
    Trick(
        "logits of 16 keys at a time",
        "attention",
        "        fill_logits(keys, base + start + place, query, head, logits, LEAD + place)\n",
        "        for key in range(place, place + LANES):\n"
        "            _tile(keys, base + start + key, query, head, logits, LEAD + key)\n",
    ),
    Trick(
        "weighted sums of four heads at once",
        "attention",
        "    if num_heads == GROUP:\n",
        "    if num_heads == -1:\n",
    ),
    Trick(
        "exponentials of a block in vectors",
        "attention",
        "        total = exponentiate_block(logits, index, LEAD, peak)\n",
        "        total = np.float32(0)\n"
        "        for place in range(LEAD, LEAD + BLOCK_KEYS):\n"
        "            logits[index, place] = compute_exp(logits[index, place] - peak)\n"
        "            total += logits[index, place]\n",
    ),
    Trick(
        "silu in vectors",
        "mlp",
        "        whole = multiply_silu_lanes(gate, up, row, start, stop)\n",
        "        whole = start\n",
    ),
    Trick(
        "selection in place of a sort",
        "sampling",
        " and count >= FEWEST_LOGITS:",
        " and count < 0:",
    ),
    Trick(
        "kept outputs asked for before attention",
        "run",
        "            ask_for_kept(plan, layer, token)\n",
        "",
    ),
)


class Decoding:
    """A process that decodes when it is asked to.

    Args:
        root: of the package that it imports.
        arguments: kind, batch, frames, tau.
    """

    def __init__(self, root: Path, arguments: Sequence[str]) -> None:
        tree = root / "tree"
        make_package_tree(tree, root)
        environment = {
            **os.environ,
            "PYTHONPATH": str(tree),
            "NUMBA_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        command = [sys.executable, "-m", "tools.bench.tricks", "--worker", *arguments]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, env=environment, cwd=tree
        )

    def decode(self) -> float:
        """Seconds of one generation."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(file=self._process.stdin, flush=True)
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()


@contextmanager
def make_copy(trick: Trick | None) -> Iterator[Path]:
    """A copy of what the frame kernel is made of, the trick undone."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for tree in ("fastcar", "reference"):
            shutil.copytree(ROOT / tree, root / tree, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("rtl", "cosim", "proofs", "docs", "tools", "tests"):
            (root / name).symlink_to(ROOT / name, target_is_directory=True)
        for name in ("reference", "rtl", "cosim", "proofs", "docs"):
            (root / "fastcar" / name).unlink(missing_ok=True)
        if trick is not None:
            trick.undo(root)
        yield root


def measure(trick: Trick, arguments: Sequence[str], rounds: int) -> list[float]:
    """Time without the trick over time with it, one quotient per round."""
    with make_copy(None) as base, make_copy(trick) as undone:
        decodings = [Decoding(root, arguments) for root in (base, undone)]
        try:
            for decoding in decodings:
                decoding.decode()
            quotients = []
            for _ in range(rounds):
                with_it, without = (decoding.decode() for decoding in decodings)
                quotients.append(without / with_it)
        finally:
            for decoding in decodings:
                decoding.close()
    return quotients


def work(kind: str, batch: int, frames: int, tau: float) -> None:
    """Decode once for every line of the input, and say how long it took."""
    model = load_video_model()
    thresholds = FixedThresholds([None if math.isnan(tau) else tau] * len(model.weights.layers))
    weights: DecoderWeights = model.weights
    if kind != "float32":
        weights = compress_weights(model.weights, kind)
    prompt = np.array([model.vocabulary.encode_unconditional()] * batch)
    options = DecodeOptions(
        ReplayConfig(model.geometry.tokens_per_frame),
        engine=make_engine("numba"),
        cache_storage=CacheStorage(CACHES[kind]),
        gate=None if math.isnan(tau) else TemporalAttentionScoreGate(thresholds),
    )
    for _ in sys.stdin:
        start = time.thread_time()
        generate(
            model.config,
            weights,
            Prompts(prompt, prompt),
            options,
            num_frames=frames,
            num_codes=model.codec.num_codes,
            sampling=Sampling(0.7),
        )
        print(time.thread_time() - start, flush=True)


def main(arguments: Sequence[str]) -> int:
    """Measure every trick and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kind", choices=sorted(CACHES), default="bfloat16", help="of weights")
    parser.add_argument("--batch", type=int, default=1, help="videos")
    parser.add_argument("--frames", type=int, default=4, help="of each video")
    parser.add_argument("--tau", type=float, default=math.nan, help="of gate tas; dense without")
    parser.add_argument("--rounds", type=int, default=11, help="of which the median counts")
    parser.add_argument("--only", default="", help="tricks whose name holds this")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.worker:
        work(asked.kind, asked.batch, asked.frames, asked.tau)
        return 0
    passed = [f"--{name}={getattr(asked, name)}" for name in ("kind", "batch", "frames", "tau")]
    rows = []
    for trick in TRICKS:
        if asked.only in trick.name:
            quotients = measure(trick, passed, asked.rounds)
            low, high = min(quotients), max(quotients)
            middle = statistics.median(quotients)
            rows.append((trick.name, f"{middle:.3f}x", f"{low:.3f}x to {high:.3f}x"))
            print(*rows[-1], file=sys.stderr, flush=True)
    print(format_table(("trick", "gain", "rounds"), rows))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
