"""How to repeat a run: its command, what it was asked for, versions and digests."""

from __future__ import annotations

from html import escape

from fastcar.html_report.chart import Panel, make_panel
from fastcar.html_report.elements import format_command, make_details, make_pairs, make_paragraphs
from fastcar.html_report.runs.run import Origin


def make_configuration_panel(origin: Origin, key: str) -> Panel:
    """Command, configuration, versions and digests of a run.

    Args:
        origin: of the run.
        key: of the panel.
    """
    if origin.command is None:
        command = make_paragraphs(["The report names no command: Python called, or it is older."])
    else:
        text = escape(format_command(origin.command))
        command = (
            '<p>This command repeats it:</p><pre class="scrolled" tabindex="0" role="group" '
            f'aria-label="command"><code>{text}</code></pre>'
        )
    parts = [
        make_details("Configuration", make_pairs(origin.settings)),
        make_details("Versions and machine", make_pairs(origin.software)),
        make_details("Digests (SHA-256)", make_pairs(origin.digests)),
    ]
    path = make_paragraphs([f"Read from {origin.path}"], "missing")
    return make_panel(key, "Repeat it", command, *parts, path)
