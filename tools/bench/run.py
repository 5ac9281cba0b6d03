"""The stages of `make bench`, each a part of the results that can be kept and taken up again."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fastcar.reference.files.checkpoint import save_checkpoint
from fastcar.reference.weights import make_random_weights
from tools.bench.cells import measure_cell, measure_rows
from tools.bench.gguf import write_gguf
from tools.bench.large import measure_large
from tools.bench.machine import describe_machine
from tools.bench.memory import get_free_bytes
from tools.bench.parts import keep_stage, report
from tools.bench.plan import ENGINES, OWN, PEERS, Geometry, Plan
from tools.bench.same_model import CHECK_IDS, check_same_model
from tools.bench.shipped.measure import measure_shipped
from tools.bench.shipped.plan import ShippedPlan
from tools.bench.start import measure_start
from tools.bench.stats import summarise_cell
from tools.bench.video import VideoPlan, measure_growth, measure_videos
from tools.bench.worker import Worker, WorkerError

Results = dict[str, Any]

SHIPPED = "shipped"
GGUF_NAME = "model-f16.gguf"
OTHER_STAGES = ("products", "videos", "growth", "start", "quantizing", "large")
"""Stages whose results stand in the whole as they are."""
LARGE_ROOM = 1.25
"""Free memory and disk that the large model needs, as a multiple of its files."""


@dataclass(frozen=True)
class BenchSettings:
    """What `make bench` was asked for.

    Attributes:
        plan: of the random models.
        video_plan: of the shipped model.
        shipped_plan: of the shipped model beside an earlier engine, with every gate.
        large_geometry: of the model that is decoded from a memory map.
        start_rounds: starts of `fastcar generate`.
        threads: of every contender.
        peers: interpreter that has the peers' libraries.
        folder: where models are written and removed again.
        parts: where finished stages are kept.
    """

    plan: Plan
    video_plan: VideoPlan
    shipped_plan: ShippedPlan
    large_geometry: Geometry
    start_rounds: int
    threads: int
    peers: str
    folder: Path
    parts: Path


def run_stages(settings: BenchSettings) -> Results:
    """Run every stage that is not kept yet, and put all together."""
    results: Results = {}

    def keep(name: str, stage: Callable[..., Any], *arguments: Any) -> Any:
        results[name] = keep_stage(settings.parts, name, partial(stage, *arguments))
        return results[name]

    plan, video_plan, threads = settings.plan, settings.video_plan, settings.threads
    keep("machine", describe_machine)
    peers = keep("peers", find_peers, settings)
    present = [kind for kind, peer in peers.items() if peer["present"]]
    for geometry in plan.geometries:
        keep(f"geometry {geometry.name}", measure_geometry, settings, geometry, present)
    keep("products", measure_products, plan, threads)
    keep("videos", measure_videos, video_plan, threads)
    keep("growth", measure_growth, video_plan, threads)
    keep("start", measure_start, settings.start_rounds)
    keep("quantizing", measure_quantizing, settings)
    keep("large", measure_large_model, settings)
    results[SHIPPED] = keep_shipped(settings)
    return {
        "machine": results["machine"] | {"threads": threads},
        "peers": results["peers"],
        "geometries": [results[f"geometry {geometry.name}"] for geometry in plan.geometries],
        **{name: results[name] for name in (*OTHER_STAGES, SHIPPED)},
    }


def keep_shipped(settings: BenchSettings) -> Results:
    """The stage of the shipped model beside an earlier engine, which stays beside the parts."""
    kept = settings.parts.parent
    arguments = settings.shipped_plan, settings.peers, settings.folder, kept
    result: Results = keep_stage(settings.parts, SHIPPED, partial(measure_shipped, *arguments))
    return result


def find_peers(settings: BenchSettings) -> Results:
    """Version of each peer, or why it cannot play: asked of the interpreter that is to have it."""
    found: Results = {}
    for kind in PEERS:
        with Worker(kind, settings.peers, settings.threads) as worker:
            try:
                found[kind] = {"present": True, **worker.ask("describe")}
            except WorkerError as error:
                found[kind] = {"present": False, "reason": str(error)}
    return found


def measure_geometry(settings: BenchSettings, geometry: Geometry, peers: Sequence[str]) -> Results:
    """One random model: are all contenders the same model, cost by rows, every cell."""
    plan = settings.plan
    config = geometry.make_config(plan.max_tokens)
    with _make_folder(settings.folder) as folder, ExitStack() as stack:
        weights = make_random_weights(config, np.random.default_rng(0))
        save_checkpoint(folder / "model", config, weights)
        write_gguf(folder / "model" / GGUF_NAME, config, weights)
        del weights
        workers = {OWN: stack.enter_context(Worker(OWN, threads=settings.threads))}
        for kind in peers:
            worker = Worker(kind, settings.peers, settings.threads)
            workers[kind] = stack.enter_context(worker)
        weight_bytes: dict[str, int] = {}
        for kind, worker in workers.items():
            said = worker.ask("open", str(folder / "model"))["weight_bytes"]
            weight_bytes |= said if kind == OWN else {kind: leave_out_embedding(said, geometry)}
        differences = compare_logits(workers)
        costs = measure_rows(workers[OWN], plan)
        medians = {
            name: {int(rows): 1e3 * float(np.median(times)) for rows, times in by_rows.items()}
            for name, by_rows in costs.items()
        }
        cells = []
        for batch in plan.batches:
            for context in plan.contexts:
                free_bytes = get_free_bytes()
                cell = measure_cell(workers, plan, geometry, batch, context, free_bytes)
                cells.append(summarise_cell(cell, weight_bytes, medians))
                report(f"{geometry.name}: batch {batch}, context {context} done")
    return {
        "geometry": asdict(geometry),
        "weight_bytes": weight_bytes,
        "logit_differences": differences,
        "row_milliseconds": {
            name: {str(rows): time for rows, time in by_rows.items()}
            for name, by_rows in medians.items()
        },
        "cells": cells,
    }


def leave_out_embedding(num_bytes: int, geometry: Geometry) -> int:
    """Bytes of a peer's weights that a step touches: all but the table of embeddings."""
    table = geometry.vocab_size * geometry.width
    return round(num_bytes * (1 - table / (count_weights(geometry) + table)))


def count_weights(geometry: Geometry) -> int:
    """Numbers in the matrices of all layers and of the head."""
    layer = 4 * geometry.width**2 + 3 * geometry.width * geometry.intermediate
    return geometry.layers * layer + geometry.vocab_size * geometry.width


def compare_logits(workers: dict[str, Worker]) -> dict[str, float]:
    """Relative distance of each contender's logits from those of the NumPy reference.

    Raises:
        WorkerError: one is too far off to be the same model.
    """
    ids = list(CHECK_IDS)
    places = [(OWN, name) for name in ENGINES] + [(kind, kind) for kind in workers if kind != OWN]
    logits = {
        name: np.array(workers[kind].ask("read_logits", name, ids)["logits"])
        for kind, name in places
    }
    return check_same_model(logits, ENGINES[0])


def measure_products(plan: Plan, threads: int) -> Results:
    """Ways to multiply with NumPy, at the first geometry."""
    with Worker("products", threads=threads) as worker:
        result: Results = worker.ask("measure", asdict(plan.geometries[0]), plan.row_rounds)
    return result


def measure_quantizing(settings: BenchSettings) -> Results:
    """Memory and time to quantise the first geometry, all in one shard."""
    geometry = settings.plan.geometries[0]
    config = geometry.make_config(settings.plan.max_tokens)
    with _make_folder(settings.folder) as folder, Worker("large") as worker:
        weights = make_random_weights(config, np.random.default_rng(0))
        save_checkpoint(folder / "float", config, weights)
        result: Results = worker.ask("quantize", str(folder / "float"), str(folder / "int8"))
    return result


def measure_large_model(settings: BenchSettings) -> Results:
    """The large model, if memory and disk suffice."""
    geometry = settings.large_geometry
    needed = int(LARGE_ROOM * estimate_bytes(geometry))
    for what, free_bytes in (
        ("memory", get_free_bytes()),
        ("disk", shutil.disk_usage(settings.folder).free),
    ):
        if free_bytes < needed:
            reason = f"{free_bytes / 1e9:.1f} GB of {what} free, {needed / 1e9:.1f} GB needed"
            return {"geometry": geometry.name, "skipped": reason}
    with _make_folder(settings.folder) as folder:
        return measure_large(folder, geometry, settings.threads)


def estimate_bytes(geometry: Geometry) -> int:
    """Files of an int8 model: embedding float32, all other matrices int8."""
    return count_weights(geometry) + 4 * geometry.vocab_size * geometry.width


@contextmanager
def _make_folder(room: Path) -> Iterator[Path]:
    with TemporaryDirectory(prefix="fastcar-bench-", dir=room) as folder:
        yield Path(folder)
