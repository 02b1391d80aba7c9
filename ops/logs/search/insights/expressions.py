"""Expressions of CloudWatch Logs Insights as SQL: operators, comparisons, function calls. Pure."""

import re
from collections.abc import Mapping

from ops.logs.search.insights.tokens import Tokens
from ops.logs.search.insights.values import FIELDS, FUNCTIONS, Value, json_value, text

_UNITS = {"ms": "", "s": "SECOND", "m": "MINUTE", "h": "HOUR", "d": "DAY", "w": "WEEK"}
_LONG = {
    "second": "s",
    "minute": "m",
    "min": "m",
    "hour": "h",
    "hr": "h",
    "day": "d",
    "week": "w",
    "sec": "s",
}
_COMPARISONS = {"=": "=", "==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_ARITHMETIC = ({"+", "-"}, {"*", "/", "%"}, {"^"})


class Expressions:
    """Reads expressions of one query. `columns` are the names defined so far.

    With `only_columns`, after `stats`, there are no other names.
    """

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens
        self.columns: Mapping[str, Value] = {}
        self.only_columns = False

    def condition(self) -> str:
        """Read a condition."""
        return self._or().condition

    def value(self) -> Value:
        """Read a value; a comparison is one too."""
        return self._or()

    def _or(self) -> Value:
        value = self._and()
        while self.tokens.take("or", "||"):
            value = Value(f"({value.condition} OR {self._and().condition})", "condition", value.groups)
        return value

    def _and(self) -> Value:
        value = self._not()
        while self.tokens.take("and", "&&"):
            value = Value(f"({value.condition} AND {self._not().condition})", "condition", value.groups)
        return value

    def _not(self) -> Value:
        if self.tokens.take("not"):
            return Value(f"NOT coalesce({self._not().condition}, false)", "condition")
        return self._comparison()

    def _comparison(self) -> Value:
        left = self._arithmetic(0)
        if sign := self.tokens.take(*_COMPARISONS):
            return self._compared(left, _COMPARISONS[sign.text], sign.place)
        negated = self.tokens.take("not") is not None
        if self.tokens.take("like", "=~"):
            sql = self._alike(left)
        elif self.tokens.take("in"):
            sql = self._among(left)
        elif negated:
            raise self.tokens.fail("'like' or 'in' is expected after 'not'")
        else:
            return left
        return Value(f"NOT coalesce({sql}, false)" if negated else sql, "condition", left.groups)

    def _compared(self, left: Value, sign: str, place: int) -> Value:
        right = self._arithmetic(0)
        if "time" in (left.kind, right.kind) and left.kind != right.kind:
            raise self.tokens.fail(
                "@timestamp cannot be compared", place, "Choose the time range of the query instead."
            )
        numbers = "number" in (left.kind, right.kind)
        sides = (left.number, right.number) if numbers else (left.sql, right.sql)
        return Value(f"{sides[0]} {sign} {sides[1]}", "condition", left.groups or right.groups)

    def _alike(self, left: Value) -> str:
        if regex := self.tokens.take_kind("regex"):
            return f"regexp_matches({left.sql}, {text(regex.text)})"
        if part := self.tokens.take_kind("string"):
            return f"contains({left.sql}, {text(part.text)})"
        raise self.tokens.fail("A text or a /regular expression/ is expected")

    def _among(self, left: Value) -> str:
        closing = {"[": "]", "(": ")"}
        opening = self.tokens.take(*closing)
        if not opening:
            raise self.tokens.fail("'[' is expected after 'in'")
        values = [self._arithmetic(0)]
        while self.tokens.take(","):
            values.append(self._arithmetic(0))
        self.tokens.expect(closing[opening.text])
        if all(value.kind == "number" for value in values):
            return f"{left.number} IN ({', '.join(value.sql for value in values)})"
        return f"{left.sql} IN ({', '.join(value.sql for value in values)})"

    def _arithmetic(self, level: int) -> Value:
        if level == len(_ARITHMETIC):
            return self._unary()
        value = self._arithmetic(level + 1)
        while sign := self.tokens.take(*_ARITHMETIC[level]):
            right = self._arithmetic(level + 1)
            numbers = value.number, right.number
            sql = (
                f"pow({numbers[0]}, {numbers[1]})"
                if sign.text == "^"
                else f"({f' {sign.text} '.join(numbers)})"
            )
            value = Value(sql, "number", value.groups or right.groups)
        return value

    def _unary(self) -> Value:
        if self.tokens.take("-"):
            value = self._unary()
            return Value(f"(-{value.number})", "number", value.groups)
        if self.tokens.take("("):
            value = self._or()
            self.tokens.expect(")")
            return Value(f"({value.sql})", value.kind, value.groups)
        token = self.tokens.next
        if self.tokens.take_kind("string"):
            return Value(text(token.text))
        if self.tokens.take_kind("number"):
            return Value(token.text, "number")
        if self.tokens.take_kind("quoted"):
            return self.field(token.text, token.place)
        if not self.tokens.take_kind("name"):
            raise self.tokens.fail(f"Unexpected {token.text!r}" if token.text else "The query ends too early")
        if self.tokens.take("("):
            return self._call(token.text, token.place)
        return self.field(token.text, token.place)

    def field(self, name: str, place: int) -> Value:
        """Return the field of that name. Raises QueryError."""
        if name in self.columns:
            return self.columns[name]
        if self.only_columns:
            raise self.tokens.fail(
                f"There is no field {name!r} after stats", place, f"Fields: {', '.join(self.columns)}."
            )
        if set(name) & set('"\\'):
            raise self.tokens.fail("A field with this name is not supported", place, "Rename the field.")
        if name.lower() in ("true", "false"):
            return Value(text(name.lower()))
        known = {field.lower(): value for field, value in FIELDS.items()}
        if name.lower() in known:
            return known[name.lower()]
        if name.startswith("@"):
            raise self.tokens.fail(
                f"The field {name} is not supported", place, f"Supported: {', '.join(FIELDS)}, JSON fields."
            )
        return json_value(name)

    def _call(self, name: str, place: int) -> Value:
        function = name.lower()
        if function in ("bin", "datefloor"):
            return self._bucket(function)
        if function == "count" and (self.tokens.take("*") or self.tokens.next.text == ")"):
            self.tokens.expect(")")
            return Value("count(*)", "number", True)
        if function == "substr":
            return self._substring()
        if function not in FUNCTIONS:
            raise self.tokens.fail(
                f"The function {name}() is not supported",
                place,
                f"Supported: bin, datefloor, substr, {', '.join(FUNCTIONS)}. Or write SQL.",
            )
        given = [self.value()]
        while self.tokens.take(","):
            given.append(self.value())
        self.tokens.expect(")")
        call, numbers = FUNCTIONS[function]
        if len(given) not in numbers:
            raise self.tokens.fail(f"{name}() takes {numbers[0]} arguments, not {len(given)}", place)
        try:
            return call(given)
        except ValueError:
            raise self.tokens.fail("pct() needs a number, as in pct(@duration, 99)", place) from None

    def _substring(self) -> Value:
        """`substr` counts from 0."""
        value = self.value()
        self.tokens.expect(",")
        start = self.value().number
        length = f", {self.value().number}" if self.tokens.take(",") else ""
        self.tokens.expect(")")
        return Value(f"substr({value.sql}, {start} + 1{length})", "text", value.groups)

    def _bucket(self, function: str) -> Value:
        """Read `5m)`, or `@timestamp, 5m)`."""
        if function == "datefloor":
            self.value()
            self.tokens.expect(",")
        place = self.tokens.next.place
        number = self.tokens.take_kind("number")
        unit = self.tokens.take_kind("name")
        self.tokens.expect(")")
        short = unit.text.lower() if unit else ""
        short = _LONG.get(re.sub(r"s$", "", short) if len(short) > 1 else short, short)
        if not number or not _UNITS.get(short) or "." in number.text:
            raise self.tokens.fail(
                f"This interval of {function}() is not supported", place, "Write it as in bin(5m)."
            )
        return Value(f"time_bucket(INTERVAL {number.text} {_UNITS[short]}, ts)", "time")
