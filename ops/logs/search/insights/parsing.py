"""The command `parse` of CloudWatch Logs Insights: globs and regular expressions with groups. Pure."""

import re

from ops.logs.search.insights.tokens import Tokens
from ops.logs.search.insights.values import Value, text
from ops.logs.search.message_filter import escaped

_GROUP = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((\?P?<(?![=!])([^>]+)>)?(\?)?", re.DOTALL)


def glob_regex(glob: str) -> tuple[str, int]:
    """Return the regular expression of a glob, with a group for each star, and the number of stars."""
    pieces = glob.split("*")
    regex = "(.*?)".join(map(escaped, pieces))
    if glob.endswith("*"):
        regex = regex.removesuffix("(.*?)") + "(.*)"
    return f"(?s){regex}", len(pieces) - 1


def groups_of(regex: str) -> tuple[str, list[str]]:
    """Return the regular expression with plain groups, and the name of each group; empty without one."""
    names: list[str] = []

    def plain(match: re.Match[str]) -> str:
        if not match[0].startswith("("):
            return match[0]
        if match[3]:  # a group that captures nothing, or flags
            return match[0]
        names.append(match[2] or "")
        return "("

    return _GROUP.sub(plain, regex), names


def read_parse(tokens: Tokens, field: Value) -> dict[str, Value]:
    """Read what follows the field of `parse`, and return the values by name."""
    place = tokens.next.place
    if glob := tokens.take_kind("string"):
        regex, count = glob_regex(glob.text)
        names = _aliases(tokens)
    elif expression := tokens.take_kind("regex"):
        regex, names = groups_of(expression.text)
        count = len(names)
        names = _aliases(tokens) or names
    else:
        raise tokens.fail("parse needs a text with * or a /regular expression/")
    if len(names) != count or not all(names):
        raise tokens.fail(
            f"parse finds {count} values, and names {len([one for one in names if one])}",
            place,
            'Add a name for each * or group: parse @message "user=* took *" as user, duration.',
        )
    return {
        name: Value(f"nullif(regexp_extract({field.sql}, {text(regex)}, {number}), '')")
        for number, name in enumerate(names, 1)
    }


def _aliases(tokens: Tokens) -> list[str]:
    if not tokens.take("as"):
        return []
    names: list[str] = []
    while token := tokens.take_kind("name", "quoted"):
        names.append(token.text)
        if not tokens.take(","):
            break
    return names
