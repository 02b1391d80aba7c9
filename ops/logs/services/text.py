"""Records of one line each, with fields by position: load balancers, S3 server access, CloudFront. Pure.

Fields have AWS's names, except for those that several services write: `status`, `client_ip`, `method`,
`path`, `user_agent`, `received_bytes`, `sent_bytes`, and `duration` (seconds) are the same everywhere.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from ops.logs.services.fields import (
    NOT_RECORDS,
    Skip,
    address,
    iso_millis,
    message_of,
    request_fields,
    text_or_none,
    value_of,
)
from ops.logs.services.model import Event, KeyFacts

_TOKEN = re.compile(r'"((?:[^"\\]|\\.|"(?! |$))*)"|\[([^\]]*)\](?= |$)|(\S+)')
# S3 does not escape quotation marks in a user agent; no field after it has any.
_S3_LINE = re.compile(r'(.*?) "([^"]*)" "(.*)"((?: [^" ]+)*)')
_LINES = "lines that are not records"

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
ALB = (
    "type time elb client target request_processing_time target_processing_time response_processing_time "
    "status target_status received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol "
    "target_group_arn trace_id domain_name chosen_cert_arn matched_rule_priority request_creation_time "
    "actions_executed redirect_url error_reason target_list target_status_list classification "
    "classification_reason conn_trace_id transformed_host transformed_uri request_transform_status"
).split()
# https://docs.aws.amazon.com/elasticloadbalancing/latest/network/load-balancer-access-logs.html
NLB = (
    "type version time elb listener client destination connection_time tls_handshake_time received_bytes "
    "sent_bytes incoming_tls_alert chosen_cert_arn chosen_cert_serial tls_cipher tls_protocol_version "
    "tls_named_group domain_name alpn_fe_protocol alpn_be_protocol alpn_client_preference_list "
    "tls_connection_creation_time"
).split()
# https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
CLB = (
    "time elb client backend request_processing_time backend_processing_time response_processing_time "
    "status backend_status received_bytes sent_bytes request user_agent ssl_cipher ssl_protocol"
).split()
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
S3 = (
    "bucket_owner bucket time client_ip requester request_id operation key request status error_code "
    "sent_bytes object_size total_time_ms turn_around_time_ms referrer user_agent version_id host_id "
    "signature_version cipher_suite authentication_type host_header tls_version access_point_arn "
    "acl_required source_region"
).split()
# https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
CLOUDFRONT = (
    "date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem sc-status cs(Referer) "
    "cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type x-edge-request-id x-host-header cs-protocol "
    "cs-bytes time-taken x-forwarded-for ssl-protocol ssl-cipher x-edge-response-result-type "
    "cs-protocol-version fle-status fle-encrypted-fields c-port time-to-first-byte "
    "x-edge-detailed-result-type sc-content-type sc-content-len sc-range-start sc-range-end"
).split()
COMMON_NAMES = {
    "c-ip": "client_ip", "c-port": "client_port", "sc-status": "status", "cs-method": "method",
    "cs-uri-stem": "path", "cs-uri-query": "query", "cs(User-Agent)": "user_agent", "cs(Referer)": "referrer",
    "sc-bytes": "sent_bytes", "cs-bytes": "received_bytes", "time-taken": "duration",
    "cs-protocol-version": "protocol",
}  # fmt: skip
_PHASES = ("request_processing_time", "target_processing_time", "backend_processing_time",
           "response_processing_time")  # fmt: skip


def read_alb(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    return _balancer(content, ALB, 12, "alb", facts, skip)


def read_nlb(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    return _balancer(content, NLB, 22, "nlb", facts, skip)


def read_clb(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    return _balancer(content, CLB, 12, "clb", facts, skip)


def _balancer(
    content: bytes, names: list[str], least: int, kind: str, facts: KeyFacts, skip: Skip
) -> Iterator[Event]:
    def event(line: str) -> Event:
        fields = _named(line, names, least)
        balancer, client = str(fields.pop("elb")), str(fields.pop("client"))
        for name in ("target", "backend", "destination"):
            fields |= address(str(fields.pop(name, None) or "-"), name)
        fields = {"elb": balancer, **address(client, "client"), **_timed(fields)}
        millis = iso_millis(str(fields["time"]))
        return millis, f"{kind}/{balancer}", str(fields.get("client_ip", "")), message_of(fields), *_NO_ID

    return _each(content.decode().split("\n"), event, skip)


_NO_ID = (None, None, None)


def _timed(fields: dict[str, Any]) -> dict[str, Any]:
    """Add the duration of a request in seconds, and the parts of its request line."""
    phases = [fields[name] for name in _PHASES if name in fields]
    if phases and all(isinstance(phase, int | float) and phase >= 0 for phase in phases):
        fields["duration"] = round(sum(phases), 6)
    if isinstance(fields.get("connection_time"), int):  # milliseconds, of a Network Load Balancer
        fields["duration"] = fields["connection_time"] / 1000
    return fields | request_fields(str(fields.get("request") or "-"))


def read_s3_access(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    def event(line: str) -> Event:
        fields = _named(line, S3, 18)
        if match := _S3_LINE.fullmatch(line):
            head, referrer, user_agent, tail = match.groups()
            quoted = [text_or_none(referrer), text_or_none(user_agent)]
            values = [*_values(head), *quoted, *_values(tail)]
            fields = dict(zip(S3, values, strict=False))
        moment = datetime.strptime(str(fields["time"]), "%d/%b/%Y:%H:%M:%S %z")
        fields["time"] = moment.isoformat()
        if isinstance(fields.get("total_time_ms"), int):
            fields["duration"] = fields["total_time_ms"] / 1000
        # The path of the request line is the encoded key; `key` is what S3 names it.
        fields |= request_fields(str(fields.get("request") or "-"))
        group = f"s3-access/{fields['bucket']}"
        return round(moment.timestamp() * 1000), group, str(fields["bucket"]), message_of(fields), *_NO_ID

    return _each(content.decode().split("\n"), event, skip)


def read_cloudfront(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    """Read W3C or plain lines, or JSON lines, of either version; `#Fields:` names the fields."""
    names = CLOUDFRONT

    def event(line: str) -> Event:
        if line.startswith("{"):
            return _cloudfront({name: str(value) for name, value in json.loads(line).items()}, facts)
        return _cloudfront(dict(zip(names, line.split("\t"), strict=True)), facts)

    lines: list[str] = []
    for line in content.decode().split("\n"):
        if line.startswith("#Fields:"):
            yield from _each(lines, event, skip)
            lines, names = [], re.split(r"[\s,]+", line.removeprefix("#Fields:").strip())
        elif not line.startswith("#"):
            lines.append(line)
    yield from _each(lines, event, skip)


def _cloudfront(named: dict[str, str], facts: KeyFacts) -> Event:
    fields = {cloudfront_name(name): _plain(name, value) for name, value in named.items()}
    if (millis := fields.get("timestamp_ms")) is None:
        seconds = fields.get("timestamp")
        millis = iso_millis(f"{named['date']}T{named['time']}") if seconds is None else float(seconds) * 1000
    distribution = facts.resource or str(fields.get("distributionid") or "unknown")
    stream = str(fields.get("x_edge_location") or "")
    return round(millis), f"cloudfront/{distribution}", stream, message_of(fields), *_NO_ID


def cloudfront_name(name: str) -> str:
    """Return the name of a field: the common one, or CloudFront's in lower case with underscores."""
    return COMMON_NAMES.get(name) or re.sub(r"\W+", "_", name.lower()).strip("_")


_TEXTS = {"cs(User-Agent)", "cs(Referer)", "cs(Cookie)", "cs(Host)", "cs-uri-stem", "cs-uri-query", "date"}


def _plain(name: str, value: str) -> Any:
    return text_or_none(value) if name in _TEXTS else value_of(value)


def _named(line: str, names: list[str], least: int) -> dict[str, Any]:
    """Return the fields of a line by name, without those of later versions that have no name yet."""
    values = _values(line)
    if len(values) < least:
        raise ValueError(line)
    return dict(zip(names, values, strict=False))


def _values(line: str) -> list[Any]:
    """Return the fields of a line by position; only fields without quotation marks can be numbers."""
    return [
        value_of(bare) if bare else text_or_none(quoted or bracketed)
        for quoted, bracketed, bare in _TOKEN.findall(line)
    ]


def _each(lines: Iterable[str], event: Callable[[str], Event], skip: Skip) -> Iterator[Event]:
    for line in lines:
        if line.strip():
            try:
                yield event(line.rstrip("\r"))
            except NOT_RECORDS:
                skip(_LINES)
