"""EventBridge: schedule expressions, and what a rule and its targets must have.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ministack.services import eventbridge

from ops.embedded.limits.problems import Parameters, Problem, Rule

SEAMS = ("ministack.services.eventbridge._targets",)

INVALID = "ValidationException"
TARGETS = 5
ENTRIES_BYTES = 1024 * 1024
RATE = re.compile(r"rate\((\d+) +(minute|hour|day)(s?)\)")
CRON = re.compile(r"cron\(([^()]+)\)")
AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
MONTHS = "JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split()
DAYS = "SUN MON TUE WED THU FRI SAT".split()
# Services whose targets run with a role of the rule's, not with a policy of their own.
NEED_ROLE = ("states", "kinesis", "firehose", "ecs")


def is_rate(expression: str) -> bool:
    """Whether it is a rate: 1 takes the singular of the unit, and a larger number the plural."""
    match = RATE.fullmatch(expression)
    return match is not None and int(match[1]) > 0 and (int(match[1]) == 1) == (match[3] == "")


def is_cron(expression: str) -> bool:
    """Whether it has six valid fields, of which either day-of-month or day-of-week is `?`."""
    match = CRON.fullmatch(expression)
    fields = match[1].split() if match else []
    if len(fields) != 6:
        return False
    minutes, hours, day, month, weekday, year = fields
    return (
        (day == "?") != (weekday == "?")
        and _is_field(minutes, 0, 59)
        and _is_field(hours, 0, 23)
        and (
            day in ("?", "L") or bool(re.fullmatch(r"([1-9]|[12]\d|3[01])W|LW", day)) or _is_field(day, 1, 31)
        )
        and _is_field(month, 1, 12, MONTHS)
        and (weekday == "?" or _is_weekday(weekday))
        and _is_field(year, 1970, 2199)
    )


def _is_weekday(field: str) -> bool:
    name = rf"([1-7]|{'|'.join(DAYS)})"
    return bool(re.fullmatch(rf"{name}?L|{name}#[1-5]", field)) or _is_field(field, 1, 7, DAYS)


def _is_field(field: str, least: int, most: int, names: list[str] | None = None) -> bool:
    """Whether each part is `*`, a value, or a range, with or without an increment."""
    for part in field.split(","):
        span, slash, step = part.partition("/")
        if slash and not (step.isdigit() and int(step) > 0):
            return False
        if span == "*":
            continue
        values = [_number(text, names, least) for text in span.split("-")]
        if len(values) > 2 or any(value is None or not least <= value <= most for value in values):
            return False
    return True


def _number(text: str, names: list[str] | None, least: int) -> int | None:
    if names and text.upper() in names:
        return names.index(text.upper()) + least
    return int(text) if text.isdigit() else None


def put_rule(parameters: Parameters) -> Iterator[Problem]:
    expression = parameters.get("ScheduleExpression")
    if not (expression or parameters.get("EventPattern")):
        yield Problem(INVALID, "Parameter(s) EventPattern or ScheduleExpression must be specified.")
    elif expression:
        if not (is_rate(expression) or is_cron(expression)):
            yield Problem(INVALID, "Parameter ScheduleExpression is not valid.")
        elif str(parameters.get("EventBusName") or "default").rpartition("/")[2] != "default":
            yield Problem(INVALID, "ScheduleExpression is supported only on the default event bus.")


def put_targets(parameters: Parameters) -> Iterator[Problem]:
    existing = {target.get("Id") for target in _targets_of(parameters)}
    targets = parameters.get("Targets") or []
    if len(existing | {target.get("Id") for target in targets}) > TARGETS:
        yield Problem("LimitExceededException", "The requested resource exceeds the maximum number allowed.")
    for target in targets:
        arn = str(target.get("Arn", ""))
        if arn.count(":") > 4 and arn.split(":")[2] in NEED_ROLE and not target.get("RoleArn"):
            yield Problem(INVALID, f"RoleArn is required for target {arn}.")


def delete_rule(parameters: Parameters) -> Iterator[Problem]:
    if _targets_of(parameters):
        yield Problem(INVALID, "Rule can't be deleted since it has targets.")


def _targets_of(parameters: Parameters) -> list[Mapping[str, Any]]:
    name = str(parameters.get("Rule") or parameters.get("Name") or "")
    bus = str(parameters.get("EventBusName") or "default").rpartition("/")[2]
    return list(eventbridge._targets.get(eventbridge._rule_key(name, bus)) or [])


def put_events(parameters: Parameters) -> Iterator[Problem]:
    sizes = [
        len("".join(str(entry.get(name) or "") for name in ("Source", "DetailType", "Detail")).encode())
        for entry in parameters.get("Entries") or []
    ]
    if sum(sizes) > ENTRIES_BYTES:
        yield Problem(INVALID, "Total size of the entries in the request is over the limit.")


def put_schedule(parameters: Parameters) -> Iterator[Problem]:
    expression = str(parameters.get("ScheduleExpression") or "")
    if not (is_rate(expression) or is_cron(expression) or _is_moment(expression)):
        yield Problem(INVALID, f"Invalid Schedule Expression {expression}.")


def _is_moment(expression: str) -> bool:
    match = AT.fullmatch(expression)
    try:
        return bool(match and datetime.fromisoformat(match[1]))
    except ValueError:
        return False


EVENTS: Mapping[str, Rule] = {
    "DeleteRule": delete_rule,
    "PutEvents": put_events,
    "PutRule": put_rule,
    "PutTargets": put_targets,
}
SCHEDULER: Mapping[str, Rule] = {"CreateSchedule": put_schedule, "UpdateSchedule": put_schedule}
