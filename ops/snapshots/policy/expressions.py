"""Checks the SQL expressions of a policy: one value, from the columns of the row, without side effects.

What is not known to be harmless is refused: a function must be in the list, and a subquery may read only
tables that the policy names in `sql_tables`. Comments are refused too: servers execute some of them.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp

# Deterministic and without side effects: the result can be computed twice and compared.
FUNCTIONS = frozenset(
    """
    abs ascii btrim ceil ceiling char char_length character_length chr coalesce concat concat_ws date
    date_add date_format date_part date_sub date_trunc datediff day dayofmonth decode degrees div encode
    extract floor format greatest hex if ifnull initcap instr isnull json_array json_extract json_object
    json_remove json_replace json_set json_unquote json_value jsonb_build_array jsonb_build_object
    jsonb_extract_path_text jsonb_set jsonb_strip_nulls jsonb_typeof last_day lcase least left length
    locate lower lpad ltrim make_date make_interval masklen md5 mid minute mod month network nullif
    octet_length overlay pad position pow power quarter regexp_like regexp_replace regexp_substr repeat
    replace reverse right round rpad rtrim second set_masklen sha sha1 sha2 sign split_part sqrt
    str_position str_to_date str_to_time strpos substr substring substring_index time_to_str
    timestamp_trunc timestampadd timestampdiff to_char to_date to_hex to_number to_timestamp translate
    trim trunc truncate ts_or_ds_add ts_or_ds_diff ts_or_ds_to_date ts_or_ds_to_timestamp ucase unhex
    upper weekday year
    """.split()
)
_NODES = frozenset(
    """
    Column Identifier Literal Null Boolean Paren Cast TryCast DataType DataTypeParam Case If Between In
    Interval IntervalSpan Var Tuple Array AtTimeZone Collate Not Neg BitwiseNot Extract JSONPath
    JSONPathRoot JSONPathKey JSONPathSubscript National HexString Exists Any All
    """.split()
)
_QUERY_NODES = frozenset(
    """
    Select From Where Join Table TableAlias Subquery Alias Star Group Having Order Ordered Limit Count
    Max Min Sum Avg Distinct
    """.split()
)


@dataclass(frozen=True)
class Expression:
    """A checked expression: its SQL, as it was written, and the columns of its table that it reads."""

    sql: str
    columns: tuple[str, ...]


def parse_expression(
    text: str, engine: str, columns: Collection[str], readable: Collection[str] = ()
) -> Expression:
    """Return the checked expression.

    `columns` are those of the table; `readable` are the tables that a subquery may read. Raises ValueError
    with what is wrong.
    """
    from sqlglot import exp, parse, tokenize  # takes long to import
    from sqlglot.errors import SqlglotError

    dialect = "postgres" if engine == "postgres" else "mysql"
    try:
        statements = parse(f"SELECT {text}", dialect=dialect)
        has_comment = any(token.comments for token in tokenize(f"SELECT {text}", dialect))
    except SqlglotError as error:
        raise ValueError(f"cannot be parsed: {str(error).splitlines()[0]}") from error
    if has_comment:
        raise ValueError("contains a comment")
    select = statements[0] if len(statements) == 1 else None
    if not isinstance(select, exp.Select) or [key for key, value in select.args.items() if value] != [
        "expressions"
    ]:
        raise ValueError("is not one expression")
    if len(select.expressions) != 1 or isinstance(select.expressions[0], exp.Alias | exp.Star):
        raise ValueError("is not one expression")
    tree = select.expressions[0].pop()
    used = list(_columns(tree, dialect, columns))
    for node in tree.walk():
        _check(node, readable)
    return Expression(text, tuple(dict.fromkeys(used)))


def reads_table(text: str, engine: str) -> bool:
    """Return whether a checked expression has a subquery that reads a table."""
    from sqlglot import exp, parse_one

    dialect = "postgres" if engine == "postgres" else "mysql"
    return parse_one(f"SELECT {text}", dialect=dialect).find(exp.Table) is not None


def _columns(tree: "exp.Expression", dialect: str, columns: Collection[str]) -> Iterator[str]:
    from sqlglot import exp

    by_name = {_folded(name, dialect, is_quoted=True): name for name in columns}
    for column in tree.find_all(exp.Column):
        if column.table and column.find_ancestor(exp.Select):
            continue
        name = by_name.get(_folded(column.name, dialect, is_quoted=bool(column.this.args.get("quoted"))))
        if name:
            yield name
        elif not column.find_ancestor(exp.Select):
            raise ValueError(f"reads {column.sql(dialect)}, which is not a column of the table in the policy")
        if column.table:
            raise ValueError(f"reads {column.sql(dialect)}: write the column without its table")


def _folded(name: str, dialect: str, *, is_quoted: bool) -> str:
    """Return the name as the engine compares it: MySQL ignores case, PostgreSQL folds what has no quotes."""
    return name if dialect == "postgres" and is_quoted else name.lower()


def _check(node: "exp.Expression", readable: Collection[str]) -> None:
    from sqlglot import exp

    kind = type(node).__name__
    in_query = isinstance(node, exp.Query) or node.find_ancestor(exp.Query) is not None
    if isinstance(node, exp.Table):
        name = ".".join(part.name for part in node.parts)
        if name not in readable:
            raise ValueError(f'reads the table {name}; if it may, add sql_tables = ["{name}"] at the top')
    if isinstance(node, exp.Anonymous):
        names = [node.name.lower()]
    elif isinstance(node, exp.Func) and not isinstance(node, exp.Binary | exp.Case | exp.Cast | exp.Array):
        names = [name.lower() for name in type(node).sql_names()]
    else:
        is_plain = kind in _NODES or (
            isinstance(node, exp.Binary) and kind not in ("Dot", "Operator", "PropertyEQ")
        )
        if not is_plain and not (in_query and kind in _QUERY_NODES):
            raise ValueError(f"contains {node.sql()}, which an expression of a policy may not")
        return
    if kind in _NODES or (in_query and kind in _QUERY_NODES) or FUNCTIONS & {*names, kind.lower()}:
        return
    raise ValueError(f"calls {names[0]}, which is not in the list of functions")
