"""The templates of `dist/`, with labels of their parameters and what to do after the deployment."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ops.logs.export.deployment.stacks import central_body, member_body
from ops.own_stacks import APP, ROLES
from ops.release.standalone import Labels, Template, inline, standalone, with_code
from ops.rollouts import package
from ops.rollouts.controller import controller_template, target_template
from ops.snapshots.pipeline import machine
from ops.snapshots.pipeline import package as compiler
from ops.templates import snapshots
from ops.templates.functions import function_source
from ops.templates.logs import small
from ops.templates.support_stacks import replication


@dataclass(frozen=True)
class ReleasedTemplate:
    """A template of `dist/`. `next_steps` is text for Fn::Sub."""

    name: str
    source: Callable[[], Any]
    next_steps: str
    groups: tuple[Labels, ...] = ()

    def text(self) -> str:
        """Return the template as JSON. The same sources give the same text."""
        made = standalone(self.source(), self.name, self.groups, self.next_steps)
        return json.dumps(made, indent=1) + "\n"


def _controller() -> Template:
    template = json.loads(controller_template())
    source = inline(package.build(), "ops.functions.rollouts.handler.handler")
    return with_code(template, "Handler", source)


def _pipeline() -> Template:
    source = inline(compiler.build(), "ops.functions.policy_compiler.handler.handler")
    made: Template = snapshots.template(machine.text(), function_source("snapshots"), source).to_dict()
    return made


RELEASED = (
    ReleasedTemplate(
        "sanitized-snapshots",
        _pipeline,
        "Start an execution of the state machine ${StateMachine} with the input {}. A policy without tables "
        "fails the first run, which reports every column in the log group ${TaskLogs}: add the tables to the "
        "parameter Policy. A run with a complete policy shares its snapshot with the accounts in ShareWith.",
    ),
    ReleasedTemplate(
        "log-export",
        lambda: json.loads(central_body()),
        "New events of this account and Region arrive in the bucket within minutes. For every other account "
        "and Region, deploy log-export-member: set StreamName to the name in the output Stream, and "
        "StreamRegion to ${AWS::Region}.",
    ),
    ReleasedTemplate(
        "log-export-small",
        lambda: small(function_source("log_subscriber")).to_dict(),
        "New events of ${AWS::Region} arrive in the bucket of the output Bucket within minutes.",
    ),
    ReleasedTemplate(
        "log-export-member",
        lambda: json.loads(member_body()),
        "The log groups of ${AWS::Region} are subscribed now, and new ones within an hour.",
    ),
    ReleasedTemplate(
        "replication-buckets",
        lambda: replication().to_dict(),
        "Pass the bucket and the key to crossRegionReplicationBuckets of your CDK pipelines, for the Region "
        "${AWS::Region}.",
        (Labels("Artifacts", {"TargetAccounts": "Target accounts", "ExpireDays": "Days to keep artifacts"}),),
    ),
    ReleasedTemplate(
        "rollouts",
        _controller,
        "Deploy rollouts-target to every target account, with EngineRoleArn ${HandlerRole.Arn} and "
        "EngineBucket ${Bucket}. Then start a rollout: slipway rollouts start FILE.",
        (
            Labels(
                "Targets",
                {"TargetAccounts": "Target accounts", "OrganizationId": "Organization ID"},
            ),
            Labels(
                "Controller",
                {
                    "PollSeconds": "Polling interval (s)",
                    "SettleSeconds": "Settling time (s)",
                    "NotifyEmail": "Notification email",
                },
            ),
        ),
    ),
    ReleasedTemplate(
        "rollouts-target",
        lambda: json.loads(target_template()),
        "The controller can now deploy stacks to the account ${AWS::AccountId}.",
        (
            Labels(
                "Controller",
                {"EngineRoleArn": "Role of the controller", "EngineBucket": "Bucket of the controller"},
            ),
            Labels("Permissions", {"ExecutionPolicyArns": "Policies of the deployments"}),
        ),
    ),
    ReleasedTemplate(
        "slipway-roles",
        lambda: ROLES.template().to_dict(),
        "Add the role to slipway.toml: [accounts.NAME], id = ${AWS::AccountId}, role = ${Role.Arn}. Then run "
        "slipway doctor.",
        (
            Labels(
                "Access", {"WorkbenchArn": "Principal of Slipway", "LogBucket": "Bucket of the log export"}
            ),
            Labels(
                "Jobs",
                {
                    "Snapshots": "Sanitized snapshots",
                    "Logs": "Exported logs",
                    "SupportStacks": "Support stacks",
                    "Rollouts": "Rollouts",
                    "Deploy": "Deploying Slipway's stacks",
                },
            ),
        ),
    ),
    ReleasedTemplate(
        "slipway-app",
        lambda: APP.template().to_dict(),
        "Point ${DomainName} to ${Balancer.DNSName}, and set WorkbenchArn of the stacks slipway-roles to "
        "${TaskRole.Arn}.",
        (
            Labels(
                "Network",
                {
                    "Vpc": "VPC",
                    "BalancerSubnets": "Subnets of the load balancer",
                    "TaskSubnets": "Subnets of the task",
                    "Scheme": "Scheme",
                    "AllowedNetwork": "Allowed network",
                    "AccessLogBucket": "Bucket for access logs",
                },
            ),
            Labels("Address", {"DomainName": "Domain name", "CertificateArn": "Certificate"}),
            Labels(
                "Application",
                {
                    "Image": "Container image",
                    "SignInSecretArn": "Secret with the sign-in settings",
                    "SettingsParameterArn": "Parameter with slipway.toml",
                },
            ),
        ),
    ),
)
