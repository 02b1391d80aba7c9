"""The stack of one snapshot pipeline. Pure: the machine's text and the handler's source in, a template out.

parameters    what is asked for, in labelled groups
network       where the temporary database and the task live
task          the Fargate task that runs the SQL
permissions   what the handler may do
machine       handler, state machine, schedule, notices
"""

from troposphere import Equals, Not, Output, Ref, Sub, Template

from ops.templates.snapshots import machine, network, parameters, task
from ops.templates.snapshots.parameters import JOB, JOB_TAG, PARAMETERS

__all__ = ["DESCRIPTION", "JOB", "JOB_TAG", "PARAMETERS", "template"]

# How a pipeline's stack is recognized, wherever it was deployed from.
DESCRIPTION = "Slipway: makes sanitized snapshots of an RDS database and shares them."


def template(definition: str, handler: str) -> Template:
    """`definition`: the state machine as Fn::Sub takes it; `handler`: the function's source."""
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    parameters.add(stack)
    _conditions(stack)
    for part in (*network.resources(), *task.resources(), *machine.resources(definition, handler)):
        stack.add_resource(part)
    _outputs(stack)
    return stack


def _conditions(stack: Template) -> None:
    stack.add_condition("IsPostgres", Equals(Ref("Engine"), "postgres"))
    stack.add_condition("HasImage", Not(Equals(Ref("SanitizeImage"), "")))
    stack.add_condition("HasKey", Not(Equals(Ref("KmsKeyArn"), "")))
    stack.add_condition("HasEmail", Not(Equals(Ref("NotifyEmail"), "")))
    stack.add_condition("HasSchedule", Not(Equals(Ref("Schedule"), "")))


def _outputs(stack: Template) -> None:
    outputs = {
        "StateMachineArn": (
            Ref("StateMachine"),
            "Start an execution with the input {} to refresh the snapshot",
        ),
        "LogGroup": (Ref("TaskLogs"), "What the sanitizing scripts say"),
        "Topic": (Ref("Topic"), "Told of every run that fails"),
        "ClusterArn": (Sub("${Cluster.Arn}"), "Where the sanitizing task runs"),
    }
    for name, (value, description) in outputs.items():
        stack.add_output(Output(name, Value=value, Description=description))
