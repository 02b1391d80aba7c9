"""DuckDB's own readers on the two formats that they read exactly: our raw lines and our JSON lines.

They are several times as fast as reading in Python, and refuse a file with a fault; `readers` then reads it.
"""

from collections.abc import Iterable
from pathlib import Path

from ops.logs.lake.gzipped import MAGIC
from ops.logs.lake.layout import Kind
from ops.logs.lake.patterns import LEVEL, LEVEL_HEAD, LEVEL_OF, MASK, MASKED

LONGEST_LINE = 4 << 20  # bytes; an event has at most 1 MiB (PutLogEvents), and may be escaped
_RAW = f"""delim = '\\t', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n',
    max_line_size = {LONGEST_LINE}, strict_mode = true, hive_partitioning = true, hive_types_autocast = false,
    columns = {{'source': 'VARCHAR', 'millis': 'BIGINT', 'text': 'VARCHAR'}}"""
_JSON = f"""format = 'newline_delimited', maximum_object_size = {LONGEST_LINE}, columns = {{
    'account': 'VARCHAR', 'region': 'VARCHAR', 'group': 'VARCHAR', 'stream': 'VARCHAR',
    'timestamp': 'BIGINT', 'id': 'VARCHAR', 'message': 'VARCHAR'}}"""
# Split at escaped backslashes first: what follows one is not an escape.
_UNESCAPED = r"""CASE WHEN contains({0}, '\') THEN array_to_string(list_transform(string_split({0}, '\\'),
    lambda piece: replace(replace(replace(piece, '\t', chr(9)), '\n', chr(10)), '\r', chr(13))), '\')
    ELSE coalesce({0}, '') END"""
_STREAM = "substr(source, instr(source, ':') + 1)"


def quoted(text: str) -> str:
    """As a literal of SQL."""
    return "'" + text.replace("'", "''") + "'"


def path_list(paths: Iterable[Path]) -> str:
    """As a list of SQL. Glob characters in a path stand for themselves."""
    return "[" + ", ".join(quoted(_literal(str(path))) for path in paths) + "]"


def raw_sql(paths: Iterable[Path]) -> str:
    """The events in raw files whose paths tell account and region."""
    return f"""SELECT account, region, split_part(source, ':', 1) AS log_group,
        {_UNESCAPED.format(_STREAM)} AS log_stream, make_timestamp(millis * 1000) AS ts,
        {_UNESCAPED.format("text")} AS message, NULL::VARCHAR AS id
        FROM read_csv({path_list(paths)}, {_RAW})"""


def json_sql(paths: Iterable[Path]) -> str:
    """The events in files of JSON lines."""
    return f"""SELECT account, region, "group" AS log_group, stream AS log_stream,
        make_timestamp("timestamp" * 1000) AS ts, message, id
        FROM read_json({path_list(paths)}, {_JSON})"""


SQL = {Kind.RAW: raw_sql, Kind.JSON: json_sql}


def template_sql(message: str) -> str:
    """`templates.templates` as an expression of SQL."""
    return f"regexp_replace({message}, {quoted(MASKED)}, {quoted(MASK)}, 'g')"


def level_sql(template: str) -> str:
    """`templates.levels` as an expression of SQL.

    By the word's place in a list: of a CASE, DuckDB repeats the expression in every branch once it filters.
    """
    words, levels = (", ".join(map(quoted, names)) for names in (LEVEL_OF, LEVEL_OF.values()))
    found = f"regexp_extract(left({template}, {LEVEL_HEAD}), {quoted(LEVEL.replace('?P<word>', ''))}, 1)"
    return f"list_extract([{levels}], list_position([{words}], lower({found})))"


def named_right(path: Path) -> bool:
    """Whether the name tells the compression, as DuckDB's readers need it."""
    with path.open("rb") as file:
        return (file.read(2) == MAGIC) == (path.suffix == ".gz")


def _literal(path: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)
