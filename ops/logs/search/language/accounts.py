"""Accounts by their configured names in the language of the search bar. Pure."""

import re
from collections.abc import Iterable, Mapping

from ops.errors import QueryError
from ops.logs.lake.layout import UNKNOWN
from ops.logs.search.language.parser import parse
from ops.logs.search.model import And, Condition, Filter, Not, Or
from ops.settings import Account

_ID = re.compile(r"\d{12}")


def parse_for(accounts: Iterable[Account], text: str) -> Condition:
    """Return the condition that the text means, with IDs of accounts for their names.

    Raises QueryError with the position of a mistake, also for an account that is not configured.
    """
    return _named(parse(text), {account.name: account.id for account in accounts}, text)


def _named(condition: Condition, ids: Mapping[str, str], text: str) -> Condition:
    match condition:
        case Filter("account", value, "="):
            return Filter("account", _id_of(value, ids, text))
        case Not(inner):
            return Not(_named(inner, ids, text))
        case And(conditions):
            return And(tuple(_named(one, ids, text) for one in conditions))
        case Or(conditions):
            return Or(tuple(_named(one, ids, text) for one in conditions))
        case _:
            return condition


def _id_of(value: str, ids: Mapping[str, str], text: str) -> str:
    if value in ids:
        return ids[value]
    if _ID.fullmatch(value) or value in ("", UNKNOWN):
        return value
    place = max(0, text.find(value))
    line = text.count("\n", 0, place) + 1
    column = place - (text.rfind("\n", 0, place) + 1) + 1
    names = ", ".join(name for name in ids if " " not in name)
    raise QueryError(
        f"There is no account {value!r} (column {column}).",
        text=text,
        line=line,
        column=column,
        hint=f"Use the ID of an account{', or a configured name: ' + names if names else ''}.",
    )
