"""What was read, and what was not: the one type from which verdicts and sums are computed. Pure.

A reading is a value with its time, or the reason why there is none. It survives aggregation: a sum over
readings of which some failed is an `Amount` that says "at least".
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from ops.errors import AccessDenied, SlipwayError

if TYPE_CHECKING:
    from ops.aws.cloud import Place

T = TypeVar("T")
# The part of IAM's message that names the missing permission:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
_PERFORM = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z0-9]+)")


@dataclass(frozen=True)
class Unread:
    """A failed read: its subject, its account, its Region (empty if the subject is global), and the error."""

    account: str
    region: str
    subject: str
    error: SlipwayError

    @property
    def reason(self) -> str:
        return str(self.error)

    @property
    def permission(self) -> str:
        """The IAM action that was missing; empty if the read failed for another reason."""
        return missing_permission(self.error)

    def to_json(self) -> dict[str, str]:
        return {
            "account": self.account,
            "region": self.region,
            "what": self.subject,
            "error": self.reason,
            "permission": self.permission,
        }


def missing_permission(error: SlipwayError | None) -> str:
    """Return the IAM action that an error names as missing, such as `logs:DescribeLogGroups`, or nothing.

    Some services do not name it: then only the operation is known, without its service.
    """
    if not isinstance(error, AccessDenied):
        return ""
    named = _PERFORM.search(f"{error} {error.detail}")
    return named[1] if named else error.operation


@dataclass(frozen=True)
class Reading(Generic[T]):
    """The result of reading one place: a value, or an error. `at` is when it was read."""

    place: "Place"
    value: T | None = None
    error: SlipwayError | None = None
    at: datetime | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Amount:
    """A number that was computed from readings: a lower bound if one of them failed."""

    value: float
    exact: bool = True

    def text(self, form: Callable[[float], str]) -> str:
        """Return the number, formatted by `form`, with "at least" where it is a lower bound."""
        return f"{'' if self.exact else 'at least '}{form(self.value)}"


def total(values: Iterable[float], unread: Iterable[object]) -> Amount:
    """Return the sum of what was read; `unread` is what failed, in whatever form."""
    return Amount(sum(values), not any(True for _ in unread))
