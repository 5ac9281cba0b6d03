"""Section of docs/signoff.md on the formal proofs, from docs/signoff_formal.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.markdown import fill_paragraphs, format_table

HEADER = (
    "task",
    "configuration",
    "method, cycles",
    "solver",
    "result",
    "assertions",
    "assumptions",
    "covers",
    "seconds",
)
NOT_PROVEN = (
    "That memory and datapath end every instruction: the proof of progress assumes it, within any "
    "number of cycles of 32 bits. The cycle model, which the simulated hardware equals cycle by "
    "cycle, says how long each one takes.",
    "That no single core starves: something progresses, but among cores that retire slots in the "
    "same cycle the one with the lowest number comes first.",
    "That every slot is decided once: cores are free in the proofs of the control, and the proof "
    "of the score unit assumes it. An assertion of the hardware watches it in simulation.",
    "Other sizes than those of the table: C and B of 1 to 32 are allowed, and other depths of the "
    "queue.",
    "Of the datapath: MAC array, accumulation of distances, buffers, which factor comes to the "
    "product of SiLU and when, and when the norm is ready; tests only.",
    "That the accelerator gives its units the environment that their proofs assume (a channel is "
    "started when it is idle, at most 65,535 beats are open), and rule 3 of the memory channels.",
    "That partial products add up to the product: this is the law of distribution, and no solver "
    "is asked.",
    "Reset beyond its bound, and words of buffers and sums, which no reset clears.",
)
"""What the proofs leave open."""


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
        *format_table(HEADER, [_list_cells(task) for task in tasks]).split("\n"),
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
        "from outside, and lets yosys-smtbmc decide. Nothing is added to the design; the "
        "assertions that it carries for simulators are not used. Registers start with any value "
        "before reset. *Proved* holds for all runs of any length, *bounded* for all runs of the "
        "stated number of cycles; where these are called complete, no longer run says more. "
        "Assertions that only carry an induction count as well; a planted bug has to break "
        "another one. Assumptions are about the environment of a unit or about registers that are "
        "cut; each task with assumptions has covers, which were reached."
    )
    yield ""
    yield (
        f"{len(tasks)} tasks, {total['assertions']} assertions, {total['assumptions']} "
        f"assumptions, {total['covers']} covers: as many reached the solver as stand in the "
        f"checkers; {data['seconds']} seconds. Tools: {versions}."
    )


def _format_claims(tasks: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Each claim once, with the tasks' common name and the argument."""
    seen: dict[tuple[str, str], str] = {}
    for task in tasks:
        unit = " ".join(word for word in task["name"].split(" ") if "=" not in word)
        seen.setdefault((task["claim"], task["argument"]), unit)
    for (claim, argument), unit in seen.items():
        yield f"- **{unit}**: {claim}." + (f" Why it suffices: {argument}." if argument else "")


def _list_cells(task: Mapping[str, Any]) -> list[str]:
    cells = [task["name"], task["configuration"], f"{task['method']}, {task['depth_cycles']}"]
    cells += [
        task["solver"],
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
