"""Digests of what code does, by its syntax: a comment or a docstring does not count, a constant does."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def code_digest(modules: tuple[str, ...], root: Path = ROOT) -> str:
    """Return the sha256 of what ``modules``, and all modules of packages among them, do: their syntax trees, by name.

    Comments, docstrings, layout and the folder of the code do not count. ``root`` is the folder of the packages.
    """
    digest = hashlib.sha256()
    for name, file in sorted(_files(modules, root)):
        digest.update("\0".join([name, *_canonical(ast.parse(file.read_bytes()), [])]).encode())
    return digest.hexdigest()


def _files(modules: Iterable[str], root: Path) -> Iterator[tuple[str, Path]]:
    for module in modules:
        place = root.joinpath(*module.split("."))
        files = place.rglob("*.py") if place.is_dir() else [place.with_suffix(".py")]
        yield from ((".".join(file.relative_to(root).with_suffix("").parts), file) for file in files)


def _canonical(node: Any, out: list[str]) -> list[str]:
    """``out`` with the tree as texts. ``ast.dump`` would do, but what it leaves out differs between Pythons."""
    if isinstance(node, ast.AST):
        out.append(type(node).__name__)
        for name in node._fields:
            value = getattr(node, name, None)
            if value is None or value == []:
                continue
            if name == "body" and isinstance(node, DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
                value = value[1:]
            out.append(name)
            _canonical(value, out)
    elif isinstance(node, list):
        out.append(str(len(node)))
        for each in node:
            _canonical(each, out)
    else:
        out.append(repr(node))
    return out
