"""Change sets of Slipway's templates, which are deleted without being executed.

They show what ValidateTemplate does not: parameters, types that the region lacks, names that are taken, and
whether the principal in use may deploy.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.change_sets import CREATE_ACTIONS, DISCARD_ACTIONS
from ops.aws.cloudformation.deploy import staging_bucket
from ops.aws.cloudformation.stacks import Stack, StackSpec, list_stacks
from ops.aws.inspection.definitions import TEMPLATE_BYTES
from ops.aws.inspection.trial_stacks import PREFIX, delete_leftovers, try_change_set
from ops.aws.regions import partition_of
from ops.doctor.findings import Finding, Question, Result, refusal
from ops.doctor.own_templates import OWN_TEMPLATES, OwnTemplate, compact, description, required_parameters
from ops.errors import SlipwayError, StackFailed
from ops.operations import Operation
from ops.plan import Outcome, Plan, ReportProgress, Resource, Step
from ops.templates.access.grants import Job

CHECK = "change sets"
STACK = "AWS::CloudFormation::Stack"


@dataclass(frozen=True)
class Trials:
    """The plan, and the findings about templates that it does not try."""

    plan: Plan
    findings: tuple[Finding, ...]


def plan_trials(cloud: Cloud, places: Sequence[Place], jobs: tuple[Job, ...]) -> Trials:
    """Plan to create and delete a change set of each template in each place."""
    steps, found = list[Step[object]](), list[Finding]()
    for place in places:
        where = f"{place.account.name}, {place.region}"
        deployed = _deployed(cloud, place)
        steps.append(_sweep_step(cloud, place, where))
        for template in OWN_TEMPLATES:
            if template.job not in jobs:
                continue
            if stack := deployed.get(description(template)):
                reason = f"deployed as {stack.name}, which is {stack.status}"
                found.append(_finding(place, template, Result.WORKS, reason))
                continue
            values = _values(place)
            missing = [name for name in required_parameters(template) if name not in values]
            body = compact(template)
            if missing:
                reason = f"a change set requires the parameters {', '.join(missing)}"
            elif len(body.encode()) > TEMPLATE_BYTES:
                reason = f"the template has {len(body.encode()):,} bytes: it must be in a bucket"
            else:
                steps.append(_trial_step(cloud, place, where, template, body, values, jobs))
                continue
            found.append(_finding(place, template, Result.NOT_ASKED, reason))
    title = "Create and delete change sets of Slipway's templates"
    return Trials(Plan(title, tuple(steps), Operation.TRY_CHANGE_SETS), tuple(found))


def trial_findings(trials: Trials, outcome: Outcome) -> list[Finding]:
    """Return what the executed plan found."""
    return [
        *(result.value for result in outcome.results if isinstance(result.value, Finding)),
        *trials.findings,
    ]


def _deployed(cloud: Cloud, place: Place) -> dict[str, Stack]:
    """Return the healthy stacks by their descriptions: another one with the same names would be refused.

    IAM roles are global, so those of the home region count too.
    """
    found: dict[str, Stack] = {}
    for region in dict.fromkeys((cloud.settings.home_region, place.region)):
        with suppress(SlipwayError):  # then the change set shows it
            stacks = list_stacks(cloud, place.account.id, region)
            found |= {stack.description: stack for stack in stacks if not (stack.failed or stack.busy)}
    return {text: stack for text, stack in found.items() if not stack.name.startswith(PREFIX)}


def _sweep_step(cloud: Cloud, place: Place, where: str) -> Step[None]:
    return Step(
        id=f"leftovers {where}",
        does="Delete what an interrupted check has left",
        resource=Resource(STACK, f"{PREFIX}*", place.account.id, place.region),
        act=lambda say: delete_leftovers(cloud, place, say),
        evidence="Stacks in review have no resources",
        parameters={"StackStatus": "REVIEW_IN_PROGRESS"},
        actions=DISCARD_ACTIONS,
    )


def _trial_step(
    cloud: Cloud,
    place: Place,
    where: str,
    template: OwnTemplate,
    body: str,
    values: dict[str, str],
    jobs: tuple[Job, ...],
) -> Step[Finding]:
    spec = StackSpec(
        name=PREFIX + re.sub("[^a-z]+", "-", template.name.lower()),
        template_body=body,
        parameters={name: values[name] for name in required_parameters(template)},
        tags={},
        capabilities=("CAPABILITY_NAMED_IAM",),
        account=place.account.id,
        region=place.region,
    )

    def act(say: ReportProgress) -> Finding:
        try:
            number = try_change_set(cloud, spec, say)
        except StackFailed as error:
            return _finding(place, template, Result.REFUSED, str(error), error.hint)
        except SlipwayError as error:
            return refusal(CHECK, template.name, Question(cloud, place, jobs), error, template.job.name)
        return _finding(place, template, Result.WORKS, f"would create {number} resources")

    return Step(
        id=f"{spec.name} {where}",
        does=f"Create a change set of {template.name}, then delete it",
        resource=Resource(STACK, spec.name, place.account.id, place.region),
        act=act,
        evidence="Creates no resource",
        parameters=spec.parameters,
        needs=(f"leftovers {where}",),
        actions=tuple(sorted({*CREATE_ACTIONS, *DISCARD_ACTIONS})),
    )


def _values(place: Place) -> dict[str, str]:
    """Return values for required parameters. A change set does not check whether what they name exists."""
    iam = f"arn:{partition_of(place.region)}:iam::{place.account.id}"
    bucket = staging_bucket(place.account.id, place.region)
    return {
        "WorkbenchArn": f"{iam}:root",
        "CodeBucket": bucket,
        "CodeKey": "rollouts/handler.zip",
        "TargetAccounts": place.account.id,
        "EngineBucket": bucket,
        "EngineRoleArn": f"{iam}:role/slipway-rollouts",
        "ExecutionPolicyArns": f"arn:{partition_of(place.region)}:iam::aws:policy/ReadOnlyAccess",
    }


def _finding(place: Place, template: OwnTemplate, result: Result, reason: str, hint: str = "") -> Finding:
    return Finding(
        CHECK, template.name, result, place.account.name, place.region, template.job.name, reason, hint=hint
    )
