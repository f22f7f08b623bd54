"""Small changes of a module, one at a time: what tests of its promises should notice."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.BitOr: ast.BitAnd,
    ast.BitAnd: ast.BitOr,
}
# Not changed: types, and words for people, which have tests of their own.
SKIPPED = {"annotation", "returns", "decorator_list", "type_params"}


class Mutant(NamedTuple):
    """One change: its line, that of its statement, which as it was and as it is now, and the module's text with it."""

    line: int
    start: int
    before: str
    after: str
    text: str

    @property
    def name(self) -> str:
        """The change in one line."""
        return f"{_first(self.before)} -> {_first(self.after)}"


def mutants(source: str) -> list[Mutant]:
    """Every change of ``source``, a module."""
    tree = ast.parse(source)
    out = []
    for path in _sites(tree, ()):
        for number in range(len(list(_changes(_at(tree, path))))):
            changed = copy.deepcopy(tree)
            node = _at(changed, path)
            *above, (field, index) = path
            new = list(_changes(node))[number]
            _put(_at(changed, tuple(above)), field, index, new)
            before, after = _statement(tree, path), _statement(changed, path)
            texts = [ast.unparse(part) for part in (before, after, changed)]
            out.append(Mutant(node.lineno, before.lineno, *texts))
    return out


Step = tuple[str, int | None]


def _sites(node: ast.AST, path: tuple[Step, ...]) -> Iterator[tuple[Step, ...]]:
    if isinstance(node, (ast.stmt, ast.expr)) and path:
        yield path
    if _is_for_people(node):
        return
    for field, value in ast.iter_fields(node):
        if field in SKIPPED:
            continue
        for index, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if isinstance(child, ast.AST):
                yield from _sites(child, (*path, (field, index)))


def _is_for_people(node: ast.AST) -> bool:
    """Docstrings, errors, log messages, and what only the type checker reads."""
    if isinstance(node, ast.Expr):
        call = node.value
        return isinstance(call, ast.Constant) or (isinstance(call, ast.Call) and ast.unparse(call.func)[:4] == "log.")
    checking = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    error = isinstance(node, ast.Call) and ast.unparse(node.func).endswith(("Error", "Finding"))
    return checking or error or isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom))


def _changes(node: Any) -> Iterator[ast.AST]:
    match node:
        case ast.Compare(ops=[op]):
            yield ast.Compare(node.left, [COMPARISONS[type(op)]()], node.comparators)
        case ast.BoolOp(op=ast.And()):
            yield ast.BoolOp(ast.Or(), node.values)
        case ast.BoolOp(op=ast.Or()):
            yield ast.BoolOp(ast.And(), node.values)
        case ast.UnaryOp(op=ast.Not()):
            yield node.operand
        case ast.BinOp(op=op) if type(op) in OPERATORS:
            yield ast.BinOp(node.left, OPERATORS[type(op)](), node.right)
        case ast.AugAssign(op=op) if type(op) in OPERATORS:
            yield ast.AugAssign(node.target, OPERATORS[type(op)](), node.value)
        case ast.Constant(value=bool()):
            yield ast.Constant(not node.value)
        case ast.Constant(value=int()):
            yield ast.Constant(node.value + 1)
        case ast.Constant(value=str()) if node.value:
            yield ast.Constant(f"{node.value}!")
        case ast.IfExp() if not _turns_itself(node.test):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.If() if not (_is_for_people(node) or _turns_itself(node.test)):
            yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.body, node.orelse)
        case ast.Return(value=ast.expr()) if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Raise():
            yield ast.Pass()
        case ast.Expr(value=ast.Call()) if not _is_for_people(node):
            yield ast.Pass()
        case ast.Break():
            yield ast.Continue()
        case ast.Continue():
            yield ast.Break()


def _turns_itself(test: ast.expr) -> bool:
    """Whether the change of the test is the change of the ``if``."""
    return isinstance(test, (ast.Compare, ast.UnaryOp))


def _at(node: Any, path: tuple[Step, ...]) -> Any:
    for field, index in path:
        value = getattr(node, field)
        node = value if index is None else value[index]
    return node


def _put(parent: Any, field: str, index: int | None, new: ast.AST) -> None:
    if index is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[index] = new
    ast.fix_missing_locations(new)


def _statement(tree: ast.AST, path: tuple[Step, ...]) -> Any:
    """The innermost statement of a site."""
    nodes = [_at(tree, path[:depth]) for depth in range(1, len(path) + 1)]
    return next(node for node in reversed(nodes) if isinstance(node, ast.stmt))


def _first(text: str) -> str:
    return text.partition("\n")[0]
