"""A search in plain Python, one event at a time: what the query engines are compared with."""

import json
import re
import unicodedata
from typing import Any

from ops.logs.search.model import And, Condition, Filter, Not, Or, Term

COLUMNS = {"group": "log_group", "stream": "log_stream"}
KNOWN = ("account", "region", "group", "stream", "level", "pattern", "id")


def fold(text: str) -> str:
    composed = unicodedata.normalize("NFC", text)
    return "".join("i" if c == "İ" else c.lower() for c in composed).replace("ß", "ss").replace("ς", "σ")


def matches(condition: Condition, event: dict[str, Any]) -> bool:
    """Return whether the event, a row of `events`, matches."""
    match condition:
        case And(conditions):
            return all(matches(one, event) for one in conditions)
        case Or(conditions):
            return any(matches(one, event) for one in conditions)
        case Not(inner):
            return not matches(inner, event)
        case Term():
            return _term(condition, event["message"])
        case Filter(field) if field in KNOWN:
            return _compared(event[COLUMNS.get(field, field)], condition)
        case Filter():
            return _of_message(condition, event["message"])


def _term(term: Term, message: str) -> bool:
    if term.kind == "regex":
        return re.search(term.text, message, 0 if term.case_sensitive else re.IGNORECASE) is not None
    text = term.text
    if not term.case_sensitive:
        text, message = fold(text), fold(message)
    if term.kind == "text":
        return text in message
    return re.search(r"[^ \t\r\n]*".join(map(re.escape, text.split("*"))), message) is not None


def _compared(value: str | None, filter_: Filter) -> bool:
    wanted = filter_.value
    match filter_.operator:
        case "=":
            return (value or "") == "" if wanted == "" else value == wanted
        case "glob":
            glob = re.escape(wanted).replace(r"\*", ".*").replace(r"\?", ".")
            return value is not None and re.fullmatch(glob, value, re.DOTALL) is not None
        case "regex":
            return value is not None and re.search(wanted, value, re.IGNORECASE) is not None
    if value is None:
        return False
    left: Any = value
    right: Any = wanted
    try:
        both_whole = re.fullmatch(r"[+-]?\d+", value) and re.fullmatch(r"[+-]?\d+", wanted)
        left, right = (int(value), int(wanted)) if both_whole else (float(value), float(wanted))
    except ValueError:
        left, right = value, wanted
    results = {"<": left < right, "<=": left <= right, ">": left > right, ">=": left >= right}
    return bool(results[filter_.operator])


def _of_message(filter_: Filter, message: str) -> bool:
    field = filter_.field
    value = _in_json(message, field)
    if field.startswith("$"):
        return _compared(value, filter_)
    start = r"(?:^|[^0-9A-Za-z_.@$-])" + re.escape(field) + r"(?:=|: ?)"
    if filter_.operator == "=" and filter_.value:
        end = r"(?:[^0-9A-Za-z_.-]|\.?$|\.[ \n])"
        written = re.search(start + '"?' + re.escape(filter_.value) + end, message)
        return value == filter_.value or written is not None
    if (filter_.operator, filter_.value) == ("glob", "*"):
        return value is not None or re.search(start, message) is not None
    for form in (r'"([^"]*)"', r"""([^ \t\r\n,;"'(){}\[\]]+)"""):
        found = re.search(start + form, message)
        if value is None and found and found[1]:
            value = found[1]
    return _compared(value, filter_)


def _in_json(message: str, field: str) -> str | None:
    document = _parsed(message)
    if document is None and "{" in message:
        document = _parsed(message[message.index("{") :])
    if document is None:
        return None
    names = re.findall(r'\.(?:"([^"]+)"|([^.\[]+))', field) if field.startswith("$") else []
    path = [quoted or plain for quoted, plain in names]
    paths = [path] if path else [field.split("."), *([[field]] if "." in field else [])]
    inner = [_at(document, [name]) for name in ("log", "message", "msg", "body")]
    for path in paths:
        for candidate in (document, *(_parsed(one) for one in inner if one is not None)):
            if (value := _at(candidate, path)) is not None:
                return value
    return None


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, parse_float=str, parse_int=str)
    except ValueError:
        return None


def _at(document: Any, path: list[str]) -> str | None:
    for name in path:
        if not isinstance(document, dict) or name not in document:
            return None
        document = document[name]
    if isinstance(document, bool):
        return str(document).lower()
    if document is None or isinstance(document, str):
        return document
    return json.dumps(document, separators=(",", ":"))
