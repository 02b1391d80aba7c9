"""Events with difficult content, and readers of the exported formats that are independent of Slipway."""

import gzip
import json
import random
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

HOUR_MS = 3_600_000
LONG_EVERY = 5  # seeds that have one message of that length
LONGEST = 262_144 - 26  # bytes of a message of 256 KiB, less what CloudWatch adds
SAMPLES = Path(__file__).parents[3] / "shared/data/logs"
NASTY = (
    "plain",
    "with newline\n",
    "two\nlines",
    "\n\nbegins with them",
    "windows\r\nends",
    "lone\rreturn",
    "tab\tand\ttabs",
    "quotes \" and ' and `",
    "back\\slash \\n \\t \\\\",
    "NUL \0 inside",
    "\x1b[31mred\x1b[0m \x7f \x85 \u2028 \ufeff",
    "äöü ß é",
    "\N{GRINNING FACE} \U0001f468\u200d\U0001f469\u200d\U0001f467 \U0010ffff",
    '{"level": "error", "message": "JSON in {it}", "n": [1, 2]}',
    "{not json",
    " ",  # PutLogEvents rejects an empty message
    "2026-05-01T10:00:00.000Z looks like an export",
    "111111111111:eu-west-1\t1714557845000\tlooks like a line of ours",
    "<script>alert(1)</script>",
)

Group = tuple[str, str, str]  # account, region, name
Event = tuple[str, str, str, str, int, str]  # account, region, group, stream, time, message


def samples() -> list[str]:
    """Return lines of real logs, if they are available."""
    found: list[str] = []
    for path in sorted(SAMPLES.glob("*_2k.log")) if SAMPLES.exists() else []:
        found += filter(None, path.read_text("utf-8").splitlines())
    return found


def make_messages(count: int, seed: int) -> Iterator[str]:
    """Yield messages, deterministic by seed: difficult, real, long, and equal ones."""
    chance = random.Random(seed)
    real = samples() or ["INFO a made line"]
    if seed % LONG_EVERY == 0:
        count -= 1
        yield "long " + "x\n\U0001f600é" * ((LONGEST - 5) // 8)
    for number in range(count):
        kind = chance.random()
        if kind < 0.3:
            yield chance.choice(NASTY)
        elif kind < 0.9:
            yield chance.choice(real)
        else:
            yield f"number {number} of seed {seed}"


def make_batches(messages: Sequence[str], now_ms: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield sorted batches for PutLogEvents, with past and future timestamps, in no order of batches."""
    chance = random.Random(seed)
    batch: list[dict[str, Any]] = []
    size = 0
    for message in messages:
        length = len(message.encode()) + 26
        if batch and (size + length > 1_000_000 or len(batch) == 400):
            yield sorted(batch, key=lambda event: event["timestamp"])
            batch, size = [], 0
        at = now_ms + chance.choice((-3 * HOUR_MS, -HOUR_MS, -60_000, -1, 0, 0, 0, HOUR_MS, 7_000_000))
        batch.append({"timestamp": at, "message": message})
        size += length
    yield sorted(batch, key=lambda event: event["timestamp"])


def read_json(body: bytes) -> Iterator[tuple[str, Event]]:
    """Yield the ID and event of each line."""
    for line in gzip.decompress(body).split(b"\n")[:-1]:
        row = json.loads(line)
        names = ("account", "region", "group", "stream", "timestamp", "message")
        yield row["id"], tuple(row[name] for name in names)


def read_raw(key: str, body: bytes) -> Iterator[Event]:
    """Yield the events of escaped lines; account and region come from the key."""
    place = re.search(r"account=(\d{12})/region=([^/]+)/", key)
    assert place
    plain = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
    for line in gzip.decompress(body).decode().split("\n")[:-1]:
        origin, at, message = line.split("\t")
        group, _, stream = origin.partition(":")
        text = re.sub(r"\\(.)", lambda found: plain[found[1]], message)
        yield place[1], place[2], group, stream, int(at), text


def read_cloudwatch(body: bytes) -> Iterator[tuple[str, Event]]:
    """Yield the ID and event of gzip members that hold a subscription record each."""
    while body:
        inflater = zlib.decompressobj(31)
        record = json.loads(inflater.decompress(body))
        body = inflater.unused_data
        if record["messageType"] != "DATA_MESSAGE":
            continue
        region = record["subscriptionFilters"][0].removeprefix("slipway-")
        for event in record["logEvents"]:
            yield (
                event["id"],
                (
                    record["owner"],
                    region,
                    record["logGroup"],
                    record["logStream"],
                    event["timestamp"],
                    event["message"],
                ),
            )
