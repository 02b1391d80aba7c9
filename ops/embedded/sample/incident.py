"""The sample's incident: for 40 minutes, a release of the shop has too few connections to its database.

At BEGINS before the end of the sample's day, `deploy` updates the service shop-web to release 2.14.0, which
reduces the connection pool from 40 to 5. Checkouts wait for a connection: the web server logs an exhausted
pool, orders fail, the load balancer returns 503, and the checkout function times out. `alice` rolls back.
"""

import json
import random
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from ops.embedded.sample.log_lines import Event, Lines

BEGINS = timedelta(minutes=100)
LASTS = timedelta(minutes=40)
GOOD, BAD = "2.13.2", "2.14.0"


def incident_in(group: str, chance: random.Random, end: datetime) -> Iterator[Event]:
    """Yield the incident's events in a log group of production's home region; most groups have none."""
    begin = end - BEGINS
    over = begin + LASTS
    if group == "/audit/cloudtrail":
        yield _update(chance, begin, "deploy", "shop-web:214")
        yield _update(chance, over, "alice", "shop-web:213")
    elif group == "/ecs/shop-web":
        yield _release(begin, BAD, 5)
        yield _release(over, GOOD, 40)
    lines, count = _LINES.get(group, (_nothing, 0))
    for _ in range(count):
        at = begin + timedelta(seconds=chance.triangular(20, LASTS.total_seconds(), 600))
        yield from lines(chance, at)


def _update(chance: random.Random, at: datetime, user: str, task: str) -> Event:
    document = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "userName": user,
            "arn": f"arn:aws:iam::111111111111:user/{user}",
        },
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%S}Z",
        "eventSource": "ecs.amazonaws.com",
        "eventName": "UpdateService",
        "awsRegion": "eu-west-1",
        "sourceIPAddress": f"203.0.113.{chance.randrange(1, 255)}",
        "eventID": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        "requestParameters": {"service": "shop-web", "taskDefinition": task},
    }
    return at, json.dumps(document)


def _release(at: datetime, release: str, connections: int) -> Event:
    return at, f"{_stamp(at)} INFO shop.web release={release} started, pool_size={connections}"


def _exhausted(chance: random.Random, at: datetime) -> Iterator[Event]:
    yield (
        at,
        f"{_stamp(at)} ERROR shop.db checkout {chance.randrange(10_000, 99_999)} failed: connection pool "
        f"exhausted, 5 of 5 in use, {chance.randrange(3, 60)} waiting, release={BAD}",
    )


def _failed_order(chance: random.Random, at: datetime) -> Iterator[Event]:
    document = {
        "time": f"{at:%Y-%m-%dT%H:%M:%S}Z",
        "level": "error",
        "message": "checkout failed: no database connection",
        "order": {"id": chance.randrange(10_000, 99_999), "total": round(chance.uniform(5, 400), 2)},
        "customer": f"c-{chance.randrange(1000)}",
        "release": BAD,
        "duration_ms": chance.randrange(5_000, 30_000),
    }
    yield at, json.dumps(document)


def _unavailable(chance: random.Random, at: datetime) -> Iterator[Event]:
    yield (
        at,
        f'203.0.113.{chance.randrange(1, 255)} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /checkout HTTP/1.1" '
        f'503 162 "-" "Mozilla/5.0 (X11; Linux x86_64)" {chance.uniform(5, 30):.3f}',
    )


def _timed_out(chance: random.Random, at: datetime) -> Iterator[Event]:
    yield (
        at,
        f"{_stamp(at)} ERROR checkout service returned 503: no order after {chance.randrange(2, 5)} tries",
    )


def _nothing(chance: random.Random, at: datetime) -> Iterator[Event]:
    return iter(())


def _stamp(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"


_LINES: dict[str, tuple[Lines, int]] = {
    "/ecs/shop-web": (_exhausted, 90),
    "/shop/orders": (_failed_order, 60),
    "/shop/access": (_unavailable, 70),
    "/aws/lambda/checkout": (_timed_out, 40),
}
