"""What training.json says of the command line."""

from __future__ import annotations

import argparse
from pathlib import Path


def describe_arguments(arguments: argparse.Namespace) -> dict[str, str]:
    """Every argument as text; of a path its name alone, for where it lay is of one machine.

    >>> describe_arguments(argparse.Namespace(out=Path("/home/me/stage1"), steps=5))
    {'out': 'stage1', 'steps': '5'}
    """
    return {
        name: value.name if isinstance(value, Path) else str(value)
        for name, value in vars(arguments).items()
    }
