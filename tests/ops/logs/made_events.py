"""Events of every kind that the saved queries read."""

from collections.abc import Iterator
from datetime import datetime

START = datetime(2026, 11, 23)
LAMBDA, WEB, VPC, TRAIL, APP = "/aws/lambda/pay", "/web/access", "/vpc/flows", "/cloudtrail", "/app"


def report(number: int, duration: float, init: str = "") -> str:
    return (
        f"REPORT RequestId: 3f2a-{number}\tDuration: {duration} ms\tBilled Duration: {int(duration) + 1} ms\t"
        f"Memory Size: 512 MB\tMax Memory Used: {80 + number} MB\t{init}"
    )


def access(status: int, latency: str) -> str:
    return (
        f'10.0.0.1 - - [23/Nov/2026:00:00:00 +0000] "GET /x HTTP/1.1" {status} 512 "-" "curl 1.0" {latency}'
    )


def flow(source: str, port: int, sent: int, action: str) -> str:
    return f"2 111111111111 eni-0ab1 {source} 10.0.0.9 40000 {port} 6 3 {sent} 1 2 {action} OK"


def call(name: str, *, read: bool = False, error: str = "") -> str:
    refused = f', "errorCode": "{error}"' if error else ""
    return (
        f'{{"eventSource": "s3.amazonaws.com", "eventName": "{name}", "awsRegion": "eu-west-1", '
        f'"userIdentity": {{"arn": "arn:aws:iam::1:user/ada"}}, "readOnly": {str(read).lower()}{refused}}}'
    )


def rows() -> Iterator[tuple[str, float, str, str | None]]:
    """Group, minute after the start, message, level."""
    yield LAMBDA, 0, report(1, 120.5, "Init Duration: 300.25 ms"), None
    yield LAMBDA, 1, report(2, 20.25), None
    yield LAMBDA, 2, report(3, 900.0), None
    for minute, status in enumerate([200, 200, 503, 404, 500, 200]):
        yield WEB, minute * 3, access(status, f"{0.1 * (minute + 1):.3f}"), None
    yield WEB, 20, '{"status": 502, "latency_ms": 7.5}', None
    yield VPC, 1, flow("10.9.9.9", 22, 100, "REJECT"), None
    yield VPC, 2, flow("10.9.9.9", 22, 50, "REJECT"), None
    yield VPC, 3, flow("10.0.0.1", 443, 9000, "ACCEPT"), None
    yield VPC, 4, "2 111111111111 eni-0ab1 - - - - - - - 1 2 - NODATA", None
    yield TRAIL, 5, call("DeleteBucket"), None
    yield TRAIL, 6, call("DeleteBucket", error="AccessDenied"), None
    yield TRAIL, 7, call("ListBuckets", read=True), None
    yield TRAIL, 8, '{"eventSource": broken', None
    yield APP, 0, "ERROR cannot reach 10", "ERROR"
    yield APP, 3, "ERROR cannot reach 11", "ERROR"
    yield APP, 4, "FATAL gone", "FATAL"
    yield APP, 60, "INFO back after 3 tries", "INFO"
    yield APP, 30 * 60, "WARN never seen before 7", "WARN"
    yield APP, 30 * 60 + 1, "", None
    yield APP, 30 * 60 + 2, "naïve 🙂 '; DROP TABLE events; --", None
