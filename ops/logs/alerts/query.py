"""The SQL that the export's function runs for an alert: written once, checked, and completed for each window.

It is a list of pieces: texts, and names of what the function puts between them. Those are the start and the
end of the window, and the condition on the partitions of each table. Values of the search are bound.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ops.aws.athena import queries as athena
from ops.aws.athena.queries import LONGEST_PARAMETER, GlueTable
from ops.errors import InputError
from ops.logs.engines.athena_relation import READ, scheduled_events
from ops.logs.engines.translation import to_athena
from ops.logs.lake.lines.rules import RULES_VERSION, Rule
from ops.logs.search.conditions import Bound, where
from ops.logs.search.model import Condition
from ops.logs.search.sql_check import RELATION

LONGEST = 250_000  # bytes; Athena's limit for a query is 262,144, and the partitions follow
_NAME = re.compile("\0([a-z]+)\0")


def alert_query(
    condition: Condition, tables: Iterable[GlueTable], own: Sequence[Rule] = ()
) -> dict[str, Any]:
    """Return the query of an alert. Raises InputError if Athena cannot run it, NotFound without tables.

    `own` are the team's rules for levels, as they are now.
    """
    values = Bound()
    translated = to_athena(f"SELECT count(*) AS events FROM {RELATION} WHERE {where(condition, values)}")
    parameters = [athena.literal(values.by_name[name]) for name in translated.parameters]
    if any(len(parameter) > LONGEST_PARAMETER for parameter in parameters):
        raise InputError(
            f"A value of the search is longer than {LONGEST_PARAMETER} characters.",
            field="search",
            hint="Shorten it: Athena does not accept it.",
        )
    partitions = {kind: _mark(kind.value) for kind in READ}
    relation = scheduled_events(tables, _mark("start"), _mark("end"), partitions, own)
    sql = f"WITH {RELATION} AS ({relation})\n{translated.sql}"
    if sql.count("\0") != 2 * len(_NAME.findall(sql)) or len(sql.encode()) > LONGEST:
        raise InputError(
            "The rules for levels are too long, or have NUL characters.",
            field="search",
            hint="Shorten log-rules.toml.",
        )
    pieces = _NAME.split(sql)  # texts and names in turn
    return {
        "sql": [{"name": piece} if number % 2 else piece for number, piece in enumerate(pieces)],
        "parameters": parameters,
        "rules": f"{RULES_VERSION}{'-own' if own else ''}",
    }


def _mark(name: str) -> str:
    """Return a mark that is in no text of a query."""
    return f"\0{name}\0"
