"""DuckDB's own file readers for the two formats that they read exactly: raw lines and JSON lines.

They are several times faster than reading in Python, and reject a damaged file; `ops.logs.lake.readers` then
reads it.
"""

import zlib
from collections.abc import Iterable
from pathlib import Path

from ops.logs.lake.gzipped import MAGIC
from ops.logs.lake.layout import LogFormat
from ops.logs.lake.raw_lines import begins_with_event
from ops.logs.lake.rules import MASK, MASKED
from ops.text.quoting import plain_literal

HEAD_BYTES = 4096  # more than the names and the time of an event
LONGEST_LINE = 4 << 20  # bytes; an event has at most 1 MiB (PutLogEvents), before escaping
_RAW = f"""delim = '\\t', quote = '', escape = '', header = false, auto_detect = false, new_line = '\\n',
    max_line_size = {LONGEST_LINE}, strict_mode = true, hive_partitioning = true, hive_types_autocast = false,
    columns = {{'source': 'VARCHAR', 'millis': 'BIGINT', 'text': 'VARCHAR'}}"""
_JSON = f"""format = 'newline_delimited', maximum_object_size = {LONGEST_LINE}, columns = {{
    'account': 'VARCHAR', 'region': 'VARCHAR', 'group': 'VARCHAR', 'stream': 'VARCHAR',
    'timestamp': 'BIGINT', 'id': 'VARCHAR', 'message': 'VARCHAR'}}"""
# Split at escaped backslashes first: they do not start an escape.
_UNESCAPED = r"""CASE WHEN contains({0}, '\') THEN array_to_string(list_transform(string_split({0}, '\\'),
    lambda piece: replace(replace(replace(piece, '\t', chr(9)), '\n', chr(10)), '\r', chr(13))), '\')
    ELSE coalesce({0}, '') END"""
_STREAM = "substr(source, instr(source, ':') + 1)"


def path_list(paths: Iterable[Path]) -> str:
    """Return the paths as an SQL list, with glob characters escaped."""
    return "[" + ", ".join(plain_literal(_escaped(str(path))) for path in paths) + "]"


def raw_sql(paths: Iterable[Path]) -> str:
    """Return a SELECT of the events in raw files; account and region come from the paths."""
    return f"""SELECT account, region, split_part(source, ':', 1) AS log_group,
        {_UNESCAPED.format(_STREAM)} AS log_stream, make_timestamp(millis * 1000) AS ts,
        {_UNESCAPED.format("text")} AS message, NULL::VARCHAR AS id
        FROM read_csv({path_list(paths)}, {_RAW})"""


def json_sql(paths: Iterable[Path]) -> str:
    """Return a SELECT of the events in files of JSON lines."""
    return f"""SELECT account, region, "group" AS log_group, stream AS log_stream,
        make_timestamp("timestamp" * 1000) AS ts, message, id
        FROM read_json({path_list(paths)}, {_JSON})"""


SQL = {LogFormat.RAW: raw_sql, LogFormat.JSON: json_sql}


def pattern_sql(message: str) -> str:
    """Return `ops.logs.lake.patterns.patterns_of` as an SQL expression."""
    return f"regexp_replace({message}, {plain_literal(MASKED)}, {plain_literal(MASK)}, 'g')"


def has_matching_suffix(path: Path) -> bool:
    """Return whether the file's suffix matches its compression, as DuckDB's readers require."""
    with path.open("rb") as file:
        return (file.read(2) == MAGIC) == (path.suffix == ".gz")


def begins_as_raw(path: Path) -> bool:
    """Return whether a file with a matching suffix is empty or begins with a raw event.

    DuckDB rejects another exporter's object too, but possibly after rows of other files: too late to read it
    another way.
    """
    with path.open("rb") as file:
        head = file.read(HEAD_BYTES)
    try:
        text = zlib.decompressobj(31).decompress(head, HEAD_BYTES) if head.startswith(MAGIC) else head
    except zlib.error:
        return False
    return not text or begins_with_event(text)


def _escaped(path: str) -> str:
    return "".join(f"[{char}]" if char in "*?[" else char for char in path)
