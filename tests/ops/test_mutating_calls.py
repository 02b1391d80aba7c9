"""Every call that changes AWS is part of a plan. Found by static analysis."""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import botocore.session
from botocore import xform_name

ROOT = Path(__file__).parents[2]
SERVICES = (
    "athena cloudformation cloudwatch codepipeline dynamodb ec2 ecs events firehose glue iam kinesis kms "
    "lambda logs organizations rds resourcegroupstaggingapi s3 secretsmanager sns sqs ssm stepfunctions sts"
).split()
READS = re.compile(
    r"(batch_get|can|decode|describe|detect|estimate|filter|generate_presigned|get|head|list|lookup|query|scan|"
    r"search|select|simulate|test|validate|assume|start_query|stop_query)(_|$)"
)
OF_BOTO3 = {"upload_file", "upload_fileobj", "copy", "invoke"}
# Functions that change AWS without a plan, and the reason.
ALLOWED = {
    "ops.aws.logs.audit_trail.GroupAudit._put": "the audit record of a step",
    "ops.aws.logs.audit_trail.GroupAudit._create_stream": "the log group of these records",
}


@cache
def mutating() -> frozenset[str]:
    """Return the client methods that change something, by the verbs in botocore's models."""
    session = botocore.session.get_session()
    names = {xform_name(op) for each in SERVICES for op in session.get_service_model(each).operation_names}
    return frozenset({name for name in names if not READS.match(name)} | OF_BOTO3)


@dataclass
class Function:
    name: str
    calls: set[str]
    plans: bool  # creates a Step: the functions that it references run in `ops.plan.execute`
    owner: str = ""  # its class


def modules() -> dict[str, ast.Module]:
    paths = [path for folder in ("ops", "app", "pages") for path in sorted((ROOT / folder).rglob("*.py"))]
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): ast.parse(path.read_text())
        for path in paths
        if not {"embedded", "functions"} & set(path.relative_to(ROOT).parts)
    }


def imported(tree: ast.Module) -> dict[str, str]:
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


def functions(module: str, tree: ast.Module) -> Iterator[Function]:
    """Yield every function and method with all its references: a reference counts as a call."""
    known = imported(tree)
    local = {node.name: f"{module}.{node.name}" for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        inner = node.body if isinstance(node, ast.ClassDef) else [node]
        for each in inner:
            if isinstance(each, ast.FunctionDef):
                owner = f"{module}.{node.name}" if isinstance(node, ast.ClassDef) else ""
                calls = {call for part in ast.walk(each) for call in called(part, {**known, **local})}
                steps = any(isinstance(part, ast.Name) and part.id == "Step" for part in each_body(each))
                yield Function(f"{owner or module}.{each.name}", calls, steps, owner)
    script = [
        node
        for node in tree.body
        if not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ImportFrom | ast.Import)
    ]
    calls = {call for node in script for part in ast.walk(node) for call in called(part, {**known, **local})}
    yield Function(f"{module}.<script>", calls, False)


def each_body(function: ast.FunctionDef) -> Iterator[ast.AST]:
    """Yield the nodes of a function without its signature: taking a Step is not creating one."""
    for statement in function.body:
        yield from ast.walk(statement)


def called(node: ast.AST, known: dict[str, str]) -> Iterator[str]:
    """Yield `module.function` if the module is known, else `.method`."""
    if isinstance(node, ast.Name) and node.id in known:
        yield known[node.id]
    if isinstance(node, ast.Attribute):
        if isinstance(node.value, ast.Name) and node.value.id in known:
            yield f"{known[node.value.id]}.{node.attr}"
        else:
            yield f".{node.attr}"


def unplanned(found: Iterable[Function]) -> dict[str, str]:
    """Return the functions that change something without a plan, each with the call."""
    seen = {
        each.name: next(iter(calls))
        for each in found
        if each.name.startswith("ops.aws.") and (calls := {c for c in each.calls if c[1:] in mutating()})
    }
    grown = True
    while grown:
        grown = False
        for each in found:
            if each.name not in seen and not each.plans and (calls := each.calls & reached(seen, each)):
                seen[each.name] = next(iter(calls))
                grown = True
    return {name: call for name, call in seen.items() if name not in ALLOWED}


def reached(seen: dict[str, str], by: Function) -> set[str]:
    """How the function would name what is seen: functions by their module; methods by their name alone, where
    its class is at hand."""
    methods = {name.rpartition(".")[2] for name in seen if name.rpartition(".")[0] in by.calls | {by.owner}}
    return set(seen) - ALLOWED.keys() | {f".{name}" for name in methods}


def doors(seen: dict[str, str]) -> dict[str, str]:
    """Return the functions of pages and commands among them: these must use a plan."""
    return {name: call for name, call in seen.items() if name.startswith(("app.", "pages.", "ops.cli."))}


@cache
def ours() -> tuple[Function, ...]:
    return tuple(each for name, tree in modules().items() for each in functions(name, tree))


def test_every_change_is_under_a_plan() -> None:
    seen = unplanned(ours())
    assert doors(seen) == {}
    assert len(seen) > 25  # the calls are found at all


def test_a_change_without_a_plan_is_found() -> None:
    hasty = "from ops.aws.s3 import emptying\n\ndef clear(client):\n    emptying.delete_bucket(client, 'b')\n"
    page = "from app.hasty import clear\nclear(1)\n"
    found = [
        *ours(),
        *functions("app.hasty", ast.parse(hasty)),
        *functions("pages.hasty", ast.parse(page)),
    ]
    assert set(doors(unplanned(found))) == {"app.hasty.clear", "pages.hasty.<script>"}
