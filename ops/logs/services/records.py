"""Records in JSON: CloudTrail, AWS WAF, and Route 53 Resolver. Pure.

A record is kept as it is. Fields that several services write are added under their common names, such as
`client_ip`.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

from ops.logs.services.fields import NOT_RECORDS, Skip, iso_millis, message_of
from ops.logs.services.model import Event, KeyFacts

_RECORDS = "records that cannot be read"


def read_cloudtrail(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    """Read `{"Records": [...]}`; a damaged document is read up to the damage."""
    for record in _cloudtrail_records(content.decode(), skip):
        try:
            millis = iso_millis(record["eventTime"])
            account, region = record.get("recipientAccountId"), record.get("awsRegion")
            message = message_of({"client_ip": record.get("sourceIPAddress"), **record})
            source = str(record.get("eventSource") or "")
            yield millis, "cloudtrail", source, message, _text(record.get("eventID")), account, _text(region)
        except NOT_RECORDS:
            skip(_RECORDS)


def _cloudtrail_records(text: str, skip: Skip) -> Iterator[Any]:
    try:
        yield from json.loads(text)["Records"]
        return
    except NOT_RECORDS:
        pass
    decoder, position = json.JSONDecoder(), text.find("[", text.find('"Records"')) + 1
    if '"Records"' not in text or not position:
        if text.strip():
            skip("documents that are not from CloudTrail")
        return
    while position < len(text):
        position += len(text[position:]) - len(text[position:].lstrip(" \t\r\n,"))
        try:
            record, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            skip(_RECORDS)
            return
        yield record


def read_waf(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    def event(record: dict[str, Any]) -> Event:
        request = record.get("httpRequest") or {}
        headers = {str(one.get("name")).lower(): one.get("value") for one in request.get("headers") or []}
        common = {
            "client_ip": request.get("clientIp"),
            "country": request.get("country"),
            "method": request.get("httpMethod"),
            "path": request.get("uri"),
            "status": record.get("responseCodeSent"),
            "host": headers.get("host"),
            "user_agent": headers.get("user-agent"),
        }
        arn = str(record["webaclId"])
        acl = arn.split("/webacl/")[1].split("/")[0] if "/webacl/" in arn else facts.resource or arn
        parts = arn.split(":")
        account, region = (parts[4], parts[3]) if len(parts) > 5 else (None, None)
        stream = str(record.get("httpSourceId") or "")
        message = message_of({**common, **record})
        return int(record["timestamp"]), f"waf/{acl}", stream, message, None, account, region

    return _json_lines(content, event, skip)


def read_resolver(content: bytes, facts: KeyFacts, skip: Skip) -> Iterator[Event]:
    def event(record: dict[str, Any]) -> Event:
        sources = record.get("srcids") or {}
        stream = sources.get("instance") or sources.get("resolver_endpoint") or record.get("srcaddr") or ""
        message = message_of({"client_ip": record.get("srcaddr"), **record})
        vpc = record.get("vpc_id") or facts.resource
        millis = iso_millis(record["query_timestamp"])
        place = _text(record.get("account_id")), _text(record.get("region"))
        return millis, f"resolver/{vpc}", str(stream), message, None, *place

    return _json_lines(content, event, skip)


def _json_lines(content: bytes, event: Callable[[Any], Event], skip: Skip) -> Iterator[Event]:
    for line in content.split(b"\n"):
        if line.strip():
            try:
                yield event(json.loads(line))
            except NOT_RECORDS:
                skip("lines that are not records")


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
