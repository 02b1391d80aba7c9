"""The log processor, compared with a plain transform of the same records.

    python benchmarks/processor.py [MEGABYTES]

The plain transform decodes, gunzips, parses, joins and measures its response, as common exporters do. It does
not escape, and writes JSON with `json.dumps`. Each variant runs in its own processes, in turn with the
others; the results are the best throughput, in MB of messages, and the peak memory. `packaged` has orjson and
isal, `inline` only the standard library. The cost per GB is computed from the throughput and Lambda's list
price, with one core as one vCPU, which a Lambda function has with 1,769 MB.
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
# Of one invocation: with JSON's fields around every message, its response still fits in 6 MB.
INVOCATION_BYTES, INVOCATION_EVENTS = 1_200_000, 9_000
EVENTS = 150  # per record
RESPONSE_BYTES = 6_000_000
TURNS, ROUNDS = 4, 3  # the variants take turns, so that other load affects all of them
LAMBDA_GB_S = 0.0000133334  # USD, arm64, us-east-1: AWS Lambda pricing
MEMORY_GB = 1769 / 1024
TARGETS = {"packaged": 1.5, "inline": 1.0}
MEMORY_TARGET = 1.2


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
    """Transform an event with plainly joined lines, and measure the response by its string form."""
    results = []
    size = 0
    for record in event["records"]:
        data = json.loads(gzip.decompress(base64.b64decode(record["data"])))
        text = lines(data)
        encoded = base64.b64encode(text.encode("utf-8")).decode("utf-8")
        result = {"recordId": record["recordId"], "result": "Ok", "data": encoded}
        size += len(str(result))
        if size > RESPONSE_BYTES:
            raise OverflowError("the sample does not fit in a response")
        results.append(result)
    return {"records": results}


def messages() -> list[str]:
    """Return the lines of the public samples, or generated ones if the samples do not exist."""
    files = sorted(SAMPLES.glob("*.log"))
    lines = [line for file in files for line in file.read_text("utf-8", "replace").splitlines()]
    if lines:
        return lines
    rng = random.Random(1)
    return [
        f"2026-11-24 10:00:00,123 INFO  [worker-{n % 50}] com.example.Orders: GET /api/v1/orders/{n} from "
        f"10.0.{n % 256}.17 took {n} ms, trace {rng.random():.17f}"
        for n in range(20_000)
    ]


def events(megabytes: int) -> list[dict[str, Any]]:
    """Return invocations by Firehose with so many MB of messages, each record within one hour."""
    lines = messages()
    rng = random.Random(2)
    invocations: list[dict[str, Any]] = []
    records: list[dict[str, str]] = []
    size = total = 0
    while total < megabytes * 1_000_000:
        first = rng.randrange(len(lines) - EVENTS)  # adjacent lines, as in a log stream
        batch = [line + rng.choice(("", "\n")) for line in lines[first : first + EVENTS]]
        start = 1_764_000_000_000 + rng.randrange(1000)
        number = start << 140  # like CloudWatch's event ids: time, then a counter
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
        if size > INVOCATION_BYTES or len(records) * EVENTS >= INVOCATION_EVENTS:
            invocations.append({"records": records})
            total += size
            records, size = [], 0
    return invocations


def write(megabytes: int, file: Path) -> None:
    """Write one invocation per line, and print the number of characters of all messages."""
    invocations = events(megabytes)
    file.write_text("".join(json.dumps(invocation) + "\n" for invocation in invocations))
    encoded = [record["data"] for invocation in invocations for record in invocation["records"]]
    decoded = (json.loads(gzip.decompress(base64.b64decode(data))) for data in encoded)
    print(sum(len(event["message"]) for record in decoded for event in record["logEvents"]))


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


def transform(variant: str, output_format: str) -> Any:
    if variant == "reference":
        return partial(reference, lines=plain_json if output_format == "json" else plain_raw)
    if variant == "inline":
        sys.modules |= {"orjson": None, "isal": None}  # type: ignore[dict-item]
    os.environ |= {
        "FORMAT": output_format, "STREAM": "s", "BUCKET": "b", "PREFIX": "",
        "AWS_DEFAULT_REGION": "eu-west-1",
    }  # fmt: skip
    spec = importlib.util.spec_from_file_location("log_processor", SOURCE)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return lambda event: module.handler(event, Context())


def measure(variant: str, output_format: str, file: Path) -> None:
    """Print the seconds of the transform and the peak memory of this process.

    As in Lambda, one invocation is in memory at a time.
    """
    run = transform(variant, output_format)
    best = float("inf")
    for turn in range(1 + ROUNDS):
        seconds = 0.0
        with file.open() as lines:
            for line in lines:
                invocation = json.loads(line)
                start = time.process_time()
                results = run(invocation)["records"]
                seconds += time.process_time() - start
                assert [result["result"] for result in results] == ["Ok"] * len(invocation["records"])
        best = min(best, seconds) if turn else best  # the first turn is a warm-up
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": best, "peak_mb": peak}))


def main(megabytes: int) -> int:
    file = Path(f"/tmp/processor-{os.getpid()}.json")
    size = _run("write", megabytes, file)  # in another process: child processes inherit the peak memory
    failed = False
    try:
        for output_format in ("raw", "json"):
            variants = ("reference", "inline", "packaged")
            turns = [{v: _run(v, output_format, file) for v in variants} for _ in range(TURNS)]
            results = {v: _best([turn[v] for turn in turns]) for v in variants}
            base = results["reference"]
            for variant, figures in results.items():
                ratio, memory = base["seconds"] / figures["seconds"], figures["peak_mb"] / base["peak_mb"]
                mb_s = size / figures["seconds"] / 1e6
                cost = 1000 / mb_s * MEMORY_GB * LAMBDA_GB_S
                print(
                    f"{output_format:4} {variant:9} {mb_s:6.1f} MB/s  {ratio:4.2f} x   "
                    f"{figures['peak_mb']:6.0f} MB  {memory:4.2f} x   {cost * 100:.3f} US cents/GB"
                )
                failed |= ratio < TARGETS.get(variant, 0)
                failed |= memory > MEMORY_TARGET
    finally:
        file.unlink()
    print("targets: packaged ≥ 1.5 x, inline ≥ 1.0 x of the reference; memory ≤ 1.2 x")
    return int(failed)


def _best(turns: list[dict[str, float]]) -> dict[str, float]:
    return {"seconds": min(t["seconds"] for t in turns), "peak_mb": max(t["peak_mb"] for t in turns)}


def _run(*arguments: object) -> Any:
    command = [sys.executable, __file__, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": "."}  # the handler imports what it shares with others
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment).stdout)


if __name__ == "__main__":
    if sys.argv[1:2] == ["write"]:
        write(int(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) == 4:
        measure(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES))
