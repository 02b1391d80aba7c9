"""The refusals of a module: each `raise`, and each verdict that holds something back, and how to disable one.

A verdict holds something back when it names a state from `HOLDING`, or adds a reason to a list of doubts.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# States, and functions that return them, in which Slipway does not act or does not claim to know.
HOLDING = set(
    """
    ANYONE BLOCKED CHANGED EXCLUDED EXPORT_LOGS FILTER_LIMIT Unread IN_USE LEFT_ALONE LOOK_ALIKE NOT_READ
    NOT_RUN NOT_SUBSCRIBED NO_EXPORT ORDINARY PENDING ROLES ROLL_BACK SHARED SKIPPED STOP UNHEALTHY UNKNOWN
    UNSUBSCRIBED UNSUPPORTED WAIT WAITING WILL_FAIL _changed_since _used changed
    """.split()
)
# Lists of reasons not to act, or of what could not be read.
DOUBTS = {
    "doubts",
    "errors",
    "failed",
    "gaps",
    "missing",
    "notes",
    "problems",
    "unproven",
    "unread",
    "violations",
}


@dataclass(frozen=True)
class Refusal:
    """One refusal: where its guarded statement is, and that statement's text.

    `function` is qualified; `at` is the position of the disabled node, as line and column.
    """

    path: str
    line: int
    function: str
    text: str
    at: tuple[int, int]

    @property
    def name(self) -> str:
        """Identifies the refusal, whatever its line."""
        return f"{self.path} {self.function}: {self.text}"


def find_refusals(path: str, root: Path = Path()) -> list[Refusal]:
    """Return the refusals of a module, in order."""
    tree = ast.parse((root / path).read_text("utf-8"))
    found = [
        Refusal(path, _body_line(node), function, _text(node), (node.lineno, node.col_offset))
        for function, node in _nodes(tree, "")
        if isinstance(node, ast.stmt | ast.expr) and _refuses(node)
    ]
    return sorted(found, key=lambda refusal: refusal.at)


def disabled(source: str, refusal: Refusal) -> ast.Module:
    """Return the module without the refusal. Its lines keep their numbers."""
    tree = ast.parse(source)
    disabler = _Disabler(refusal)
    changed = ast.fix_missing_locations(disabler.visit(tree))
    assert disabler.done, refusal
    assert isinstance(changed, ast.Module)
    return changed


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
    for child in ast.iter_child_nodes(node):
        named = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        inner = f"{function}.{child.name}".lstrip(".") if named else function  # type: ignore[attr-defined]
        if function or not named:
            yield function, child
        yield from _nodes(child, inner)


def _refuses(node: ast.AST) -> bool:
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.If):
        return not isinstance(node.body[-1], ast.Raise) and _holds(node.body[-1])
    if isinstance(node, ast.Assign | ast.AugAssign):
        target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
        return (
            _last_name(target) in DOUBTS
            and isinstance(node.value, ast.List | ast.ListComp)
            and not _is_empty(node.value)
        )
    return isinstance(node, ast.IfExp) and _names_hold(node.body) != _names_hold(node.orelse)


def _is_empty(node: ast.expr) -> bool:
    return isinstance(node, ast.List) and not node.elts


def _holds(statement: ast.stmt) -> bool:
    """Whether the last statement of a guard holds something back."""
    if isinstance(statement, ast.Return):
        return statement.value is not None and _names_hold(statement.value)
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    if isinstance(value, ast.Yield):
        return isinstance(value.value, ast.JoinedStr | ast.Constant)
    if (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in ("append", "add")
    ):
        return _last_name(value.func.value) in DOUBTS or any(map(_names_hold, value.args))
    return False


def _names_hold(node: ast.expr) -> bool:
    return any(_last_name(inner) in HOLDING or _is_refused_start(inner) for inner in ast.walk(node))


def _is_refused_start(node: ast.AST) -> bool:
    """Whether it is `StartCheck(False, …)` or `ExportProof(False, …)`."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return False
    return node.args[0].value is False and _last_name(node.func)[:1].isupper()


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _body_line(node: ast.AST) -> int:
    """Return the line that is executed only if the refusal happens."""
    if isinstance(node, ast.If):
        return node.body[-1].lineno
    assert isinstance(node, ast.Raise | ast.IfExp | ast.Assign | ast.AugAssign)
    return node.lineno


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.If):
        return f"if {ast.unparse(node.test)}"
    return " ".join(ast.unparse(node).split())


class _Disabler(ast.NodeTransformer):
    def __init__(self, refusal: Refusal) -> None:
        self.at = refusal.at
        self.done = False

    def _is_meant(self, node: ast.stmt | ast.expr) -> bool:
        meant = (node.lineno, node.col_offset) == self.at
        self.done |= meant
        return meant

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        return ast.copy_location(ast.Pass(), node) if self._is_meant(node) else node

    def visit_If(self, node: ast.If) -> ast.AST:
        if _refuses(node) and self._is_meant(node):
            node.test = ast.copy_location(ast.Constant(False), node.test)
            return node
        return self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        return self._without_doubts(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        return self._without_doubts(node)

    def _without_doubts(self, node: ast.Assign | ast.AugAssign) -> ast.AST:
        if _refuses(node) and self._is_meant(node):
            node.value = ast.copy_location(ast.List([], ast.Load()), node.value)
            return node
        return self.generic_visit(node)

    def visit_IfExp(self, node: ast.IfExp) -> ast.AST:
        if _refuses(node) and self._is_meant(node):
            return node.orelse if _names_hold(node.body) else node.body
        return self.generic_visit(node)
