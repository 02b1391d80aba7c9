"""Specifications of the export's stacks: the central stack, and a member stack per account and region."""

from collections.abc import Mapping

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import StackSpec
from ops.logs.engines.athena_levels import level_sql
from ops.logs.engines.athena_relation import pattern_sql, source_events
from ops.logs.lake.lines.rules import RULES_VERSION
from ops.templates import logs as stacks
from ops.templates.functions import function_source

STACK = "log-export"


def central_body() -> str:
    """Return the central template as it is deployed."""
    template = stacks.central(
        function_source("log_processor"),
        function_source("log_subscriber"),
        compactor_source(),
        function_source("log_alerts"),
        relation_sql(),
    )
    return str(template.to_json(indent=1))


def relation_sql() -> dict[str, str]:
    """Return the compactor's SQL by the name of its environment variable, as all other readers use it."""
    events = {f"{kind.upper()}_EVENTS": sql for kind, sql in source_events().items()}
    return {**events, "TEMPLATE": pattern_sql(), "RULES": str(RULES_VERSION)}


def compactor_source() -> str:
    """Return the compactor's source, which sets the SQL for levels: Lambda limits an environment to 4 KB."""
    return f'import os\n\nos.environ["LEVEL"] = {level_sql()!r}\n{function_source("log_compactor")}'


def member_body() -> str:
    """Return the member template as it is deployed."""
    return str(stacks.member(function_source("log_subscriber")).to_json(indent=1))


def central_spec(place: Place, parameters: Mapping[str, str]) -> StackSpec:
    """Return the stack with the bucket; parameters that are not given take the template's defaults."""
    return _spec(place, central_body(), parameters)


def member_spec(place: Place, parameters: Mapping[str, str]) -> StackSpec:
    """Return a stack that sends logs to a destination, which it creates if none is given."""
    return _spec(place, member_body(), parameters)


def _spec(place: Place, body: str, parameters: Mapping[str, str]) -> StackSpec:
    return StackSpec(
        name=STACK,
        template_body=body,
        parameters=parameters,
        tags={stacks.JOB_TAG: stacks.JOB},
        capabilities=("CAPABILITY_IAM",),
        account=place.account.id,
        region=place.region,
    )
