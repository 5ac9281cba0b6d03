"""Another implementation as a program: called once per instance, file in, file out."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from fastcar.conformance.comparison import Outcome, Verdict, compare
from fastcar.conformance.kit import Question
from fastcar.conformance.kit_files import get_file_name, read_arrays, write_inputs
from fastcar.reference.errors import ArgumentError, CheckpointError

INPUT, OUTPUT = "{input}", "{output}"
"""Replaced in the words of a command by two paths."""
ANSWERS_NOTHING = 3
"""Exit status of a program that does not know a case."""

Program = Sequence[str]


def check_command(command: Program) -> None:
    """Refuse a command that is told of no input or no output.

    Raises:
        ArgumentError: names what is missing.
    """
    for word in (INPUT, OUTPUT):
        if not any(word in part for part in command):
            raise ArgumentError("command", " ".join(command), f"a program with {word} in a word")


def judge_folder(questions: Sequence[Question], folder: Path) -> list[Outcome]:
    """Compare the files of a folder; one that is not there is not answered."""
    return [
        _judge_file(question, folder / get_file_name(question.instance)) for question in questions
    ]


def judge_command(
    questions: Sequence[Question], command: Program, timeout_seconds: float
) -> Iterator[Outcome]:
    """Call a program once per instance and compare what it writes.

    Args:
        questions: what is asked.
        command: words, two of which hold `{input}` and `{output}`.
        timeout_seconds: for each call; then it is killed with all that it started.

    Raises:
        ArgumentError: the program cannot be started.
    """
    check_command(command)
    for question in questions:
        with TemporaryDirectory(prefix="fastcar-conformance-") as name:
            folder = Path(name)
            source, target = folder / "input.npz", folder / "output.npz"
            write_inputs(question.instance, source)
            paths = {INPUT: str(source), OUTPUT: str(target)}
            words = [_replace(part, paths) for part in command]
            reason = _call(words, folder / "stderr", timeout_seconds)
            label = question.instance.label
            if reason == "":
                yield _judge_file(question, target, "the program wrote no answers")
            elif reason is None:
                yield Outcome(label, Verdict.NOT_ANSWERED, "the program does not know it")
            else:
                yield Outcome(label, Verdict.FAILED, reason)


def _replace(part: str, paths: dict[str, str]) -> str:
    for word, path in paths.items():
        part = part.replace(word, path)
    return part


def _call(words: list[str], log: Path, timeout_seconds: float) -> str | None:
    """Why a call failed, '' where it did not, None where the program does not know the case."""
    with log.open("wb") as stderr, _start(words, stderr) as process:
        try:
            status = process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            return f"the program ran for more than {timeout_seconds:g} s"
    if status == ANSWERS_NOTHING:
        return None
    if status == 0:
        return ""
    lines = log.read_bytes()[-2000:].decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    text = f"the program ended with status {status}" + (f": {last[:160]}" if last else "")
    return text if text.isprintable() else ascii(text)


@contextmanager
def _start(words: list[str], stderr: object) -> Iterator[subprocess.Popen[bytes]]:
    """A process in a group of its own, of which nothing is left at the end."""
    try:
        process = subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,  # type: ignore[call-overload]
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        limit = f"a program that can be started; {reason.lower()}"
        raise ArgumentError("command", words[0], limit) from error
    try:
        yield process
    finally:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _judge_file(question: Question, path: Path, absent: str = "no such file") -> Outcome:
    label = question.instance.label
    if not path.exists():
        verdict = Verdict.NOT_ANSWERED if absent == "no such file" else Verdict.FAILED
        return Outcome(label, verdict, absent)
    try:
        answers = read_arrays(path)
    except CheckpointError as error:
        found = f"{error.place.removeprefix(str(path)).lstrip(': ')} {error.found}".strip()
        return Outcome(label, Verdict.FAILED, f"found {found}: must be {error.limit}")
    return compare(question, answers)
