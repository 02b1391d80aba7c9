"""EventBridge: schedule expressions, rules, and targets."""

from typing import Any

import pytest

from tests.conformance.callers import Account, error, unique

INVALID: list[str] = [
    *(
        "rate(1 days)",
        "rate(3 minute)",
        "rate(0 hours)",
        "rate(30 seconds)",
        "rate(hour)",
        "rate(-1 minutes)",
    ),
    *(
        "cron(0 8 * * *)",
        "cron(0 8 * * * *)",
        "cron(0 8 ? * ? *)",
        "cron(61 8 * * ? *)",
        "cron(0 24 * * ? *)",
    ),
    *("cron(0 8 0 * ? *)", "cron(0 8 * 13 ? *)", "cron(0 8 ? * 8 *)", "cron(0 8 ? * MON#6 *)"),
    *("cron(0 8 * * ? 2200)", "cron(0/0 8 * * ? *)", "0 8 * * ? *", "hourly"),
]
VALID: list[str] = [
    *(
        "rate(1 day)",
        "rate(15 minutes)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0 8 1,15 JAN,JUL ? 2027-2030)",
    ),
    *("cron(0 8 L * ? *)", "cron(0 8 ? * 6L *)", "cron(0 8 ? * TUE#2 *)", "cron(30 8 15W * ? *)"),
]


@pytest.mark.parametrize("expression", INVALID)
def test_schedule_expressions_have_a_form(account: Account, expression: str) -> None:
    """A rate of 1 takes the singular of its unit, a larger one the plural; a cron expression has six fields.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    put = account.client("events").put_rule
    refused = ("ValidationException", "Parameter ScheduleExpression is not valid.")
    assert error(put, Name=unique("rule"), ScheduleExpression=expression) == refused
    schedule = account.client("scheduler").create_schedule
    target = {
        "Arn": f"arn:aws:sqs:eu-west-1:{account.id}:q",
        "RoleArn": account.role("scheduler.amazonaws.com"),
    }
    code, _ = error(
        schedule,
        Name=unique("schedule"),
        ScheduleExpression=expression,
        FlexibleTimeWindow={"Mode": "OFF"},
        Target=target,
    )
    assert code == "ValidationException"


@pytest.mark.parametrize("expression", VALID)
def test_valid_schedule_expressions_are_accepted(account: Account, expression: str) -> None:
    """A cron expression may contain ranges, lists, increments, names, L, W, and #.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html
    """
    account.client("events").put_rule(Name=unique("rule"), ScheduleExpression=expression)


def test_a_rule_has_a_pattern_or_a_schedule(account: Account) -> None:
    """A rule has an event pattern or a schedule, and a schedule only on the default event bus.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html
    """
    events, bus = account.client("events"), unique("bus")
    assert error(events.put_rule, Name=unique("rule"))[0] == "ValidationException"
    events.create_event_bus(Name=bus)
    scheduled = {"Name": unique("rule"), "EventBusName": bus, "ScheduleExpression": "rate(1 hour)"}
    assert error(events.put_rule, **scheduled)[0] == "ValidationException"


def target(account: Account, service: str = "sqs", id_: str = "1", resource: str = "q") -> dict[str, Any]:
    return {"Id": id_, "Arn": f"arn:aws:{service}:eu-west-1:{account.id}:{resource}"}


def test_a_rule_has_five_targets(account: Account) -> None:
    """A rule has at most five targets.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html
    """
    events, rule = account.client("events"), unique("rule")
    events.put_rule(Name=rule, ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule=rule, Targets=[target(account, id_=str(number)) for number in range(5)])
    events.put_targets(Rule=rule, Targets=[target(account, id_="4")])
    code, _ = error(events.put_targets, Rule=rule, Targets=[target(account, id_="5")])
    assert code == "LimitExceededException"


def test_a_rule_with_targets_is_not_deleted(account: Account) -> None:
    """A rule is deleted only after its targets are removed.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_DeleteRule.html
    """
    events, rule = account.client("events"), unique("rule")
    events.put_rule(Name=rule, ScheduleExpression="rate(1 hour)")
    events.put_targets(Rule=rule, Targets=[target(account)])
    refused = ("ValidationException", "Rule can't be deleted since it has targets.")
    assert error(events.delete_rule, Name=rule) == refused
    events.remove_targets(Rule=rule, Ids=["1"])
    events.delete_rule(Name=rule)


def test_a_state_machine_is_a_target_with_a_role(account: Account) -> None:
    """A state machine is started with a role of the target's.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_Target.html
    """
    events, rule = account.client("events"), unique("rule")
    events.put_rule(Name=rule, ScheduleExpression="rate(1 hour)")
    machine = target(account, "states", resource="stateMachine:m")
    assert error(events.put_targets, Rule=rule, Targets=[machine])[0] == "ValidationException"


def test_the_events_of_a_request_have_a_limit(account: Account) -> None:
    """The events of a request have at most 1 MB together.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html
    """
    event = {"Source": "test", "DetailType": "t", "Detail": '{"a": "' + "x" * 600_000 + '"}'}
    assert error(account.client("events").put_events, Entries=[event, event])[0] == "ValidationException"
