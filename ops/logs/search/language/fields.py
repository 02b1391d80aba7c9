"""What one condition on a field means: `level:error`, `status>=500`, `$.user.name:ada`, `msg:"timed out"`.

A known field can be written with any of its names, with `:` or `=`, and with spaces around. Any other name is
a field of messages if a value follows directly, or an operator between spaces does. Text that only resembles
a field, for example a URL or a time, is not one. Pure.
"""

import re
from collections.abc import Callable

from ops.logs.search.language.names import (
    LEVEL_NAMES,
    MESSAGE,
    NO_LEVEL,
    SCHEMES,
    TIMES,
    field_of,
    nearest,
)
from ops.logs.search.language.scanner import Scanner
from ops.logs.search.language.terms import value_term
from ops.logs.search.message_fields import PATH
from ops.logs.search.model import (
    EVERYTHING,
    LEVELS,
    Condition,
    Filter,
    Not,
    Operator,
    Term,
    all_of,
    any_of,
)

_NAME = r"[A-Za-z_@](?:[\w@.-]*[\w])?"
_SIGNS = "==|=~|!=|!~|>=|<=|=|>|<|~"
_SIGN = rf":(?:{_SIGNS})?|{_SIGNS}"
_FIELD = re.compile(rf"(?P<name>{PATH}|{_NAME})(?P<sign>{_SIGN})")
_SPACED = re.compile(
    rf"(?P<name>{PATH}|{_NAME})[ \t]+(?P<sign>(?:{_SIGNS}|like)(?=\s)|(?:[<>!=]=|[<>])(?=\S))"
)
_EXISTS = re.compile(
    rf"(_exists_|has|exists|_missing_|missing):(?P<name>{PATH}|{_NAME})(?=[\s)]|$)", re.IGNORECASE
)
_IN = re.compile(rf"(?P<name>{PATH}|{_NAME})[ \t]+(?P<sign>(?:not[ \t]+)?in)[ \t]*[(\[]", re.IGNORECASE)
_RANGE = re.compile(r"([\[{])\s*(\S+)\s+TO\s+([^\s\]}]+)\s*([\]}])")
_DOTS = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)(?=[\s)]|$)")
_NUMBER = re.compile(r"[+-]?[.\d]")
_UNIT = re.compile(r"([+-]?\d+(?:\.\d+)?)(?:[nuµm]?s|min|m|h|d|[kmgKMG]i?[bB]?|[bB]|%)")
_CLASS = re.compile(r"([1-5])xx", re.IGNORECASE)
_ORDER = ("<", "<=", ">", ">=")
_BAR = re.compile(r"[|,]")


class FieldReader:
    """Reads one condition on a field at the scanner's position."""

    def __init__(self, scanner: Scanner) -> None:
        self.scanner = scanner

    def read(self) -> Condition | None:
        """Return the condition, and move behind it; None if there is no field at this position."""
        if match := self.scanner.take(_EXISTS):
            known = field_of(match["name"])
            exists = EVERYTHING if known == MESSAGE else Filter(known or match["name"], "*", "glob")
            return Not(exists) if "missing" in match[1].lower() else exists
        if match := self.scanner.match(_IN):
            raise self.scanner.fail(
                "IN is not supported", match.start("sign"), f"Write {match['name']}:(VALUE OR VALUE)."
            )
        match = self.scanner.match(_FIELD) or self.scanner.match(_SPACED)
        if not match or self._is_text(match):
            return None
        name, sign = match["name"], match["sign"].removeprefix(":") or "="
        field = name if name.startswith("$") else field_of(name) or name
        start, self.scanner.place = self.scanner.place, match.end()
        self._refuse_time(name, start)
        if sign == "=" or field_of(name) or match.re is _SPACED:
            self._skip_to_value()
        return self._condition(field, name, sign, start)

    def _is_text(self, match: re.Match[str]) -> bool:
        """Return whether what resembles a field is a text: a URL, a path, `java.io.IOException:`, `a->b`."""
        name, sign = match["name"], match["sign"]
        after = self.scanner.text[match.end() :]
        if name.startswith("$") or field_of(name):
            return after.startswith("//")
        if match.re is _SPACED:
            return sign == "like" or not after.strip()
        if name.lower() in SCHEMES or (len(name) == 1 and after[:1] in ("/", "\\")):
            return True
        if (
            not after
            or after[0].isspace()
            or after[0] == ")"
            or after.startswith(("//", ":", "\\", "=", ">"))
        ):
            return True
        if sign == "~":
            return True
        if any(order in sign for order in "<>"):
            quoted = sign.startswith(":") and after[0] in ('"', "“")
            return not (quoted or _NUMBER.match(after))
        if near := nearest(name):
            raise self.scanner.fail(
                f"There is no field {name!r}",
                match.start(),
                f'Did you mean {near}? To search for the text, put it in quotation marks: "{match[0]}…". '
                f"For a field of JSON messages, use $.{name}.",
            )
        return False

    def _refuse_time(self, name: str, start: int) -> None:
        if name.lower() in TIMES:
            raise self.scanner.fail(
                f"{name} cannot be searched",
                start,
                "Choose the time range instead: above the search, with --last, or with last=. For a field of "
                "JSON messages, use $.timestamp.",
            )

    def _skip_to_value(self) -> None:
        """Skip spaces before the value in the same line."""
        while self.scanner.next in (" ", "\t") and not self.scanner.ended:
            self.scanner.place += 1

    def _condition(self, field: str, name: str, sign: str, start: int) -> Condition:
        negated = sign[0] == "!"
        sign = {"!=": "=", "==": "=", "!~": "=~", "~": "=~"}.get(sign, sign)
        if self.scanner.at_border():
            raise self.scanner.fail(
                f"{self.scanner.text[start : self.scanner.place].strip()} has no value",
                start,
                f'Add a value, as in {_example(field)}, or use {name}:"" for an empty value.',
            )
        if self.scanner.next == "(":
            condition = self._group(lambda: self._value(field, sign))
        else:
            condition = self._value(field, sign)
        return Not(condition) if negated else condition

    def _group(self, value: Callable[[], Condition]) -> Condition:
        """Read `(a OR b)` or `(a b)` after the field: alternatives, unless AND is between them."""
        start = self.scanner.place
        self.scanner.place += 1
        parts: list[Condition] = []
        joins: set[str] = set()
        while self.scanner.skip_space() and self.scanner.next != ")":
            if operator := self.scanner.take(re.compile(r"(OR|AND|,)(?=\s)")):
                joins.add(operator[1])
                continue
            negated = self.scanner.take(re.compile(r"NOT\s+|-(?=\S)"))
            one = value()
            parts.append(Not(one) if negated else one)
        if self.scanner.ended:
            raise self.scanner.fail("The closing parenthesis is missing", start, "Add the closing ).")
        self.scanner.place += 1
        if not parts or ("AND" in joins and len(joins) > 1):
            raise self.scanner.fail(
                "These alternatives are not valid", start, "Write them as in level:(error OR fatal)."
            )
        return all_of(tuple(parts)) if "AND" in joins else any_of(tuple(parts))

    def _value(self, field: str, sign: str) -> Condition:
        start = self.scanner.place
        if field == MESSAGE:
            if sign in _ORDER:
                raise self._no_order(field, sign, start)
            return value_term(self.scanner, regex=sign == "=~")
        if sign in ("=~", "like"):
            return self._pattern(field, sign)
        if (between := self._range(field)) is not None:
            return between
        quoted = self.scanner.next in ('"', "“")
        value = self.scanner.delimited() if quoted else self.scanner.word().rstrip(",")
        if quoted and not self.scanner.at_border():
            raise self.scanner.fail(
                "Unexpected text after the value", self.scanner.place, "Put a space after the value."
            )
        if field == "level":
            return self._level(value, sign, start)
        if sign in _ORDER:
            return self._compared(field, value, sign, start)
        return Filter(field, value) if quoted else self._plain(field, value, start)

    def _plain(self, field: str, value: str, start: int) -> Condition:
        """Return the condition for a value without quotation marks."""
        if "|" in value:
            either = " OR ".join(part for part in value.split("|") if part)
            raise self.scanner.fail(
                "Unexpected '|'", start + value.index("|"), f'Write {field}:({either}), or {field}:"{value}".'
            )
        if status := _CLASS.fullmatch(value):
            return Filter(field, f"{status[1]}??", "glob")
        wild = re.search(r"[*?]", value)
        return Filter(field, re.sub(r"\*+", "*", value) if wild else value, "glob" if wild else "=")

    def _range(self, field: str) -> Condition | None:
        """Read `[a TO b]` or `a..b` if it follows; braces exclude the bounds."""
        start = self.scanner.place
        if bounds := self.scanner.take(_RANGE):
            lower: Operator = ">=" if bounds[1] == "[" else ">"
            upper: Operator = "<=" if bounds[4] == "]" else "<"
            return self._between(field, (bounds[2], lower), (bounds[3], upper), start)
        if dots := self.scanner.take(_DOTS):
            return self._between(field, (dots[1], ">="), (dots[2], "<="), start)
        return None

    def _between(
        self, field: str, lower: tuple[str, Operator], upper: tuple[str, Operator], start: int
    ) -> Condition:
        bounds = [self._compared(field, value, sign, start) for value, sign in (lower, upper) if value != "*"]
        return all_of(tuple(bounds)) if bounds else Filter(field, "*", "glob")

    def _compared(self, field: str, value: str, sign: str, start: int) -> Condition:
        if field_of(field) == field:
            raise self._no_order(field, sign, start)
        if unit := _UNIT.fullmatch(value):
            raise self.scanner.fail(
                f"{value} is not a number", start, f"Write it without a unit: {field}:{sign}{unit[1]}."
            )
        return Filter(field, value, sign)  # type: ignore[arg-type]

    def _no_order(self, field: str, sign: str, start: int) -> Exception:
        return self.scanner.fail(
            f"{field} does not support {sign}",
            start - len(sign),
            "Use it with fields of messages, for example status:>=500, or with level.",
        )

    def _pattern(self, field: str, sign: str) -> Condition:
        """Read a regular expression for a field; after `like`, a text is part of the value."""
        start = self.scanner.place
        term = value_term(self.scanner, regex=sign == "=~")
        if field == "level" or not isinstance(term, Term):
            raise self.scanner.fail(
                f"{field} does not support {sign}", start, "Use values, for example level:(error OR fatal)."
            )
        if term.kind == "regex":
            return Filter(field, term.text, "regex")
        return Filter(field, f"*{term.text}*", "glob")

    def _level(self, value: str, sign: str, start: int) -> Condition:
        if value == "" or value.upper() in NO_LEVEL:
            return Filter("level", "")
        if value == "*":
            return Filter("level", "*", "glob")
        levels = [self._named_level(one, start) for one in _BAR.split(value) if one]
        if sign in _ORDER:
            at = LEVELS.index(levels[0])  # the most severe level is the first one
            chosen = {">=": LEVELS[: at + 1], ">": LEVELS[:at], "<=": LEVELS[at:], "<": LEVELS[at + 1 :]}[
                sign
            ]
            if not chosen:
                raise self.scanner.fail(f"No level is {sign} {value}", start, "Use >= or <=.")
            levels = list(chosen)
        return any_of(tuple(Filter("level", level) for level in levels))

    def _named_level(self, value: str, start: int) -> str:
        if level := LEVEL_NAMES.get(value.upper()):
            return level
        raise self.scanner.fail(
            f"There is no level {value!r}", start, f"Use {', '.join(map(str.lower, LEVELS))}, or none."
        )


def _example(field: str) -> str:
    examples = {"level": "level:error", "group": "group:/aws/lambda/*", "account": "account:111111111111"}
    return examples.get(field, f"{field}:…")
