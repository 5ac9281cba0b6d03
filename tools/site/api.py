"""Pages of the public names, from the source text: a page for every package (D-70).

The source is parsed, not imported: what is public is what has a docstring and no leading
underscore, and `ruff` refuses a public name without one.
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from pathlib import Path

from tools.site.docstrings import format_docstring
from tools.site.names import qualify_signatures
from tools.site.stage import list_modules

_TYPE = re.compile(r"[A-Z]\w*[a-z]")
"""Name of a type, which is not that of a constant."""

_PROPERTIES = ("property", "cached_property")

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def make_api_pages(root: Path) -> dict[str, str]:
    """Text of every page of public names by its path in the site, the index among them."""
    packages: dict[str, dict[str, Path]] = defaultdict(dict)
    for module, path in list_modules(root):
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        packages[package][module] = path
    pages = {f"api/{name}.md": _make_package(name, files) for name, files in packages.items()}
    return {"api/index.md": _make_index(sorted(packages)), **pages}


def _make_index(packages: list[str]) -> str:
    lines = "\n".join(packages)
    return (
        "# Python names\n\nEvery public name, package by package, from the docstrings, whose "
        "examples `make doctest` runs. What users call stands in `fastcar` and `fastcar.api`.\n\n"
        f"```{{toctree}}\n:maxdepth: 1\n\n{lines}\n```\n"
    )


def _make_package(package: str, files: Mapping[str, Path]) -> str:
    parts = [f"# {package}"]
    for module, path in sorted(files.items()):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        qualify_signatures(tree, module)
        if module != package:
            parts.append(f"## {module.rpartition('.')[2]}")
        parts.append(f"```{{py:module}} {module}\n```")
        parts.append(format_docstring(ast.get_docstring(tree) or ""))
        parts += _list_names(tree)
    return "\n\n".join(part for part in parts if part) + "\n"


def _list_names(tree: ast.Module) -> Iterator[str]:
    """Directives of the public names of a module, in its order."""
    for node, following in zip_longest(tree.body, tree.body[1:]):
        if isinstance(node, Definition) and not node.name.startswith("_"):
            yield _describe(node, 1)
        elif name := _get_constant(node):
            text = _get_text(following)
            if text:
                yield _direct("data", name, format_docstring(text), 1)
            elif isinstance(node, ast.Assign) and _TYPE.match(name):
                yield _direct("data", name, f"`{ast.unparse(node.value)}`", 1)


def _get_constant(node: ast.stmt) -> str | None:
    """Name of a public constant that a statement assigns."""
    target: ast.expr | None = None
    if isinstance(node, ast.AnnAssign):
        target = node.target
    elif isinstance(node, ast.Assign) and len(node.targets) == 1:
        target = node.targets[0]
    if isinstance(target, ast.Name) and not target.id.startswith("_"):
        return target.id
    return None


def _get_text(node: ast.stmt | None) -> str | None:
    """The docstring that a statement is."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return node.value.value if isinstance(node.value.value, str) else None
    return None


def _describe(node: Definition, level: int) -> str:
    """Directive of a function, or of a class with its methods."""
    text = format_docstring(ast.get_docstring(node) or "")
    if not isinstance(node, ast.ClassDef):
        kind = "function" if level == 1 else "method"
        if any(ast.unparse(one) in _PROPERTIES for one in node.decorator_list):
            return _direct("property", node.name, text, level)
        return _direct(kind, _sign(node, is_method=level > 1), text, level)
    members = [
        _describe(one, level + 1)
        for one in node.body
        if isinstance(one, ast.FunctionDef)
        if not one.name.startswith("_") and ast.get_docstring(one)
    ]
    if any(ast.unparse(base).endswith("Enum") for base in node.bases):
        members = [_list_members(node), *members]
    return _direct("class", node.name, "\n\n".join([text, *members]), level)


def _list_members(node: ast.ClassDef) -> str:
    """Members of an enumeration with their values, and what their docstrings say."""
    lines = []
    for one, following in zip_longest(node.body, node.body[1:]):
        name = _get_constant(one)
        if name is not None and isinstance(one, ast.Assign):
            text = _get_text(following)
            meaning = f": {' '.join(text.split())}" if text else ""
            lines.append(f"- `{name}` = `{ast.unparse(one.value)}`{meaning}")
    return "\n".join(lines)


def _sign(node: ast.FunctionDef | ast.AsyncFunctionDef, is_method: bool) -> str:
    """Name, parameters and result of a function on one line."""
    arguments = node.args
    if is_method and not any(ast.unparse(one) == "staticmethod" for one in node.decorator_list):
        own = arguments.posonlyargs or arguments.args
        del own[0]
    result = "" if node.returns is None else f" -> {ast.unparse(node.returns)}"
    return f"{node.name}({ast.unparse(arguments)}){result}"


def _direct(kind: str, signature: str, body: str, level: int) -> str:
    """A directive of the Python domain; an outer one has a longer fence."""
    fence = ":" * (6 - level)
    return f"{fence}{{py:{kind}}} {signature}\n\n{body}\n{fence}"
