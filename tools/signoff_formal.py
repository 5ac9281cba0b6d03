"""Section of docs/signoff.md on the formal proofs, from docs/signoff_formal.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.markdown import fill_paragraphs, format_table

NOT_PROVEN = (
    "That memory and datapath end every instruction: the proof of progress assumes it. The cycle "
    "model, which the simulated hardware equals cycle by cycle, says how long each one takes.",
    "That no single core starves: something progresses, but among cores that retire slots in the "
    "same cycle the one with the lowest number comes first.",
    "Other sizes than those of the table: C and B of 1 to 32 are allowed.",
)
"""What the proofs of the control leave open."""


def format_section(data: Mapping[str, Any]) -> list[str]:
    """Lines of Markdown.

    Args:
        data: what `tools.formal` wrote.
    """
    tasks = data["tasks"]
    lines = [
        "## Formal proofs",
        "",
        *_format_introduction(data),
        "",
        *_format_claims(tasks),
        "",
        *format_table(
            [
                "task",
                "configuration",
                "method",
                "result",
                "assertions",
                "assumptions",
                "covers",
                "seconds",
            ],
            [_list_cells(task) for task in tasks],
        ).split("\n"),
        "",
        "### Planted bugs",
        "",
        *_format_bugs(tasks),
        "",
        *_format_example(tasks),
        "### Not proven",
        "",
        *(f"- {line}" for line in NOT_PROVEN),
        *(f"- {task['name']}: {complaint}" for task in tasks for complaint in task["complaints"]),
    ]
    return fill_paragraphs("\n".join(lines)).splitlines()


def _format_introduction(data: Mapping[str, Any]) -> Iterator[str]:
    tasks = data["tasks"]
    total = {
        kind: sum(task[kind] for task in tasks) for kind in ("assertions", "assumptions", "covers")
    }
    versions = ", ".join(str(version) for version in data["versions"].values())
    yield (
        "`make formal` exports the Verilog, joins it with checkers in SystemVerilog that read it "
        "from outside, and lets yosys-smtbmc decide. Nothing formal stands in the design, and "
        "registers start with any value before reset. *Proved* holds for all runs of any length, "
        "*bounded* for all runs of the stated number of cycles."
    )
    yield ""
    yield (
        f"{len(tasks)} tasks, {total['assertions']} assertions, {total['assumptions']} "
        f"assumptions, {total['covers']} covers, all counted in what reached the solver; "
        f"{data['seconds']} seconds. Tools: {versions}."
    )


def _format_claims(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each claim once, with the tasks' common name and the argument."""
    seen: dict[tuple[str, str], str] = {}
    for task in tasks:
        seen.setdefault((task["claim"], task["argument"]), task["name"].split(" ")[0])
    for (claim, argument), unit in seen.items():
        yield f"- **{unit}**: {claim}." + (f" Why it suffices: {argument}." if argument else "")


def _list_cells(task: Mapping[str, Any]) -> list[str]:
    cells = [task["name"], task["configuration"], f"{task['method']}, {task['depth_cycles']}"]
    cells += [
        task["status"],
        *(str(task[kind]) for kind in ("assertions", "assumptions", "covers")),
    ]
    return [*cells, f"{task['seconds']:.1f}"]


def _format_bugs(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    lines = [
        [bug["name"], task["name"], ", ".join(bug["caught_by"]) or "**survived**"]
        for task in tasks
        for bug in task["bugs"]
    ]
    num_caught = sum(bool(bug["caught_by"]) for task in tasks for bug in task["bugs"])
    yield f"{num_caught} of {len(lines)} bugs, planted in the builders, are refuted:"
    yield ""
    yield from format_table(["bug", "task", "broken assertions"], lines).split("\n")


def _format_example(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """The first counterexample that there is."""
    for task in tasks:
        for bug in task["bugs"]:
            if bug["table"]:
                yield f"For one, *{bug['name']}* ({task['name']}), values hexadecimal:"
                yield from ("", "```text", *bug["table"].split("\n"), "```", "")
                return
