"""The roles that users have, which all end-to-end tests share: no test starts a cloud of its own for them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.aws.cloudformation import deploy
from ops.aws.cloudformation.change_sets import read_preview
from ops.aws.cloudformation.stacks import StackSpec
from ops.embedded.accounts import ACCOUNTS, WORKBENCH
from ops.plan import Plan, execute
from ops.templates.access import READ_ROLE, ROLE, STACK_BOUNDARY, roles
from tests.end_to_end.workbench import Workbench

STACK = "slipway-access"


@pytest.fixture(scope="session")
def carry_out(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Plan], None]:
    audit = FileAudit(tmp_path_factory.mktemp("audit") / "audit.jsonl")

    def carry_out(plan: Plan) -> None:
        outcome = execute(plan, actor=Actor("ada", "test"), audit=audit, confirmed=plan.confirm)
        if outcome.error:
            raise outcome.error

    return carry_out


@pytest.fixture(scope="session")
def deployed(cloud: Cloud, carry_out: Callable[[Plan], None]) -> None:
    """Deploy Slipway's roles to every account, as its administrator does."""
    for account in ACCOUNTS:
        spec = StackSpec(
            name=STACK,
            template_body=roles().to_json(),
            parameters={"WorkbenchArn": f"arn:aws:iam::{WORKBENCH}:root"},
            tags={},
            capabilities=("CAPABILITY_NAMED_IAM",),
            account=account.id,
            region=cloud.settings.home_region,
        )
        carry_out(deploy.plan_preview(cloud, spec, ()))
        carry_out(deploy.plan_deploy(cloud, read_preview(cloud, spec)))


@pytest.fixture(scope="session")
def as_role(cloud: Cloud, deployed: None) -> Callable[[str], Cloud]:
    """Return a Cloud that assumes a role in every account, with the boundary that the roles enforce."""

    def assuming(role: str) -> Cloud:
        accounts = tuple(replace(each, role=f"arn:aws:iam::{each.id}:role/{role}") for each in ACCOUNTS)
        settings = replace(cloud.settings, accounts=accounts, permissions_boundary=STACK_BOUNDARY)
        return Cloud(settings, cloud.endpoint)

    return assuming


@pytest.fixture(scope="session")
def user(as_role: Callable[[str], Cloud]) -> Cloud:
    """A Cloud in the role of people who work with Slipway."""
    return as_role(ROLE)


@pytest.fixture(scope="session")
def reader(as_role: Callable[[str], Cloud]) -> Cloud:
    """A Cloud in the role of people who only look."""
    return as_role(READ_ROLE)


@pytest.fixture(scope="session")
def workbench_of_user(user: Cloud, cloud: Cloud, data: Path) -> Workbench:
    """Slipway in the role of its users; what surrounds it belongs to the accounts' administrators."""
    return Workbench(user, data, administrator=cloud)
