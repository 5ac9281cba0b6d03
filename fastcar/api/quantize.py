"""`fastcar.quantize`: a Llama directory of floats to one of int8."""

from __future__ import annotations

import shutil
from pathlib import Path

from fastcar.api.types import PathLike, Report
from fastcar.folder_output import check_writable_directory, write_directory_atomically
from fastcar.reference.arguments import check_argument
from fastcar.reference.files.config_file import load_config
from fastcar.reference.files.int8_writer import quantize_checkpoint_files
from fastcar.reference.progress import Progress
from fastcar.reference.video.companion_files import find_companions
from fastcar.reference.vila_u.config import is_vila_u
from fastcar.reference.vila_u.quantize import quantize_vila_u_files


def quantize(checkpoint: PathLike, out: PathLike, *, progress: Progress | None = None) -> Report:
    """Turn a float checkpoint into int8, a few rows at a time.

    Every projection (and an untied head) becomes int8 with one float32 scale per output row;
    embedding and norms stay float32. Memory holds a few rows, whatever the size of the model.
    The other files of a video model are copied, so every function and command takes the result;
    of a VILA-U directory the body is quantised and the other folders are copied.

    Args:
        checkpoint: Hugging Face Llama or VILA-U directory of F32, F16, BF16 or F64 weights.
        out: new or empty directory for the int8 checkpoint, or an older one; it appears whole.
        progress: called with values done, values in all.

    Returns:
        `layers` and `bytes` of what was written.

    Raises:
        ArgumentError: what is no path.
        CheckpointError: a checkpoint that cannot be used.
        OutputError: `out` holds files or cannot be written.

    >>> import tempfile
    >>> from fastcar.api.example import write_example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     quantize(write_example(folder).checkpoint, Path(folder) / "int8")["layers"]
    2
    """
    source = Path(check_argument("checkpoint", checkpoint, PathLike))
    target = Path(check_argument("out", out, PathLike))
    check_writable_directory(target)
    if is_vila_u(source):
        with write_directory_atomically(target, "quantize") as partial:
            body = quantize_vila_u_files(source, partial, progress).llm
            num_bytes = sum(path.stat().st_size for path in partial.rglob("*") if path.is_file())
        return {"layers": body.num_hidden_layers, "bytes": num_bytes}
    companions = find_companions(source, load_config(source))
    with write_directory_atomically(target, "quantize") as partial:
        config = quantize_checkpoint_files(source, partial, progress)
        for path in companions:
            shutil.copyfile(path, partial / path.name)
        num_bytes = sum(path.stat().st_size for path in partial.iterdir())
    return {"layers": config.num_hidden_layers, "bytes": num_bytes}
