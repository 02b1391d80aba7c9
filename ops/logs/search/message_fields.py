"""The fields of messages, as searches compare them: in JSON, or written as `name=value`. Pure.

JSON may be the whole message, the rest of a line after a time and a level, or a string in the field `log`,
`message`, `msg`, or `body` of a JSON object. A field of any other name is also found as text: `name=value`,
`name: value`, with or without quotation marks.
"""

import re
from collections.abc import Callable

from ops.logs.search.message_filter import escaped, literal_pieces

WRAPPERS = ("$.log", "$.message", "$.msg", "$.body")
ESCAPE = "\\u"  # the start of an escaped character in JSON: a name may be written with it
NAME = r"[A-Za-z_@][\w@.-]*"
PATH = r'\$(?:\.(?:[A-Za-z_@][\w@-]*|"[^"]+")|\[\d+\])+'
END = r"(?:[^0-9A-Za-z_.-]|\.?$|\.[ \n])"  # after the value, so that 50 is not found in 500 or 50.1
_START = r"(?:^|[^0-9A-Za-z_.@$-])"
_QUOTED = r'"([^"]*)"'
_BARE = "([^ \\t\\r\\n,;\"'(){}\\[\\]]+)"

_TAIL = "substr(given, strpos(given, '{'))"
_DOCUMENT = f"CASE WHEN json_valid(given) THEN given WHEN json_valid({_TAIL}) THEN {_TAIL} END"
_INNER = [f"json_extract_string({_DOCUMENT}, '{wrapper}')" for wrapper in WRAPPERS]
_VALUES = [f"CASE WHEN json_valid({one}) THEN json_extract_string({one}, path) END" for one in _INNER]
# `json_field(text, path)` in DuckDB: the text of the value at the path; NULL if there is none.
MACRO = (
    "CREATE MACRO json_field(given, path) AS "
    f"coalesce(json_extract_string({_DOCUMENT}, path), {', '.join(_VALUES)})"
)

Bind = Callable[[str], str]


def paths_of(field: str) -> list[str]:
    """Return the paths in JSON of a field: a name with dots is a path into objects, or a name with dots."""
    if field.startswith("$"):
        return [field]
    nested = "$" + "".join(f".{part}" if _plain(part) else f'."{part}"' for part in field.split("."))
    return [nested, f'$."{field}"'] if "." in field else [nested]


def pattern_texts(field: str) -> tuple[str, ...]:
    """Return the texts in the pattern of each message with the field, unless its name has an `ESCAPE`."""
    names = re.findall(r'\.(?:"([^"]+)"|([^.\[]+))', paths_of(field)[0])
    pieces = [text for quoted, plain in names for text in literal_pieces(quoted or plain)]
    return tuple(dict.fromkeys(pieces))


def json_sql(field: str, bind: Bind) -> str:
    """Return the expression for the text of the field's value in JSON; NULL if there is none."""
    values = [f"json_field(message, {bind(path)})" for path in paths_of(field)]
    return values[0] if len(values) == 1 else f"coalesce({', '.join(values)})"


def written_as(field: str) -> str:
    """Return the RE2 expression for a field in a text, up to its value."""
    return f'{_START}{escaped(field)}(?:=|: ?)"?'


def value_sql(in_json: str, field: str, bind: Bind) -> str:
    """Return the expression for the value in JSON, else for the first one in the text."""
    start = written_as(field).removesuffix('"?')
    found = [f"nullif(regexp_extract(message, {bind(start + form)}, 1), '')" for form in (_QUOTED, _BARE)]
    return f"coalesce({in_json}, {', '.join(found)})"


def _plain(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z_][\w]*", name) is not None
