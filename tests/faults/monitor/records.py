"""The records that the judge reads, in the order in which things happened."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

READS = re.compile(
    "Assume|BatchGet|Can|Decode|Decrypt|Describe|Detect|Estimate|Filter|Get|Head|List|Lookup|Preview|Query|Scan|"
    "Search|Select|Simulate|StartQuery|StopQuery|Test|Validate|Verify"
)


@dataclass(frozen=True)
class Call:
    """An API call and its answer. `product`: Slipway made it, not a test or another program."""

    service: str
    operation: str
    account: str = ""
    region: str = ""
    agent: str = ""
    path: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    body: str = ""
    status: int = 200
    response: str = ""
    caller: str = ""
    product: bool = True

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def gone(self) -> bool:
        """Whether the answer is that the resource does not exist."""
        return not self.ok and bool(re.search("NotFound|NoSuch|does not exist", self.response))

    @property
    def changes(self) -> bool:
        return self.ok and not READS.match(self.operation)

    @property
    def place(self) -> tuple[str, str]:
        return self.account, self.region

    def get(self, name: str) -> str:
        return str(self.request.get(name, ""))

    @cached_property
    def tags(self) -> dict[str, str]:
        """The tags that a call of RDS sets."""
        keys = {name: value for name, value in self.request.items() if re.fullmatch(r"Tags\..*\.Key", name)}
        return {str(key): self.get(name.removesuffix("Key") + "Value") for name, key in keys.items()}

    def values(self, prefix: str) -> list[str]:
        """The members of a list in a call of RDS, such as ValuesToAdd."""
        return [str(value) for name, value in self.request.items() if name.startswith(f"{prefix}.")]


@dataclass(frozen=True)
class Transition:
    """An event of an execution's history; `TaskParameters` completes the event of a scheduled task."""

    execution: str
    event: Mapping[str, Any]
    account: str = ""

    @property
    def type(self) -> str:
        return str(self.event["type"])

    @property
    def run(self) -> str:
        return self.execution.rpartition(":")[2]

    @property
    def details(self) -> Mapping[str, Any]:
        found = (value for key, value in self.event.items() if key.endswith("EventDetails"))
        return next((value for value in found if isinstance(value, Mapping)), {})


@dataclass(frozen=True)
class Lines:
    """Log events that CloudWatch Logs has stored; each has an `eventId` if the cloud gives them any."""

    group: str
    stream: str
    events: tuple[Mapping[str, Any], ...]
    account: str = ""
    region: str = ""


@dataclass(frozen=True)
class Delivery:
    """An object that a delivery stream wrote."""

    bucket: str
    key: str
    body: str


@dataclass(frozen=True)
class Audit:
    """A record of the audit log. `result` is `started` before a step acts."""

    step: str
    result: str
    account: str = ""
    actor: str = ""
    reason: str = ""


Item = Call | Transition | Lines | Delivery | Audit


def parse(record: Mapping[str, Any]) -> Item:
    """Return what a line of the recorder holds."""
    kind, account, region = record["kind"], record["account"], record["region"]
    if kind == "call":
        names = ("service", "operation", "agent", "path", "request", "body", "status", "response", "caller")
        more = {name: record[name] for name in names}
        return Call(account=account, region=region, product=by_product(record), **more)
    if kind == "state":
        return Transition(record["execution"], record["event"], account)
    if kind == "lines":
        return Lines(record["group"], record["stream"], tuple(record["events"]), account, region)
    if kind == "audit":
        return Audit(record["step"], record["result"], account, record["actor"], record["reason"])
    return Delivery(record["bucket"], record["key"], record["body"])


def by_product(record: Mapping[str, Any]) -> bool:
    """Return whether the workbench or a function of its stacks made the call."""
    return " slipway" in record["agent"] or ":assumed-role/" in record["caller"]


def text_of(item: Item) -> str:
    """Return everything in the item that somebody could read later."""
    if isinstance(item, Call):
        request = json.dumps({key: value for key, value in item.request.items() if key not in item.body})
        return f"{request}\n{item.body}\n{item.response}"
    if isinstance(item, Transition):
        return json.dumps(item.event, default=str)
    if isinstance(item, Lines):
        return "\n".join(str(event["message"]) for event in item.events)
    if isinstance(item, Delivery):
        return item.body
    return f"{item.step} {item.result} {item.reason}"
