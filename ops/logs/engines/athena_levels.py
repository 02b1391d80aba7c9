"""The level of an event in Athena's SQL, from the same rules as `ops.logs.lake.lines.levels`. Pure.

A text that several rules read is bound to a name with TRANSFORM over an array of one element: SQL has no
other way to name an expression, and Athena would compute it once per rule.
"""

from collections.abc import Sequence

from ops.logs.lake.layout import OLD_PATTERN_NAME
from ops.logs.lake.lines.rules import ESCAPES, HEAD, LEVEL_OF, NEEDS_DIGITS, RULES, WRAPPER, Rule
from ops.text.quoting import plain_literal


def level_sql(own: Sequence[Rule] = ()) -> str:
    """Return the expression for the level of the event with the columns `message` and `template`."""
    read = (
        f"CASE WHEN REGEXP_LIKE(SUBSTR({OLD_PATTERN_NAME}, 1, {HEAD}), {plain_literal(NEEDS_DIGITS)}) "
        f"THEN message ELSE {OLD_PATTERN_NAME} END"
    )
    token = _token(read, RULES)
    if own:
        token = f"COALESCE({_token('message', own)}, {token})"
    words = " ".join(
        f"WHEN {plain_literal(word)} THEN {plain_literal(level)}" for word, level in LEVEL_OF.items()
    )
    return _named("t", token, f"CASE LOWER(t) {words} END")


def _token(text: str, rules: Sequence[Rule]) -> str:
    """Return the expression for the token of the first rule that matches; NULL if none does."""
    stripped = f"REGEXP_REPLACE(SUBSTR({text}, 1, {HEAD}), {plain_literal(ESCAPES)}, '')"
    groups: list[tuple[str, list[str]]] = []
    for rule in rules:
        if not groups or groups[-1][0] != rule.text:
            groups.append((rule.text, []))
        groups[-1][1].append(_rule(rule, "w" if rule.text == "whole" else "b"))
    body = f"REGEXP_REPLACE(w, {plain_literal(WRAPPER)}, '')"
    tokens = [
        f"COALESCE({', '.join(read)}, NULL)"
        if name == "whole"
        else _named("b", body, f"COALESCE({', '.join(read)}, NULL)")
        for name, read in groups
    ]
    return _named("w", stripped, f"COALESCE({', '.join(tokens)}, NULL)")


def _rule(rule: Rule, text: str) -> str:
    if rule.token:
        return (
            f"CASE WHEN REGEXP_LIKE({text}, {plain_literal(rule.regex)}) THEN {plain_literal(rule.token)} END"
        )
    found = f"NULLIF(REGEXP_EXTRACT({text}, {plain_literal(rule.regex.replace('?P<token>', ''))}, 1), '')"
    if rule.octal:
        found = f"CAST(CAST({found} AS BIGINT) % 8 AS VARCHAR)"
    if rule.kind:
        found = f"{plain_literal(rule.kind)} || {found}"
    if rule.needs:
        return f"CASE WHEN REGEXP_LIKE({text}, {plain_literal(rule.needs)}) THEN {found} END"
    return found


def _named(name: str, value: str, expression: str) -> str:
    return f"ELEMENT_AT(TRANSFORM(ARRAY[{value}], {name} -> {expression}), 1)"
