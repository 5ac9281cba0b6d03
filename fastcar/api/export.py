"""`fastcar.export`: the accelerator as Verilog."""

from __future__ import annotations

from pathlib import Path

from fastcar.api.types import PathLike, Report, load_clips, make
from fastcar.cosim.export.export import make_package
from fastcar.cosim.export.request import ExportRequest
from fastcar.cosim.whole.scope import Scope
from fastcar.exporting import write_package
from fastcar.folder_output import check_writable_directory
from fastcar.reference.arguments import check_argument
from fastcar.reference.integer.mlp_engine import DecisionSource
from fastcar.reference.video.model import SHIPPED_MODEL


def export(
    out: PathLike,
    checkpoint: PathLike | None = None,
    *,
    tokens: PathLike | None = None,
    tokens_per_frame: int | None = None,
    preset: str | None = None,
    cores: int | None = None,
    lanes: int | None = None,
    batch: int | None = None,
    source: str | DecisionSource = ExportRequest.source,
    slots: int | None = None,
    layer: int | None = ExportRequest.layer_index,
    latency: int = ExportRequest.latency_cycles,
    seed: int = ExportRequest.seed,
    queue_depth: int | None = None,
    hidden_size: int | None = None,
    intermediate_size: int | None = None,
    query_size: int | None = None,
    scope: str | Scope | None = None,
    max_blocks: int | None = None,
    module: str = ExportRequest.module_name,
    force: bool = False,
) -> Report:
    """Write the accelerator as Verilog, with a self-checking testbench that runs tokens.

    Args:
        out: directory for the files, made where it does not exist; it appears whole.
        checkpoint: model whose tokens the testbench runs, a video model, or with `tokens` any
            Hugging Face Llama directory; None = the shipped one, or random tokens where a preset
            has other sizes.
        tokens: .npz file with integer arrays prompt_ids [B, P], forced_ids [B, S].
        tokens_per_frame: N of the file; given together with `tokens`.
        preset: sizes of the accelerator, "tiny" or "demo", or "tiny-decoder" or "demo-decoder", the
            same with an attention phase; None = demo for the shipped model, else those of the
            checkpoint.
        cores: C, without a preset, 1 to 32; None = 2.
        lanes: L, multipliers of a core, without a preset, a power of two from 4 on; None = 16,
            fewer for a smaller model.
        batch: B, slots, without a preset, 1 to 32; None = as `slots`.
        source: what decides, "score" or "distance".
        slots: slots of the testbench; None = 4, fewer where there are fewer.
        layer: which the testbench runs, from 0 on; None = 0. Left out with a preset that has an
            attention phase, whose testbench runs two tokens in all layers.
        latency: of the testbench's memory, 1 to 1000 cycles.
        seed: of the random model, 0 to 2**63 - 1.
        queue_depth: instructions that a core queues, without a preset, a power of two from 2 to
            4,096; None = 32.
        hidden_size: D, without preset and model, whose tokens are then random; given together with
            the next two.
        intermediate_size: F.
        query_size: Q, width of all query heads, a multiple of 4.
        scope: what the accelerator computes, without a preset: "mlp", or "decoder", everything from
            token to token; None = "mlp".
        max_blocks: blocks of L keys that a token may see, with scope "decoder"; None = as many as
            hold all tokens of a row.
        module: name of the Verilog module, and of the files that hold it: letters, digits and
            single underscores, at least one, up to 64 characters.
        force: write beside files that are not ours, which stay (D-38).

    Returns:
        What was written, JSON values: `out`, `preset`, `module`, `accelerator`, what is `recorded`,
        its `instructions` and `cycles`, the number of `assertions`, and `files`, bytes by name.

    Raises:
        ArgumentError: an argument of the wrong type or outside its limits, sizes that there are
            not.
        CheckpointError: a file that cannot be used.
        OutputError: `out` cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = export(folder, preset="tiny", slots=2)
    >>> report["accelerator"]["num_cores"], "fastcar_accelerator.v" in report["files"]
    (2, True)
    """
    request = make(
        ExportRequest,
        preset=preset,
        cores=cores,
        lanes=lanes,
        batch=batch,
        source=source,
        num_slots=slots,
        layer_index=layer,
        latency_cycles=latency,
        seed=seed,
        queue_depth=queue_depth,
        hidden_size=hidden_size,
        intermediate_size=intermediate_size,
        query_size=query_size,
        scope=scope,
        max_blocks=max_blocks,
        module_name=module,
    )
    directory = Path(check_argument("out", out, PathLike))
    is_forced = check_argument("force", force, bool)
    check_writable_directory(directory, is_forced)
    model = None
    if any(one is not None for one in (checkpoint, tokens, tokens_per_frame)):
        model = load_clips(
            SHIPPED_MODEL if checkpoint is None else checkpoint, tokens, tokens_per_frame
        )
    return write_package(make_package(request, model), directory, is_forced)
