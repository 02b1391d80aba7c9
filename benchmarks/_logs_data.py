"""Log data for the benchmarks, generated from a seed: a day of 50 log groups in each storage format.

Application lines come from the loghub samples in `../shared/data/logs` if they exist, else from built-in
lines. In addition, there are Lambda REPORT lines, access logs, JSON, and stack traces.
"""

import gzip
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ops.logs.lake.layout import Location, LogFormat, Partition, folder

DAY = datetime(2026, 11, 23, tzinfo=UTC)
HOURS = 24
SAMPLES = Path(__file__).parent.parent.parent / "shared" / "data" / "logs"
ACCOUNT, REGION = "111111111111", "eu-west-1"
PLACE = Location("bench")
OBJECTS_PER_HOUR = 8
GROUPS = (
    [f"/aws/lambda/service-{n:02}" for n in range(20)]
    + [f"/ecs/app-{n:02}" for n in range(20)]
    + [f"/web/access-{n:02}" for n in range(10)]
)
BUILT_IN_LINES = [
    "INFO  Connection 10.0.3.17 accepted after 17 ms",
    "WARN  Slow query took 1834 ms on table orders",
    "ERROR Request 7183 failed: upstream timeout after 30000 ms",
]
STACK = (
    "java.lang.IllegalStateException: {n} items\n\tat com.acme.Shop.buy(Shop.java:{a})\r\n"
    '\tat com.acme.Main.main(Main.java:{b})\nCaused by: java.io.IOException: "pipe"\rbroken'
)

Event = tuple[str, str, int, str]  # group, stream, epoch ms, message


def events(seed: int, hour: int, count: int, matching: float = 0.0) -> Iterator[Event]:
    """Yield the events of an hour in order of time; the same seed yields the same events.

    A share of the events, from 0 to 1, is `matching`: an error with a timeout, of which there are few else.
    """
    rng = random.Random(f"{seed}/{hour}")
    start = int((DAY + timedelta(hours=hour)).timestamp() * 1000)
    lines = samples()
    roll, pick = rng.random, rng.randrange
    for n in range(count):
        at = start + n * 3_600_000 // count
        index = pick(50)
        group = GROUPS[index]
        stream = f"stream-{pick(4)}"
        if matching and roll() < matching:
            yield group, stream, at, timed_out(pick)
        else:
            yield group, stream, at, message(index, roll(), pick, lines, rng)


def message(index: int, roll: float, pick, lines: list[str], rng: random.Random) -> str:  # type: ignore[no-untyped-def]
    if index < 20 and roll < 0.3:
        took, memory = pick(100, 900_000), pick(40, 512)
        return (
            f"REPORT RequestId: {uuid(rng)}\tDuration: {took / 100} ms\t"
            f"Billed Duration: {took // 100 + 1} ms\tMemory Size: 512 MB\tMax Memory Used: {memory} MB\t"
        )
    if index >= 40:
        return (
            f'10.{pick(256)}.{pick(256)}.{pick(256)} - - "GET /api/v1/items/{pick(100000)}?page={pick(50)} '
            f'HTTP/1.1" {(200, 200, 200, 404, 500)[pick(5)]} {pick(90000)} {pick(1000) / 1000}'
        )
    if roll > 0.995:
        return STACK.format(n=pick(1000), a=pick(900), b=pick(900))
    if roll > 0.98:
        return json.dumps({"level": "info", "took": pick(5000), "user": uuid(rng), "path": "/cart"})
    if roll > 0.9798:
        return timed_out(pick)
    line = lines[pick(len(lines))]
    return line.replace("0", str(pick(10))).replace("5", str(pick(100)))


def timed_out(pick) -> str:  # type: ignore[no-untyped-def]
    return f"ERROR Request {pick(100000)} failed: upstream timeout after {pick(30000)} ms"


def account(number: int) -> str:
    """Return the id of the account with this number, from 0."""
    return f"{int(ACCOUNT) + number:012}"


def uuid(rng: random.Random) -> str:
    h = f"{rng.getrandbits(128):032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def samples() -> list[str]:
    files = sorted(SAMPLES.glob("*_2k.log"))
    lines = [line for file in files for line in file.read_text("utf-8", "replace").splitlines() if line]
    return lines or BUILT_IN_LINES


def escape(text: str) -> str:
    """Escape a raw message as the log processor does, so that an event is one line."""
    return text.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def encode(kind: LogFormat, batch: list[Event]) -> bytes:
    """Return the uncompressed content of an object of this kind with the batch."""
    if kind is LogFormat.RAW:
        return "".join(f"{g}:{s}\t{t}\t{escape(m)}\n" for g, s, t, m in batch).encode()
    if kind is LogFormat.OLDER:
        return "".join(f"{g}:{s}\t{t}\t{m}\n" for g, s, t, m in batch).encode()
    source = {"account": ACCOUNT, "region": REGION}
    return b"".join(
        json.dumps(
            {**source, "group": g, "stream": s, "timestamp": t, "id": f"{t:020}{n:036}", "message": m},
            ensure_ascii=False,
            separators=(",", ":"),
        ).encode()
        + b"\n"
        for n, (g, s, t, m) in enumerate(batch)
    )


def write(
    root: Path, kind: LogFormat, count: int, *, seed: int = 1, packed: bool = True, matching: float = 0.0
) -> int:
    """Write a day of `count` events as files below `root`, and return their uncompressed size in bytes."""
    total = 0
    for hour in range(HOURS):
        partition = Partition(DAY + timedelta(hours=hour), ACCOUNT, REGION)
        all_events = list(events(seed, hour, count // HOURS, matching))
        size = -(-len(all_events) // OBJECTS_PER_HOUR)
        for n in range(OBJECTS_PER_HOUR):
            body = encode(kind, all_events[n * size : (n + 1) * size])
            total += len(body)
            path = root / folder(PLACE, kind, partition) / f"part-{n:03}{'.gz' if packed else ''}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(body, 6, mtime=0) if packed else body)
    return total
