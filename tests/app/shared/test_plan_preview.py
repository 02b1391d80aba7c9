"""The preview of a plan: nested plans, what a step changes in detail, and the confirmation of a deletion."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

SLOW_S = 60


def preview(kind: str, folder: str) -> None:
    from pathlib import Path

    from app.shared.components import confirm_plan, wait_for
    from app.shared.plan_runs import PlanRuns
    from app.shared.session import Workbench
    from ops.audit import FileAudit
    from ops.aws.cloud import Cloud
    from ops.operations import Operation
    from ops.plan import Plan, Resource, Step, nest
    from ops.settings import Settings

    where = Resource("AWS::CloudFormation::Stack", "shop", "111111111111", "eu-west-1")
    act = (Path(folder) / "acted").touch
    steps = (
        Step("upload", "Upload the template", where, lambda run: None, {}),
        Step(
            "execute",
            "Update stack shop",
            where,
            lambda run: act(),
            {},
            details=("Remove Data (AWS::S3::Bucket)",),
            destructive=kind == "destructive",
        ),
    )
    part = Plan("Update the shop", steps, Operation.DEPLOY_STACK)
    settings = Settings()
    bench = Workbench(settings, Cloud(settings), FileAudit(Path(folder) / "audit"), PlanRuns(), True)
    plan = Plan("Deploy", nest(part, "shop"), Operation.DEPLOY_STACK)
    if work := confirm_plan(bench, plan, button="Deploy"):
        wait_for(work, 10)


@pytest.mark.parametrize("kind", ["harmless", "destructive"])
def test_a_deletion_is_marked_and_confirmed(kind: str, tmp_path: Path) -> None:
    test = AppTest.from_function(preview, args=(kind, str(tmp_path)), default_timeout=SLOW_S).run()
    assert not test.exception
    steps, changes = (frame.value for frame in test.dataframe)
    assert set(steps["Part"]) == {"Update the shop"}
    assert list(changes["Change"]) == ["Remove Data (AWS::S3::Bucket)"]
    marked = [step for step in steps["Step"] if step.startswith("🔴")]
    (button,) = test.button
    if kind == "harmless":
        assert not marked and not test.checkbox and not button.disabled
        return
    assert marked == ["🔴 Update stack shop"] and button.disabled
    test.checkbox[0].check().run()
    test.button[0].click().run()
    assert not test.exception and (tmp_path / "acted").exists()
