"""The stacks of the export as they are asked for: the central one, and one for each further place."""

from collections.abc import Mapping

from ops.aws.cloud import Place
from ops.aws.cloudformation.stacks import StackSpec
from ops.logs.engines.athena_relation import level_sql, source_events, template_sql
from ops.templates import logs as stacks
from ops.templates.functions import function_source

STACK = "log-export"


def central_body() -> str:
    """The central template as it is deployed."""
    made = stacks.central(
        function_source("log_processor"),
        function_source("log_subscriber"),
        function_source("log_compactor"),
        relation(),
    )
    return str(made.to_json(indent=1))


def relation() -> dict[str, str]:
    """The SQL that the compactor is given, by the name of the variable: one definition for all readers."""
    events = {f"{kind.upper()}_EVENTS": sql for kind, sql in source_events().items()}
    return {**events, "TEMPLATE": template_sql(), "LEVEL": level_sql()}


def member_body() -> str:
    """The template of another account or region as it is deployed."""
    return str(stacks.member(function_source("log_subscriber")).to_json(indent=1))


def central_spec(place: Place, parameters: Mapping[str, str]) -> StackSpec:
    """The stack with the bucket; parameters that are not given have the template's defaults."""
    return _spec(place, central_body(), parameters)


def member_spec(place: Place, parameters: Mapping[str, str]) -> StackSpec:
    """A stack that sends a place's logs to a destination, which it makes where none is given."""
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
