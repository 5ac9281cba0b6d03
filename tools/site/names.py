"""Full names of what annotations mention, so that a signature links to the one that is meant."""

from __future__ import annotations

import ast
from collections.abc import Mapping

_PLAIN = ("collections.abc", "typing", "numpy.typing")
"""Modules whose names no type of ours has."""


def get_full_names(tree: ast.Module, module: str) -> dict[str, str]:
    r"""Full name of every type that a module defines or imports.

    >>> tree = ast.parse("from fastcar.rtl.config import TINY as T\nclass Own:\n    pass")
    >>> get_full_names(tree, "fastcar.rtl.core")
    {'T': 'fastcar.rtl.config.TINY', 'Own': 'fastcar.rtl.core.Own'}
    """
    names: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module not in _PLAIN:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    for node in tree.body:
        own = [node.name] if isinstance(node, ast.ClassDef) else []
        if isinstance(node, ast.Assign):
            own = [target.id for target in node.targets if isinstance(target, ast.Name)]
        names |= {name: f"{module}.{name}" for name in own}
    return names


class _Qualifier(ast.NodeTransformer):
    """Puts full names into annotations."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Name(self, node: ast.Name) -> ast.expr:
        """A name that is known becomes the full one."""
        full = self._names.get(node.id)
        return node if full is None else ast.parse(full, mode="eval").body


def qualify_signatures(tree: ast.Module, module: str) -> None:
    """Change the annotations of all functions of a module in place."""
    qualifier = _Qualifier(get_full_names(tree, module))
    for node in ast.walk(tree):
        if isinstance(node, ast.arg) and node.annotation is not None:
            node.annotation = qualifier.visit(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns is not None:
            node.returns = qualifier.visit(node.returns)
