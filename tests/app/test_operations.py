"""Every operation in every role, through `ops`, the command line, and a page; and no way around the check."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.plans.runs import PlanRuns
from ops.audit import Actor, FileAudit
from ops.cli import main
from ops.cli.context import Context
from ops.errors import NotAllowed
from ops.operations import Operation, markdown
from ops.plan import Plan, Resource, Step, execute
from ops.roles import Role
from ops.settings import Settings
from tests.end_to_end.workbench import eventually

ROOT = Path(__file__).parents[2]
CELLS = [(operation, role) for operation in Operation for role in Role]
WHERE = Resource("AWS::Test::Thing", "thing", "111111111111", "eu-west-1")
cells = pytest.mark.parametrize(
    "operation, role", CELLS, ids=lambda each: each.name.lower() if hasattr(each, "name") else str(each)
)


def plan(operation: Operation, acted: list[str]) -> Plan:
    return Plan("A plan", (Step("a", "Act", WHERE, lambda say: acted.append("acted"), {}),), operation)


@cells
def test_ops_enforces_the_table(operation: Operation, role: Role, tmp_path: Path) -> None:
    audit, acted, actor = FileAudit(tmp_path / "audit"), list[str](), Actor("ada", "test", role)
    if operation.allows(role):
        assert execute(plan(operation, acted), actor=actor, audit=audit).ok
    else:
        with pytest.raises(NotAllowed, match=f"requires the role {operation.role}; ada has the role {role}"):
            execute(plan(operation, acted), actor=actor, audit=audit)
    assert bool(acted) is bool(audit.read(9)) is operation.allows(role)


@cells
def test_command_line_enforces_the_table(operation: Operation, role: Role, tmp_path: Path) -> None:
    context, acted = Context(Settings(local_role=role), as_json=False), list[str]()
    context.__dict__["audit"] = FileAudit(tmp_path / "audit")
    if operation.allows(role):
        assert context.carry_out(plan(operation, acted), dry_run=False, confirmed="")
    else:
        with pytest.raises(NotAllowed):
            context.carry_out(plan(operation, acted), dry_run=False, confirmed="")
    assert bool(acted) is operation.allows(role)


def small_page(folder: str) -> None:
    """A page with both kinds of buttons for every operation."""
    from pathlib import Path

    from app.shared.components import confirm_plan, operation_button, show_error, start, wait_for
    from app.shared.plans.runs import PlanRuns
    from app.shared.session import Workbench
    from ops.audit import FileAudit
    from ops.aws.cloud import Cloud
    from ops.errors import NotAllowed
    from ops.operations import Operation
    from ops.plan import Plan, ReportProgress, Resource, Step
    from ops.settings import Settings

    settings = Settings()
    place = Path(folder)
    bench = Workbench(settings, Cloud(settings), FileAudit(place / "audit"), PlanRuns(), True)

    def made(operation: Operation, kind: str) -> Plan:
        where = Resource("AWS::Test::Thing", kind, "111111111111", "eu-west-1")

        def act(say: ReportProgress) -> None:
            (place / f"{operation.name} {kind}").touch()

        return Plan(f"{operation.name} {kind}", (Step(kind, kind, where, act, {}),), operation)

    for operation in Operation:
        try:
            if work := confirm_plan(bench, made(operation, "confirm"), button=f"{operation.name} confirm"):
                wait_for(work, 10)
        except NotAllowed as error:
            show_error(error)
        try:
            if operation_button(bench, operation, f"{operation.name} click"):
                wait_for(start(bench, made(operation, "click")), 10)
        except NotAllowed as error:
            show_error(error)


@pytest.mark.parametrize("role", Role, ids=str)
def test_page_enforces_the_table(role: Role, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_LOCAL_ROLE", role)
    test = AppTest.from_function(small_page, args=(str(tmp_path),), default_timeout=60).run()
    assert not test.exception
    buttons = {each.label: each for each in test.button}
    said = [each.value for each in test.caption]
    for operation in Operation:
        click = buttons[f"{operation.name} click"]
        assert click.disabled is buttons[f"{operation.name} confirm"].disabled is not operation.allows(role)
        if not operation.allows(role):
            refusal = f"Requires the role {operation.role}. Your role is {role}."
            assert click.help == refusal and said.count(refusal) == sum(
                each.role is operation.role for each in Operation
            )
    for button in test.button:  # a forged message: no button of the page sends it
        button.proto.disabled = False
        button.click()
    test.run()
    assert not test.exception
    done = {each.name for each in tmp_path.iterdir()} - {"audit"}
    kinds = ("confirm", "click")
    assert done == {f"{each.name} {kind}" for each in Operation if each.allows(role) for kind in kinds}


@cells
def test_background_plans_enforce_the_table(operation: Operation, role: Role, tmp_path: Path) -> None:
    audit, acted, works = FileAudit(tmp_path / "audit"), list[str](), PlanRuns()
    actor = Actor("ada", "page", role)
    if operation.allows(role):
        work = works.start(plan(operation, acted), actor=actor, audit=audit)
        eventually(lambda: not work.running)
    else:
        with pytest.raises(NotAllowed):
            works.start(plan(operation, acted), actor=actor, audit=audit)
    assert bool(acted) is operation.allows(role)


def test_docs_contain_the_table() -> None:
    assert (ROOT / "docs/operations.md").read_text() == markdown()


@pytest.mark.parametrize("operation", Operation, ids=lambda each: each.name.lower())
def test_command_and_page_exist(operation: Operation) -> None:
    for command in filter(None, operation.commands):
        assert main([*command.split(), "--help"]) == 0, command
    titles = re.findall(r'title="([^"]+)"', (ROOT / "app/shared/navigation.py").read_text())
    assert operation.page in [*titles, ""]


def calls(folder: str) -> Iterator[tuple[str, str]]:
    """Yield every call in the folder's modules, with the module."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield str(path.relative_to(ROOT)), ast.unparse(node.func)


def test_pages_make_changes_through_one_function() -> None:
    found = {(path, call) for folder in ("app", "pages") for path, call in calls(folder)}
    assert {path for path, call in found if call.endswith("plan_runs.start")} == {"app/shared/components.py"}
    assert {path for path, call in found if call == "execute"} == {"app/shared/plans/runs.py"}
    assert {path for path, call in found if call == "perform"} == {"app/shared/components.py"}


def test_command_line_makes_changes_through_one_function() -> None:
    for function in ("execute", "perform"):
        assert {path for path, call in calls("ops/cli") if call == function} == {"ops/cli/context.py"}


def test_every_operation_is_planned_somewhere() -> None:
    text = "".join(path.read_text() for path in sorted((ROOT / "ops").rglob("*.py")))
    assert [each.name for each in Operation if f"Operation.{each.name}" not in text] == []


def test_every_step_records_its_parameters() -> None:
    silent = []
    for path in sorted((ROOT / "ops").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "Step":
                given = {each.arg: ast.unparse(each.value) for each in node.keywords}
                if given.get("parameters", "{}") == "{}":
                    silent.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert silent == []
