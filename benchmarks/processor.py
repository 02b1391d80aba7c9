"""The log processor against a plain transform of the same records in one run.

    python benchmarks/processor.py [MEGABYTES]

The plain one decodes, gunzips, parses, joins and measures its reply, as the known exporter's does; it escapes
nothing, and writes JSON with `json.dumps`. Each variant runs in processes of its own, in turn with the
others; the figures are the best throughput, in MB of messages, and the process's peak memory. `packaged` has
orjson and isal, `inline` the standard library only. What a GB costs follows from Lambda's list price and the
throughput; a Lambda with 1,769 MB has one vCPU, which stands for the core that is measured here.
"""

import base64
import gzip
import importlib.util
import json
import os
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

SOURCE = Path("ops/functions/log_processor/handler.py")
SAMPLES = Path("../shared/data/logs")
MEGABYTES = 64
INVOCATION_BYTES = 1_200_000  # of messages in one invocation: fits the reply in every variant
EVENTS = 150  # in a record
REPLY_BYTES = 6_000_000
TURNS, ROUNDS = 4, 3  # the variants take turns, so that what else the machine does befalls all alike
LAMBDA_GB_S = 0.0000133334  # USD, arm64, us-east-1: AWS Lambda pricing
MEMORY_GB = 1769 / 1024
BARS = {"packaged": 1.5, "inline": 1.0}
MEMORY_BAR = 1.2


def plain_raw(data: dict[str, Any]) -> str:
    return "".join(
        f"{data['logGroup']}:{data['logStream']}\t{e['timestamp']}\t{e['message']}\n"
        for e in data["logEvents"]
    )


def plain_json(data: dict[str, Any]) -> str:
    place = {"account": data["owner"], "region": data["subscriptionFilters"][0].removeprefix("slipway-")}
    names = {**place, "group": data["logGroup"], "stream": data["logStream"]}
    return "".join(json.dumps({**names, **e}, ensure_ascii=False) + "\n" for e in data["logEvents"])


def reference(event: dict[str, Any], lines: Callable[[dict[str, Any]], str]) -> dict[str, Any]:
    """The plain transform: lines joined as they are, the reply measured as Python prints it."""
    answers = []
    size = 0
    for record in event["records"]:
        data = json.loads(gzip.decompress(base64.b64decode(record["data"])))
        text = lines(data)
        encoded = base64.b64encode(text.encode("utf-8")).decode("utf-8")
        answer = {"recordId": record["recordId"], "result": "Ok", "data": encoded}
        size += len(str(answer))
        if size > REPLY_BYTES:
            raise OverflowError("the sample must fit a reply")
        answers.append(answer)
    return {"records": answers}


def messages() -> list[str]:
    """Lines of the public samples; made-up ones where they are not at hand."""
    files = sorted(SAMPLES.glob("*.log"))
    lines = [line for file in files for line in file.read_text("utf-8", "replace").splitlines()]
    if lines:
        return lines
    chance = random.Random(1)
    return [f"2026-11-24 INFO request {chance.random():.17f} took {n} ms in {n % 50}" for n in range(20_000)]


def events(megabytes: int) -> list[dict[str, Any]]:
    """Invocations of Firehose that hold so many MB of messages, each record within one hour."""
    lines = messages()
    chance = random.Random(2)
    invocations: list[dict[str, Any]] = []
    records: list[dict[str, str]] = []
    size = total = 0
    while total < megabytes * 1_000_000:
        first = chance.randrange(len(lines) - EVENTS)  # a stream's lines are neighbours
        batch = [line + chance.choice(("", "\n")) for line in lines[first : first + EVENTS]]
        start = 1_764_000_000_000 + chance.randrange(1000)
        number = start << 140  # as CloudWatch's ids: time first, then a count
        record = {
            "messageType": "DATA_MESSAGE",
            "owner": "111111111111",
            "logGroup": "/aws/lambda/checkout",
            "logStream": "2026/11/24/[$LATEST]8f14e45fceea167a5a36dedd4bea2543",
            "subscriptionFilters": ["slipway-eu-west-1"],
            "logEvents": [
                {"id": f"{number + n:056d}", "timestamp": start + n, "message": text}
                for n, text in enumerate(batch)
            ],
        }
        data = base64.b64encode(gzip.compress(json.dumps(record).encode(), 6)).decode()
        records.append({"recordId": str(len(records)), "data": data})
        size += sum(map(len, batch))
        if size > INVOCATION_BYTES:
            invocations.append({"records": records})
            total += size
            records, size = [], 0
    return invocations


def write(megabytes: int, file: Path) -> None:
    """An invocation a line; prints how many characters their messages have."""
    invocations = events(megabytes)
    file.write_text("".join(json.dumps(invocation) + "\n" for invocation in invocations))
    datas = [record["data"] for invocation in invocations for record in invocation["records"]]
    opened = (json.loads(gzip.decompress(base64.b64decode(data))) for data in datas)
    print(sum(len(event["message"]) for record in opened for event in record["logEvents"]))


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def transform(variant: str, written: str) -> Any:
    if variant == "reference":
        return partial(reference, lines=plain_json if written == "json" else plain_raw)
    if variant == "inline":
        sys.modules |= {"orjson": None, "isal": None}  # type: ignore[dict-item]
    os.environ |= {
        "FORMAT": written, "STREAM": "s", "BUCKET": "b", "PREFIX": "", "AWS_DEFAULT_REGION": "eu-west-1",
    }  # fmt: skip
    spec = importlib.util.spec_from_file_location("log_processor", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda event: module.handler(event, Context())


def measure(variant: str, written: str, file: Path) -> None:
    """In a process of its own, an invocation in memory at a time, as in a Lambda: prints the seconds that the
    transform took and the peak memory."""
    run = transform(variant, written)
    best = float("inf")
    for turn in range(1 + ROUNDS):
        took = 0.0
        with file.open() as lines:
            for line in lines:
                invocation = json.loads(line)
                began = time.process_time()
                answered = run(invocation)["records"]
                took += time.process_time() - began
                assert [each["result"] for each in answered] == ["Ok"] * len(invocation["records"])
        best = min(best, took) if turn else best  # the first warms up
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": best, "peak_mb": peak}))


def main(megabytes: int) -> int:
    file = Path(f"/tmp/processor-{os.getpid()}.json")
    size = _run("write", megabytes, file)  # elsewhere: a process's peak counts in those that it starts
    failed = False
    try:
        for written in ("raw", "json"):
            variants = ("reference", "inline", "packaged")
            turns = [{v: _run(v, written, file) for v in variants} for _ in range(TURNS)]
            found = {v: _best([turn[v] for turn in turns]) for v in variants}
            base = found["reference"]
            for variant, figures in found.items():
                ratio, memory = base["seconds"] / figures["seconds"], figures["peak_mb"] / base["peak_mb"]
                mb_s = size / figures["seconds"] / 1e6
                cost = 1000 / mb_s * MEMORY_GB * LAMBDA_GB_S
                print(
                    f"{written:4} {variant:9} {mb_s:6.1f} MB/s  {ratio:4.2f} x   "
                    f"{figures['peak_mb']:6.0f} MB  {memory:4.2f} x   {cost * 100:.3f} US cents a GB"
                )
                failed |= ratio < BARS.get(variant, 0)
                failed |= memory > MEMORY_BAR
    finally:
        file.unlink()
    print("bars: packaged ≥ 1.5 x, inline ≥ 1.0 x of the reference; memory ≤ 1.2 x")
    return int(failed)


def _best(found: list[dict[str, float]]) -> dict[str, float]:
    return {"seconds": min(f["seconds"] for f in found), "peak_mb": max(f["peak_mb"] for f in found)}


def _run(*arguments: object) -> Any:
    command = [sys.executable, __file__, *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(int(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) == 4:
        measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES))
