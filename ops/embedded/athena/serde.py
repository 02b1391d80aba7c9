"""Text lines parsed as Hive's SerDes parse them: LazySimpleSerDe and RegexSerDe, one row for each line.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

Row = list[str | None]
Parser = Callable[[str], Row]

CONTROL_A = "\x01"
_ESCAPED = {"r": "\r", "n": "\n"}


def parser(library: str, parameters: Mapping[str, str], columns: int) -> Parser | None:
    """Return the SerDe's parser for one line; None if the SerDe does not read line by line."""
    if "RegexSerDe" in library:
        return _regex(parameters["input.regex"], columns)
    if "LazySimpleSerDe" in library:
        delimiter = parameters.get("field.delim", parameters.get("serialization.format", CONTROL_A))
        delimiter = CONTROL_A if delimiter == "1" else delimiter
        null = parameters.get("serialization.null.format", "\\N")
        return _simple(delimiter, parameters.get("escape.delim", ""), null, columns)
    return None


def rows(data: bytes, parse: Parser) -> Iterator[Row]:
    """Yield the rows of one decompressed object."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for line in lines:
        yield parse(line.removesuffix(b"\r").decode("utf-8", "replace"))


def _regex(expression: str, columns: int) -> Parser:
    compiled = re.compile(expression, re.DOTALL)

    def parse(line: str) -> Row:
        match = compiled.fullmatch(line)
        return list(match.groups()[:columns]) if match else [None] * columns

    return parse


def _simple(delimiter: str, escape: str, null: str, columns: int) -> Parser:
    """Drop fields beyond the last column and fill missing ones with null, as Hive does."""

    def parse(line: str) -> Row:
        fields = _split(line, delimiter, escape) if escape else line.split(delimiter)
        row: Sequence[str | None] = [*fields[:columns], *[None] * (columns - len(fields))]
        return [None if field == null else _unescaped(field, escape) for field in row]

    return parse


def _split(line: str, delimiter: str, escape: str) -> list[str]:
    """Split at delimiters that are not escaped."""
    fields, start, position = [], 0, 0
    while position < len(line):
        if line[position] == escape:
            position += 2
        elif line[position] == delimiter:
            fields.append(line[start:position])
            position += 1
            start = position
        else:
            position += 1
    return [*fields, line[start:]]


def _unescaped(field: str | None, escape: str) -> str | None:
    """Unescape as Hive does: only r and n are special, so `\\t` becomes a plain t."""
    if field is None or not escape or escape not in field:
        return field
    return re.sub(
        re.escape(escape) + "(.)", lambda match: _ESCAPED.get(match[1], match[1]), field, flags=re.DOTALL
    )
