"""Texts of records as named values, and the event that they become. Pure."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

# What a hostile record can raise: fields that are missing or of another type, and numbers without end.
NOT_RECORDS = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError, IndexError)
Skip = Callable[[str], None]
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,9})?")
_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_ABSENT = ("", "-")


def value_of(text: str) -> str | int | float | None:
    """Return a text as a number if it is one; None for a missing value, which services write as `-`."""
    if text in _ABSENT:
        return None
    if not _NUMBER.fullmatch(text):
        return text
    return float(text) if "." in text else int(text)


def text_or_none(text: str) -> str | None:
    return None if text in _ABSENT else text


def message_of(fields: Mapping[str, Any]) -> str:
    """Return the fields that have a value as a JSON object."""
    present = {name: value for name, value in fields.items() if value is not None}
    return _ENCODER.encode(present)


def address(text: str, name: str) -> dict[str, Any]:
    """Return an address with a port, `192.0.2.1:443` or `[2001:db8::1]:443`, as two fields."""
    if text in _ABSENT:
        return {}
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        return {f"{name}_ip": text.strip("[]")}
    return {f"{name}_ip": host.strip("[]"), f"{name}_port": int(port)}


def request_fields(request: str) -> dict[str, Any]:
    """Return method, path, and query of a request line: `GET https://host:443/path?a=1 HTTP/1.1`."""
    method, _, rest = request.partition(" ")
    url, _, protocol = rest.rpartition(" ")
    if not url or method in _ABSENT:
        return {}
    try:
        parts = urlsplit(url)
        path, query = parts.path, parts.query
    except ValueError:  # an invalid IPv6 address
        path, query = url, ""
    return {
        "method": method,
        "path": text_or_none(path),
        "query": text_or_none(query),
        "protocol": text_or_none(protocol),
    }


def iso_millis(text: str) -> int:
    """Return a time in ISO 8601, in UTC if it has no offset, in milliseconds. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
