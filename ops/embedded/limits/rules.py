"""The rules of each operation, by the name of the service in botocore."""

from collections.abc import Iterator, Mapping

from ops.embedded.limits import (
    databases,
    documents,
    functions,
    machines,
    names,
    schedules,
    streams,
    tags,
    tasks,
)
from ops.embedded.limits.problems import Parameters, Problem, Rule

RULES: Mapping[str, Mapping[str, Rule]] = {
    **names.RULES,
    "ecs": tasks.RULES,
    "events": schedules.EVENTS,
    "firehose": streams.FIREHOSE,
    "iam": documents.RULES,
    "kinesis": streams.KINESIS,
    "lambda": functions.RULES,
    "rds": databases.RULES,
    "scheduler": schedules.SCHEDULER,
    "stepfunctions": machines.RULES,
}


def problems(service: str, operation: str, parameters: Parameters) -> Iterator[Problem]:
    """Yield what the parameters, which are in botocore's form, violate."""
    if rule := RULES.get(service, {}).get(operation):
        yield from rule(parameters)
    yield from tags.problems(service, operation, parameters)
