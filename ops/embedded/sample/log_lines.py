"""Log lines as AWS services and programs write them. Each function yields one invocation or request."""

import json
import random
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

Event = tuple[datetime, str]
Lines = Callable[[random.Random, datetime], Iterator[Event]]

PATHS = ("/", "/cart", "/checkout", "/search?q=lamp", "/product/4711", "/product/815", "/login", "/health")
AGENTS = ("Mozilla/5.0 (X11; Linux x86_64)", "curl/8.5.0", "ELB-HealthChecker/2.0", "Googlebot/2.1")
HOSTILE = (
    "GET /?q=<script>alert('x')</script> refused",
    "user agent: \x1b[31mred\x1b[0m \u202ereversed",
    "name '); DROP TABLE orders; --",
    "=cmd|' /C calc'!A0 in a field for spreadsheets",
    'a\ttab, a "quote", a back\\slash and \N{GRINNING FACE}',
)
TRACE = """\
Traceback (most recent call last):
  File "/app/shop/orders.py", line 118, in place
    charge = payments.charge(order.total, token)
  File "/app/shop/payments.py", line 42, in charge
    raise PaymentTimeout(f"no answer from the bank after {seconds} s")
shop.payments.PaymentTimeout: no answer from the bank after 30 s"""


def function(chance: random.Random, at: datetime) -> Iterator[Event]:
    """Yield one invocation of a Lambda function, sometimes with a cold start."""
    id_ = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    duration = chance.lognormvariate(4, 1)
    yield at, f"START RequestId: {id_} Version: $LATEST\n"
    yield at, f"{at:%Y-%m-%dT%H:%M:%S}Z {id_} INFO order {chance.randrange(10_000, 99_999)} received\n"
    if chance.random() < 0.03:
        yield at, f"{at:%Y-%m-%dT%H:%M:%S}Z {id_} ERROR Task timed out after 30.00 seconds\n"
    end = at + timedelta(milliseconds=duration)
    cold = f"\tInit Duration: {chance.uniform(180, 900):.2f} ms" if chance.random() < 0.08 else ""
    yield end, f"END RequestId: {id_}\n"
    yield (
        end,
        f"REPORT RequestId: {id_}\tDuration: {duration:.2f} ms\tBilled Duration: {int(duration) + 1} ms\t"
        f"Memory Size: 256 MB\tMax Memory Used: {chance.randrange(70, 240)} MB{cold}\t\n",
    )


def application(chance: random.Random, at: datetime) -> Iterator[Event]:
    """Yield a line of the shop's web server, sometimes a stack trace or an attacker's input."""
    stamp = f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}"
    kind = chance.random()
    if kind < 0.02:
        yield at, f"{stamp} ERROR shop.orders order {chance.randrange(99_999)} failed\n{TRACE}"
    elif kind < 0.04:
        yield at, f"{stamp} WARN shop.web {chance.choice(HOSTILE)}"
    elif kind < 0.12:
        yield (
            at,
            f"{stamp} WARN shop.db slow query: {chance.randrange(500, 9000)} ms, 3 of 5 connections in use",
        )
    elif kind < 0.14:
        yield at, f"{stamp} ERROR shop.db connection to 10.0.{chance.randrange(4)}.17:5432 timed out"
    else:
        yield at, f"{stamp} INFO shop.web session {chance.getrandbits(64):016x} opened {chance.choice(PATHS)}"


def structured(chance: random.Random, at: datetime) -> Iterator[Event]:
    """Yield one JSON document."""
    level = chance.choices(("info", "warn", "error"), (90, 7, 3))[0]
    document = {
        "time": f"{at:%Y-%m-%dT%H:%M:%S}Z",
        "level": level,
        "message": {"info": "order placed", "warn": "stock is low", "error": "payment refused"}[level],
        "order": {"id": chance.randrange(10_000, 99_999), "total": round(chance.uniform(5, 400), 2)},
        "customer": f"c-{chance.randrange(1000)}",
        "duration_ms": chance.randrange(5, 900),
    }
    yield at, json.dumps(document)


def access(chance: random.Random, at: datetime) -> Iterator[Event]:
    """Yield one request in the combined log format, with its duration in seconds at the end."""
    status = chance.choices((200, 301, 404, 500, 502), (92, 3, 3, 1, 1))[0]
    address = f"203.0.113.{chance.randrange(1, 255)}"
    took = chance.lognormvariate(-3, 1)
    yield (
        at,
        f'{address} - - [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {chance.choice(PATHS)} HTTP/1.1" {status} '
        f'{chance.randrange(200, 60_000)} "-" "{chance.choice(AGENTS)}" {took:.3f}',
    )


def flow(chance: random.Random, at: datetime) -> Iterator[Event]:
    """Yield one record of VPC flow logs, version 2."""
    start = int(at.timestamp())
    action = "REJECT" if chance.random() < 0.15 else "ACCEPT"
    port = chance.choice((443, 443, 443, 5432, 22, 3389))
    yield (
        at,
        f"2 111111111111 eni-0a1b2c3d 198.51.100.{chance.randrange(1, 255)} 10.0.1.{chance.randrange(4, 40)} "
        f"{chance.randrange(1024, 65_536)} {port} 6 {chance.randrange(1, 90)} {chance.randrange(60, 90_000)} "
        f"{start} {start + 60} {action} OK",
    )


def trail(chance: random.Random, at: datetime) -> Iterator[Event]:
    """Yield one CloudTrail record."""
    source, name = chance.choice(
        (
            ("ec2.amazonaws.com", "DescribeInstances"),
            ("s3.amazonaws.com", "PutObject"),
            ("iam.amazonaws.com", "CreateAccessKey"),
            ("sts.amazonaws.com", "AssumeRole"),
            ("rds.amazonaws.com", "DescribeDBInstances"),
        )
    )
    user = chance.choice(("alice", "bob", "deploy"))
    document = {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "userName": user,
            "arn": f"arn:aws:iam::111111111111:user/{user}",
        },
        "eventTime": f"{at:%Y-%m-%dT%H:%M:%S}Z",
        "eventSource": source,
        "eventName": name,
        "awsRegion": "eu-west-1",
        "sourceIPAddress": f"203.0.113.{chance.randrange(1, 255)}",
        "eventID": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        **({"errorCode": "AccessDenied"} if chance.random() < 0.05 else {}),
    }
    yield at, json.dumps(document)
