"""New log events in the sample's log groups, as running programs would write them."""

import random
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ops.embedded.accounts import ACCOUNTS
from ops.embedded.sample.logs import SampleLog, sample_logs

INTERVAL_S = 5.0
WRITES_PER_INTERVAL = 8
MAX_DURATION_S = 2 * 3600.0  # after each start, so that an unattended cloud does not fill the disk

Client = Callable[[str, str, str], Any]


def keep_writing(client: Client, *, duration_s: float = MAX_DURATION_S) -> None:
    """Write log events until the time is up; `client` returns a client for service, account, and region."""
    client = cache(client)
    chance = random.Random()
    logs = sample_logs()
    weights = [log.events_per_day for log in logs]
    until = time.monotonic() + duration_s
    while time.monotonic() < until:
        for log in chance.choices(logs, weights, k=WRITES_PER_INTERVAL):
            _write(client, log, chance)
        time.sleep(INTERVAL_S)


def _write(client: Client, log: SampleLog, chance: random.Random) -> None:
    account = next(account.id for account in ACCOUNTS if account.name == log.account)
    lines = sorted(log.lines(chance, datetime.now(UTC)), key=lambda line: line[0])
    events = [
        {"timestamp": round(timestamp.timestamp() * 1000), "message": text} for timestamp, text in lines
    ]
    try:
        client("logs", account, log.region).put_log_events(
            logGroupName=log.group, logStreamName=log.stream, logEvents=events
        )
    except (ClientError, BotoCoreError):
        pass  # the group was deleted, or the cloud is about to stop
