"""CloudWatch Logs: the IDs of events."""

import time

from tests.conformance.callers import Account, unique


def test_the_ids_of_events_ascend_within_a_millisecond(account: Account) -> None:
    """Events of the same millisecond have IDs in the order in which they arrived.

    https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html
    """
    logs, group = account.client("logs"), unique("group")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    for start in (0, 20):
        logs.put_log_events(
            logGroupName=group,
            logStreamName="s",
            logEvents=[{"timestamp": now, "message": f"{number:02}"} for number in range(start, start + 20)],
        )
    events = logs.filter_log_events(logGroupName=group)["events"]
    by_id = sorted(events, key=lambda event: str(event["eventId"]))
    assert [event["message"] for event in by_id] == [f"{number:02}" for number in range(40)]
