"""Athena's execution parameters: literals that replace the `?` placeholders of a query.

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

from ops.embedded.context import OverlayContext

SEAMS = (
    "ministack.core.responses.error_response_json",
    "ministack.services.athena._executions",
    "ministack.services.athena._start_query_execution",
)
LITERALS = (exp.Literal, exp.Boolean, exp.Null, exp.Neg, exp.Cast)


def install(context: OverlayContext) -> None:
    start = athena._start_query_execution
    athena._start_query_execution = lambda data: _start(start, data)


def bind_parameters(sql: str, parameters: Sequence[str]) -> str:
    """Return the query with each `?` outside of strings replaced, in order.

    Raises ValueError if a parameter is not a literal or if their number differs.
    """
    placeholders = [
        token for token in tokenize(sql, read="athena") if token.token_type is TokenType.PLACEHOLDER
    ]
    if len(placeholders) != len(parameters):
        raise ValueError(
            f"Incorrect number of parameters: expected {len(placeholders)} but found {len(parameters)}"
        )
    pieces, done = [], 0
    for placeholder, text in zip(placeholders, parameters, strict=True):
        if not isinstance(sqlglot.parse_one(text, read="athena"), LITERALS):
            raise ValueError(f"{text} is not a literal")
        pieces += [sql[done : placeholder.start], text]
        done = placeholder.end + 1
    return "".join([*pieces, sql[done:]])


def _start(start: Callable[[dict[str, Any]], Any], data: dict[str, Any]) -> Any:
    parameters = data.get("ExecutionParameters")
    if not parameters:
        return start(data)
    try:
        sql = bind_parameters(data["QueryString"], parameters)
    except (ValueError, SqlglotError) as error:
        return error_response_json("InvalidRequestException", f"SYNTAX_ERROR: {error}", 400)
    return start({**data, "QueryString": sql})
