"""Digests of what code does, by its syntax: a comment or a docstring does not count, a constant does."""

from __future__ import annotations

import ast
import hashlib
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from smcloud.config.cache_folder import cache_folder, folder_for, keep, read_kept

ROOT = Path(__file__).parents[2]
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


@cache
def code_digest(modules: tuple[str, ...], root: Path = ROOT) -> str:
    """Return the sha256 of what ``modules``, and all modules of packages among them, do: their syntax trees, by name.

    Comments, docstrings, layout and the folder of the code do not count. ``root`` is the folder of the packages.
    Parsing takes a third of a second, so the digest is kept under that of the files as they are.
    """
    texts = [(name, file.read_bytes()) for name, file in sorted(_files(modules, root))]
    folder = folder_for(cache_folder() / "code")
    kept = None if folder is None else folder / _plain_digest(texts)
    found = None if kept is None else read_kept(kept)
    if found is not None:
        return found.decode()
    digest = hashlib.sha256()
    for name, text in texts:
        digest.update("\0".join([name, *_canonical(ast.parse(text), [])]).encode())
    if kept is not None:
        keep(kept, digest.hexdigest().encode())
    return digest.hexdigest()


def _plain_digest(texts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256(f"{sys.version_info[:2]}".encode() + Path(__file__).read_bytes())
    for name, text in texts:
        digest.update(f"\0{name}\0{len(text)}\0".encode() + text)
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
