"""The CloudFormation template of a snapshot pipeline.

parameters    parameters, with groups and labels
network       subnet group, security groups, and secrets
task          the Fargate task that runs the SQL
scripts       a bucket and a function for the scripts, if the stack compiles the policy itself
sanitize      the shell program of that task
permissions   IAM permissions of the handler
machine       handler, state machine, schedule, and notifications
"""

from troposphere import Equals, Not, Output, Ref, Sub, Template

from ops.templates.policies import limit_roles
from ops.templates.snapshots import machine, network, parameters, scripts, task
from ops.templates.snapshots.parameters import JOB, JOB_TAG, PARAMETERS, WITH_POLICY

__all__ = ["DESCRIPTION", "JOB", "JOB_TAG", "PARAMETERS", "template"]

# Identifies the stacks of pipelines, however they were deployed.
DESCRIPTION = "Slipway: makes sanitized snapshots of an RDS database and shares them."


def template(definition: str, handler: str, compiler: str = "") -> Template:
    """Return the template. `definition`: the state machine for Fn::Sub; `handler`: the function's source.

    `compiler`: the source of a function that compiles the policy, which is then a parameter.
    """
    stack = Template(Description=DESCRIPTION)
    stack.set_version("2010-09-09")
    parameters.add(stack, WITH_POLICY if compiler else PARAMETERS)
    _conditions(stack)
    own_scripts = scripts.resources(compiler) if compiler else ()
    for part in (
        *network.resources(),
        *task.resources(),
        *machine.resources(definition, handler),
        *own_scripts,
    ):
        stack.add_resource(part)
    limit_roles(stack)
    _outputs(stack)
    if compiler:
        stack.add_output(
            Output("ScriptBucket", Value=Ref("ScriptBucket"), Description="Bucket of scripts and reports")
        )
        stack.add_output(
            Output("ScriptPrefix", Value=Ref("ScriptPrefix"), Description="S3 prefix of the scripts")
        )
    return stack


def _conditions(stack: Template) -> None:
    stack.add_condition("IsPostgres", Equals(Ref("Engine"), "postgres"))
    stack.add_condition("HasImage", Not(Equals(Ref("SanitizeImage"), "")))
    stack.add_condition("HasFakeSecret", Not(Equals(Ref("FakeSecretArn"), "")))
    stack.add_condition("HasKey", Not(Equals(Ref("KmsKeyArn"), "")))
    stack.add_condition("HasSourceKey", Not(Equals(Ref("SourceKeyArn"), "")))
    stack.add_condition("HasEmail", Not(Equals(Ref("NotifyEmail"), "")))
    stack.add_condition("HasSchedule", Not(Equals(Ref("Schedule"), "")))


def _outputs(stack: Template) -> None:
    outputs = {
        "StateMachineArn": (
            Ref("StateMachine"),
            "State machine: start an execution with the input {} to refresh the snapshot",
        ),
        "LogGroup": (Ref("TaskLogs"), "Log group of the sanitizing task"),
        "Topic": (Ref("Topic"), "SNS topic of the notifications"),
        "ClusterArn": (Sub("${Cluster.Arn}"), "ECS cluster of the sanitizing task"),
    }
    for name, (value, description) in outputs.items():
        stack.add_output(Output(name, Value=value, Description=description))
