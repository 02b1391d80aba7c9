"""The preview of a plan: nested plans, what a step changes in detail, and the confirmation of a deletion."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from app.shared.components import DESTRUCTIVE, step_item
from ops.plan import Resource, Step

SLOW_S = 180  # many times what it takes, for a busy machine


def preview(kind: str, folder: str) -> None:
    from pathlib import Path

    from app.shared.components import confirm_plan, wait_for
    from app.shared.plans.runs import PlanRuns
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
    steps, changes = test.markdown[0].value, test.markdown[1].value
    assert not test.dataframe  # what is touched is a list that can be read
    assert steps.startswith("**Update the shop**\n\n- ")
    assert "- Remove Data \\(AWS\\:\\:S3\\:\\:Bucket\\)" in changes
    marked = [line for line in steps.splitlines() if DESTRUCTIVE in line]
    warnings = [warning.value for warning in test.warning]
    (button,) = test.button
    if kind == "harmless":
        assert not marked and not warnings and not test.checkbox and not button.disabled
        return
    assert marked == [f"- {DESTRUCTIVE} **Update stack shop**  "] and button.disabled
    assert warnings == ["1 step of 2 deletes or replaces something. This cannot be undone."]
    test.checkbox[0].check().run()
    test.button[0].click().run()
    assert not test.exception and (tmp_path / "acted").exists()


def test_a_step_has_its_reason_as_a_sentence_and_hostile_names_as_text() -> None:
    where = Resource("AWS::S3::Bucket", "**b**", "111111111111", "eu-west-1")
    step = Step("1", "Delete [b](http://evil.example)", where, lambda run: None, {}, evidence="it is empty")
    lines = step_item(step).splitlines()
    assert lines[1] == "  It is empty\\.  "
    assert "](http" not in step_item(step) and "**b**" not in step_item(step)
