"""Tables and claims of docs/signoff.md on the formal proofs, from docs/signoff_formal.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tools.markdown import fill_paragraphs, format_table
from tools.page import Claim

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


def make_tables(data: Mapping[str, Any]) -> dict[str, str]:
    """Blocks of the section.

    Args:
        data: what `tools.formal` wrote.
    """
    tasks = data["tasks"]
    bugs = [
        [bug["name"], task["name"], ", ".join(bug["caught_by"]) or "**survived**"]
        for task in tasks
        for bug in task["bugs"]
    ]
    return {
        "proofs": fill_paragraphs("\n".join(_format_claims(tasks))).strip(),
        "tasks": format_table(HEADER, [_list_cells(task) for task in tasks]),
        "planted bugs": format_table(["bug", "task", "broken assertions"], bugs),
        "counterexample": _format_example(tasks),
    }


def make_claims(data: Mapping[str, Any]) -> Iterator[Claim]:
    """What the prose says about the numbers."""
    tasks = data["tasks"]
    total = {
        kind: sum(task[kind] for task in tasks) for kind in ("assertions", "assumptions", "covers")
    }
    yield Claim(
        f"{len(tasks)} tasks, {total['assertions']} assertions, {total['assumptions']} "
        f"assumptions, {total['covers']} covers: as many reached the solver as stand in the "
        f"checkers; {data['seconds']} seconds."
    )
    for task in tasks:
        yield from (Claim(f"{task['name']}: {complaint}") for complaint in task["complaints"])
    yield Claim(f"Tools: {', '.join(str(version) for version in data['versions'].values())}.")
    yield Claim(
        "each task with assumptions has covers, which were reached.",
        all(task["covers"] for task in tasks if task["assumptions"]),
    )
    bugs = [bug for task in tasks for bug in task["bugs"]]
    num_caught = sum(bool(bug["caught_by"]) for bug in bugs)
    yield Claim(
        f"{num_caught} of {len(bugs)} bugs, planted in the builders, are refuted:",
        num_caught == len(bugs),
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


def _format_example(tasks: Sequence[Mapping[str, Any]]) -> str:
    """The first counterexample that there is."""
    task, bug = next((task, bug) for task in tasks for bug in task["bugs"] if bug["table"])
    return (
        f"For one, *{bug['name']}* ({task['name']}), values hexadecimal:\n\n"
        f"```text\n{bug['table']}\n```"
    )
