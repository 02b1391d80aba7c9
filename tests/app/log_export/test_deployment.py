"""The tab Deployment: the deployed stacks, the plan before any change, and what is rejected."""

import re
import threading
from pathlib import Path

from streamlit.testing.v1 import AppTest

from app.shared.session import workbench
from ops.audit import Actor, FileAudit
from ops.aws.cloud import Cloud
from ops.aws.cloudformation.stacks import read_stack
from ops.logs.export.deployment.stacks import STACK
from ops.operations import Operation
from ops.plan import Plan, ReportProgress, Resource, Status, Step
from tests.ops.embedded.overlay import eventually
from tests.pages.test_pages import SLOW_S, connected, press, texts

__all__ = ["connected"]  # pages connect to the embedded cloud of the tests


def script() -> None:
    from app.log_export.deployment import show_deployment
    from app.shared.dialogs import show_dialog
    from app.shared.session import workbench

    show_dialog()
    show_deployment(workbench())


def test_the_plan_is_shown_before_anything_is_deployed(cloud: Cloud) -> None:
    test = AppTest.from_function(script, default_timeout=SLOW_S).run()
    assert not test.exception
    assert "No export is deployed" in texts(test)
    test.text_input(key="deployment-Retention").set_value("48").run()
    press(test, "Preview deployment")
    assert not test.exception
    shown = texts(test).replace("\\", "")
    parts = re.findall(r"^\*\*(Create the (?:central|member) stack in .*)\*\*$", shown, re.MULTILINE)
    assert list(dict.fromkeys(parts))[:2] == [
        "Create the central stack in production eu-west-1",
        "Create the member stack in production us-east-1",
    ]
    assert re.findall(r"^- (?:\S+ )?\*\*(.*)\*\*", shown, re.MULTILINE)[:4] == [
        "Create the staging bucket",
        "Upload the template and 1 more",
        "Delete the stack if its creation failed earlier",
        "Create a change set to preview the changes",
    ]
    assert "- Add Writer (AWS::IAM::Role)" in shown
    assert re.search(r"Create the central stack in production eu-west-1\*\* *\n +\d+ added", shown)
    for place in cloud.places:  # the previews left no stack behind
        assert read_stack(cloud, place.account.id, place.region, STACK) is None
    assert "Deploy log export" in {button.label for button in test.button}


def test_an_invalid_parameter_is_reported_with_the_allowed_values(cloud: Cloud) -> None:
    test = AppTest.from_function(script, default_timeout=SLOW_S).run()
    test.text_input(key="deployment-Retention").set_value("1").run()
    press(test, "Preview deployment")
    assert "Retention is '1', not a number from 24 to 8760" in texts(test).replace("\\", "")
    assert "Create the central stack" not in texts(test)


def test_a_deployment_stops_after_the_current_target(tmp_path: Path) -> None:
    let_go = threading.Event()

    def wait(say: ReportProgress) -> None:
        let_go.wait(SLOW_S)

    place = Resource("AWS::CloudFormation::Stack", "log-export", "111111111111", "eu-west-1")
    steps = (
        Step("first", "Create the centre", place, wait, {}),
        Step("second", "Create the export elsewhere", place, lambda say: None, {}, needs=("first",)),
    )
    plan = Plan("A title that nothing depends on", steps, Operation.DEPLOY_EXPORT)
    try:
        work = workbench().plan_runs.start(
            plan, actor=Actor("tester", "page"), audit=FileAudit(tmp_path / "audit.jsonl")
        )
        test = AppTest.from_function(script, default_timeout=SLOW_S).run()
        assert not test.exception
        assert "0 of 2 targets" in texts(test)
        assert test.button(key="deployment-plan").disabled, "one deployment at a time"
        test = press(test, "Stop")
        assert "Stopping: finishing each target in progress" in texts(test)
        assert "Stop" not in {button.label for button in test.button}
    finally:
        let_go.set()
    eventually(lambda: not work.running)
    assert [work.status(step.id) for step in steps] == [Status.DONE, Status.NOT_RUN]
    test = test.run()
    assert "1 target did not complete. Stopped by a user." in texts(test).replace("\\", "")
    assert not test.button(key="deployment-plan").disabled
