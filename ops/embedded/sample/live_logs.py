"""New lines in the sample's log groups, as programs that go on would write them."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.embedded.accounts import ACCOUNTS
from ops.embedded.sample.logs import SampleLog, sample_logs

TURN_S = 5.0
OCCASIONS = 8  # a turn
LONGEST_S = 2 * 3600.0  # from a start: what nobody looks at must not fill the disk

Client = Callable[[str, str, str], Any]


def keep_writing(client: Client, *, lasts_s: float = LONGEST_S) -> None:
    """Returns when the time is up. `client` makes clients of a service, account and region."""
    client = cache(client)
    chance = random.Random()
    logs = sample_logs()
    weights = [log.a_day for log in logs]
    until = time.monotonic() + lasts_s
    while time.monotonic() < until:
        for log in chance.choices(logs, weights, k=OCCASIONS):
            _write(client, log, chance)
        time.sleep(TURN_S)


def _write(client: Client, log: SampleLog, chance: random.Random) -> None:
    account = next(account.id for account in ACCOUNTS if account.name == log.account)
    lines = sorted(log.lines(chance, datetime.now(UTC)), key=lambda line: line[0])
    events = [{"timestamp": round(at.timestamp() * 1000), "message": text} for at, text in lines]
    try:
        client("logs", account, log.region).put_log_events(
            logGroupName=log.group, logStreamName=log.stream, logEvents=events
        )
    except (ClientError, BotoCoreError):
        pass  # the group was deleted, or the cloud is about to stop
