"""Record AWS's answers without identifiers, so that they can be attached to a report or replayed.

Account IDs become 000000000001 and so on, names become name-1 and so on, the same one for the same account or
name; names that Slipway has given are kept. IDs of requests, principals, and access keys, and addresses are
replaced. Credentials, tokens, secrets, and what people have entered are dropped.
"""

import json
import re
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from botocore.session import Session

_ACCOUNT = re.compile(r"(?<!\d)\d{12}(?!\d)")
_ARN = re.compile(r"arn:[a-z-]+:[a-z0-9-]+:[a-z0-9-]*:(?:\d{12}|aws|\*)?:[^\s\"',\]]+")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_KIND = re.compile(r"([a-z-]+[:/])(.*)", re.DOTALL)
_WITHOUT_KIND = ("s3", "sns", "sqs")  # the ARN ends in the name alone
_UNIQUE_ID = re.compile(r"\b(?:AROA|AIDA|AKIA|ASIA|AGPA|ANPA)[A-Z0-9]{12,}")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b")
_HOST = re.compile(r"\b(?:\d{1,3}\.){3}\d{1,3}\b|\b[\w-]+(?:\.[\w-]+)*\.amazonaws\.com(?:\.cn)?\b")
_TOKEN = re.compile(r"(?:[Tt]oken|[Pp]assword|Secret(?:String|Binary)|Marker|Signature)$")
_NAME = re.compile(r"(?:^[Nn]ame|Name|Identifier|Alias|[Bb]ucket)$")
# Names that AWS has given.
_OF_AWS = re.compile(
    r"(?:Region|Service|Parameter|Quota|Metric|Option|Policy|Endpoint|Engine)s?(?:Name|Identifier)$"
)
_LEAST_NAME = 6  # characters of a name that is replaced in texts too: shorter ones are words
# Values that people have chosen, and secrets.
_DROPPED = {
    "Credentials", "Environment", "Outputs", "Parameters", "ResponseMetadata", "Tags", "TagList",
    "TemplateBody", "environment", "events", "input", "output", "definition", "Item", "Items",
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """An answer of AWS: HTTP status, and the response or the error."""

    service: str
    operation: str
    region: str
    status: int
    response: Any


class Recorder:
    """Collects the answers of all clients of the sessions that it watches."""

    def __init__(self) -> None:
        self._answers: list[Answer] = []
        self._aliases: dict[str, str] = {}
        self._accounts: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._lock = threading.Lock()

    def watch(self, session: Session) -> None:
        hook: Any = self._record
        session.register("after-call", hook)

    def replace(self, name: str, alias: str) -> None:
        """Replace this name everywhere, also within other names."""
        self._aliases[name] = alias

    def text(self) -> str:
        """Return the answers as JSON."""
        with self._lock:
            return self._without_names(json.dumps([asdict(answer) for answer in self._answers], indent=1))

    def fixture(self) -> str:
        """Return one answer of each shape as JSON: what an emulator can be compared with."""
        with self._lock:
            shapes = {
                (answer.service, answer.operation, answer.status, shape_of(answer.response)): answer
                for answer in self._answers
            }
            return self._without_names(json.dumps([asdict(answer) for answer in shapes.values()], indent=1))

    def _without_names(self, text: str) -> str:
        """Replace known names in texts, such as messages, longest first."""
        known = {name: alias for name, alias in self._names.items() if len(name) >= _LEAST_NAME}
        known.update(self._aliases)
        if known:
            names = sorted(map(json.dumps, known), key=len, reverse=True)
            either = "|".join(re.escape(name[1:-1]) for name in names)
            found = re.compile(either)
            text = found.sub(lambda match: known.get(json.loads(f'"{match[0]}"'), match[0]), text)
        return f"{text}\n"

    def _record(
        self, *, event_name: str, parsed: Mapping[str, Any], context: Mapping[str, Any], **_: Any
    ) -> None:
        service, operation = event_name.split(".")[1:]
        status = parsed.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        with self._lock:
            answer = Answer(
                service, operation, str(context.get("client_region", "")), status, self._scrubbed(parsed)
            )
            self._answers.append(answer)

    def _scrubbed(self, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {
                key: self._named(key, item) if isinstance(item, str) else self._scrubbed(item)
                for key, item in value.items()
                if key not in _DROPPED and not _TOKEN.search(key)
            }
        if isinstance(value, list | tuple):
            return [self._scrubbed(item) for item in value]
        if isinstance(value, str):
            return self._scrubbed_text(value)
        if isinstance(value, datetime):
            return value.strftime("%Y")
        return value if isinstance(value, int | float | bool) or value is None else str(type(value).__name__)

    def _named(self, key: str, text: str) -> str:
        """Return the text of a member; if the member is a name, its alias."""
        given = "slipway" in text.lower() or text.startswith(("arn:", "/aws/", "aws/", "alias/aws/"))
        if not text or given or not _NAME.search(key) or _OF_AWS.search(key):
            return self._scrubbed_text(text)
        return self._names.setdefault(text, f"name-{len(self._names) + 1}")

    def _scrubbed_text(self, text: str) -> str:
        text = _ARN.sub(self._arn, _HOST.sub("host.example.com", _EMAIL.sub("name@example.com", text)))
        text = _ACCOUNT.sub(self._account, text)
        return _UNIQUE_ID.sub("AROAEXAMPLE", _UUID.sub("00000000-0000-0000-0000-000000000000", text))

    def _arn(self, match: re.Match[str]) -> str:
        """Replace the name in an ARN, except those that Slipway or AWS has given: they explain the answer."""
        *head, resource = match[0].split(":", 5)
        kind, name = "", resource
        if head[2] not in _WITHOUT_KIND and (match_kind := _KIND.fullmatch(resource)):
            kind, name = match_kind.groups()
        if kind == "assumed-role/":  # the name of the session is a person's
            name = name.partition("/")[0]
            resource = kind + name
        if "slipway" in name or name in ("*", "root") or head[4] == "aws":
            return ":".join([*head, resource])
        alias = self._names.setdefault(name, f"name-{len(self._names) + 1}")
        return ":".join([*head, kind + alias])

    def _account(self, match: re.Match[str]) -> str:
        return self._accounts.setdefault(match[0], f"{len(self._accounts) + 1:012}")


def shape_of(value: Any, path: str = "") -> frozenset[str]:
    """Return the paths to all members of an answer, such as `Stacks[].StackName`."""
    if isinstance(value, Mapping):
        inner = [shape_of(item, f"{path}.{key}".lstrip(".")) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inner = [shape_of(item, f"{path}[]") for item in value]
    else:
        return frozenset({path})
    return frozenset().union(*inner) | ({path} if path else set())
