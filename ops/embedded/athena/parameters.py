"""Athena's execution parameters: literals that take the places of `?` in a query.

https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
"""

from collections.abc import Callable, Sequence
from typing import Any

import sqlglot
from ministack.core.responses import error_response_json
from ministack.services import athena
from sqlglot import exp, tokenize
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import TokenType

from ops.embedded.context import Context

SEAMS = (
    "ministack.core.responses.error_response_json",
    "ministack.services.athena._executions",
    "ministack.services.athena._start_query_execution",
)
LITERALS = (exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Cast)


def install(context: Context) -> None:
    start = athena._start_query_execution
    athena._start_query_execution = lambda data: _start(start, data)


def bound(sql: str, parameters: Sequence[str]) -> str:
    """The query with each `?` outside of strings replaced, in order.

    Raises ValueError for what is no literal, or for another number of them.
    """
    places = [token for token in tokenize(sql, read="athena") if token.token_type is TokenType.PLACEHOLDER]
    if len(places) != len(parameters):
        raise ValueError(
            f"Incorrect number of parameters: expected {len(places)} but found {len(parameters)}"
        )
    pieces, done = [], 0
    for place, text in zip(places, parameters, strict=True):
        if not isinstance(sqlglot.parse_one(text, read="athena"), LITERALS):
            raise ValueError(f"{text} is no literal")
        pieces += [sql[done : place.start], text]
        done = place.end + 1
    return "".join([*pieces, sql[done:]])


def _start(start: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    parameters = data.get("ExecutionParameters")
    if not parameters:
        return start(data)
    try:
        sql = bound(data["QueryString"], parameters)
    except (ValueError, SqlglotError) as error:
        return error_response_json("InvalidRequestException", f"SYNTAX_ERROR: {error}", 400)
    return start({**data, "QueryString": sql})
