"""The search bar's language: words, "phrases", /regular expressions/, field filters, and `-` for not.

Pure: text → terms and filters, and back. A mistake is a QueryError at its place.
"""

import difflib
import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from ops.errors import QueryError
from ops.logs.search.model import FIELDS, LEVELS, Filter, Term

LEVEL_NAMES = {
    **{level: level for level in LEVELS},
    "WARNING": "WARN",
    "ERR": "ERROR",
    "CRITICAL": "FATAL",
    "NOTICE": "INFO",
}
OPERATORS = (">=", "<=", ">", "<", "=")

_JSON_PATH = r'\$(?:\.(?:[A-Za-z_][\w-]*|"[^"]+")|\[\d+\])+'
_FIELD = re.compile(rf"({_JSON_PATH}|[A-Za-z_]+):")
_CLOSING = {'"': "quotation mark", "/": "slash"}


@dataclass(frozen=True)
class Query:
    """What a search bar's text means: every term and every filter holds."""

    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()


def parse(text: str) -> Query:
    """The meaning of a search bar's text. Raises QueryError at the place of a mistake."""
    terms: list[Term] = []
    filters: list[Filter] = []
    scanner = _Scanner(text)
    while scanner.skip_space():
        part = scanner.part()
        if isinstance(part, Term):
            terms.append(part)
        else:
            filters.append(part)
    return Query(tuple(terms), tuple(filters))


def text_of(query: Query) -> str:
    """A text that `parse` turns into just this query."""
    return " ".join([*map(_filter_text, query.filters), *map(_term_text, query.terms)])


class _Scanner:
    """Reads one text from left to right; `place` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def skip_space(self) -> bool:
        """Whether anything is left."""
        while self.place < len(self.text) and self.text[self.place].isspace():
            self.place += 1
        return self.place < len(self.text)

    def fail(self, message: str, place: int, hint: str) -> QueryError:
        line = self.text.count("\n", 0, place) + 1
        column = place - (self.text.rfind("\n", 0, place) + 1) + 1
        return QueryError(
            f"{message} (column {column}).", text=self.text, line=line, column=column, hint=hint
        )

    def part(self) -> Term | Filter:
        start = self.place
        negated = self.text[start] == "-" and self.text[start + 1 : start + 2].strip() != ""
        self.place += negated
        if self.text[self.place] in _CLOSING:
            return self._delimited(negated)
        if match := _FIELD.match(self.text, self.place):
            if (field := match[1].lower()) in FIELDS:
                return self._filter(field, match, negated)
            if field.startswith("$"):
                return self._filter(match[1], match, negated)
            self._refuse_slip(match)
        return Term(self._bare(), negated=negated)

    def _refuse_slip(self, match: re.Match[str]) -> None:
        """`levl:error` is a slip of the hand; `java.io:` or `http://` are words of a log."""
        near = difflib.get_close_matches(match[1].lower(), FIELDS, 1, 0.75)
        follows = self.text[match.end() : match.end() + 1]
        if near and follows.strip() and follows != "/":
            raise self.fail(
                f"There is no field {match[1]!r}",
                match.start(),
                f'Did you mean {near[0]}: ? To search for the text, put it in quotes: "{match[0]}…".',
            )

    def _delimited(self, negated: bool) -> Term:
        start = self.place
        delimiter = self.text[start]
        pattern = self._until(delimiter)
        flags = self._flags(start)
        if delimiter == '"':
            if not pattern:
                raise self.fail(
                    "The phrase is empty", start, "Write what to search for between the quotation marks."
                )
            return Term(pattern, "text", negated, "c" in flags)
        self._check_regex(pattern, start)
        return Term(pattern, "regex", negated, "c" in flags)

    def _until(self, delimiter: str) -> str:
        """The text up to the closing delimiter; a backslash before it, or before a backslash in a phrase,
        takes its meaning away."""
        start = self.place
        pieces: list[str] = []
        self.place += 1
        while self.place < len(self.text):
            character = self.text[self.place]
            following = self.text[self.place + 1 : self.place + 2]
            if character == delimiter:
                self.place += 1
                return "".join(pieces)
            if character == "\\" and following:
                both = delimiter == "/" and following != "/"  # a regular expression keeps its own escapes
                pieces.append(character + following if both else following)
                self.place += 2
            else:
                pieces.append(character)
                self.place += 1
        name = _CLOSING[delimiter]
        raise self.fail(f"The closing {name} is missing", start, f"Add {delimiter} where it ends.")

    def _flags(self, start: int) -> str:
        flags = self._bare()
        if flags not in ("", "c", "i"):
            raise self.fail(
                f"{flags!r} follows the end of {self.text[start : self.place - len(flags)]}",
                self.place - len(flags),
                "Leave a space between two terms; only c (case matters) may follow directly.",
            )
        return flags

    def _check_regex(self, pattern: str, start: int) -> None:
        if not pattern:
            raise self.fail(
                "The regular expression is empty", start, "Write what to search for between the slashes."
            )
        try:
            pc.match_substring_regex(pa.array([""]), pattern)
        except pa.ArrowInvalid as error:
            reason = str(error).removeprefix("Invalid regular expression: ")
            raise self.fail(
                f"The regular expression cannot be read: {reason}",
                start,
                "The syntax is RE2's: no look-around, no back references.",
            ) from error

    def _bare(self) -> str:
        start = self.place
        while self.place < len(self.text) and not self.text[self.place].isspace():
            self.place += 1
        return self.text[start : self.place]

    def _filter(self, field: str, match: re.Match[str], negated: bool) -> Filter:
        self.place = match.end()
        operator = next((sign for sign in OPERATORS if self.text.startswith(sign, self.place)), "")
        self.place += len(operator)
        start = self.place
        quoted = self.text.startswith('"', start)
        value = self._until('"') if quoted else self._bare()
        if quoted and self.place < len(self.text) and not self.text[self.place].isspace():
            raise self.fail("Something follows the end of the value", self.place, "Leave a space after it.")
        if not value and not quoted:
            raise self.fail(
                f"{match[0]} has no value",
                match.start(),
                f'Write one directly after it, as in {_example(field)}, or {field}:"" for the empty one.',
            )
        if operator in ("<", "<=", ">", ">=") and not field.startswith("$"):
            raise self.fail(
                f"{field} cannot be compared by size",
                start - len(operator),
                "Only fields of JSON messages can, for instance $.status:>=500.",
            )
        if field == "level":
            value = self._level(value, start)
        wild = not quoted and not operator and re.search(r"[*?]", value)
        return Filter(field, value, "glob" if wild else operator or "=", negated)  # type: ignore[arg-type]

    def _level(self, value: str, start: int) -> str:
        if level := LEVEL_NAMES.get(value.upper()):
            return level
        raise self.fail(
            f"There is no level {value!r}", start, f"Levels are {', '.join(map(str.lower, LEVELS))}."
        )


def _example(field: str) -> str:
    examples = {"level": "level:error", "group": "group:/aws/lambda/*", "account": "account:111111111111"}
    return examples.get(field, f"{field}:…")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _term_text(term: Term) -> str:
    sign = "-" if term.negated else ""
    flag = "c" if term.case_sensitive else ""
    if term.kind == "regex":
        return f"{sign}/{_slashes_escaped(term.pattern)}/{flag}"
    if not flag and parses_as(term.pattern, Query((Term(term.pattern),))):
        return sign + term.pattern
    return f"{sign}{_quoted(term.pattern)}{flag}"


def _slashes_escaped(pattern: str) -> str:
    """Every slash that no backslash stands before gets one."""
    return re.sub(r"(\\.)|/", lambda match: match[1] or r"\/", pattern, flags=re.DOTALL)


def _filter_text(one: Filter) -> str:
    sign = "-" if one.negated else ""
    if one.operator == "glob":
        return f"{sign}{one.field}:{one.value}"
    operator = "" if one.operator == "=" else one.operator
    value = one.value.lower() if one.field == "level" else one.value
    plain = f"{one.field}:{operator}{value}"
    if value and parses_as(plain, Query((), (Filter(one.field, one.value, one.operator),))):
        return sign + plain
    return f"{sign}{one.field}:{operator}{_quoted(value)}"


def parses_as(text: str, query: Query) -> bool:
    """Whether the text means just this."""
    try:
        return parse(text) == query
    except QueryError:
        return False
