"""Lines of text as Hive's SerDes read them: LazySimpleSerDe and RegexSerDe, a row a line.

https://docs.aws.amazon.com/athena/latest/ug/supported-serdes.html
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence

Row = list[str | None]
Parser = Callable[[str], Row]

CONTROL_A = "\x01"
_ESCAPED = {"r": "\r", "n": "\n"}


def parser(library: str, parameters: Mapping[str, str], columns: int) -> Parser | None:
    """How the SerDe makes the fields of a line; None for one that is not read line by line."""
    if "RegexSerDe" in library:
        return _regex(parameters["input.regex"], columns)
    if "LazySimpleSerDe" in library:
        delimiter = parameters.get("field.delim", parameters.get("serialization.format", CONTROL_A))
        delimiter = CONTROL_A if delimiter == "1" else delimiter
        null = parameters.get("serialization.null.format", "\\N")
        return _simple(delimiter, parameters.get("escape.delim", ""), null, columns)
    return None


def rows(data: bytes, parse: Parser) -> Iterator[Row]:
    """The rows of one decompressed object."""
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    for line in lines:
        yield parse(line.removesuffix(b"\r").decode("utf-8", "replace"))


def _regex(expression: str, columns: int) -> Parser:
    compiled = re.compile(expression, re.DOTALL)

    def parse(line: str) -> Row:
        found = compiled.fullmatch(line)
        return list(found.groups()[:columns]) if found else [None] * columns

    return parse


def _simple(delimiter: str, escape: str, null: str, columns: int) -> Parser:
    """Fields beyond the last column are dropped, missing ones are null, as Hive has it."""

    def parse(line: str) -> Row:
        fields = _split(line, delimiter, escape) if escape else line.split(delimiter)
        padded: Sequence[str | None] = [*fields[:columns], *[None] * (columns - len(fields))]
        return [None if field == null else _unescaped(field, escape) for field in padded]

    return parse


def _split(line: str, delimiter: str, escape: str) -> list[str]:
    """At delimiters that are not escaped."""
    fields, start, at = [], 0, 0
    while at < len(line):
        if line[at] == escape:
            at += 2
        elif line[at] == delimiter:
            fields.append(line[start:at])
            at += 1
            start = at
        else:
            at += 1
    return [*fields, line[start:]]


def _unescaped(field: str | None, escape: str) -> str | None:
    """Hive takes the character after the escape as it is, but for r and n: `\\t` becomes a plain t."""
    if field is None or not escape or escape not in field:
        return field
    return re.sub(
        re.escape(escape) + "(.)", lambda found: _ESCAPED.get(found[1], found[1]), field, flags=re.DOTALL
    )
