"""The language of the search bar: words, "phrases", /regular expressions/, field filters, and `-` for not.

Pure: parses text into terms and filters, and back. A mistake is a QueryError with its position.
"""

import difflib
import re
from dataclasses import dataclass

from ops.errors import QueryError
from ops.logs.search.model import FIELD_ALIASES, FIELDS, LEVELS, Filter, Term

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
class ParsedQuery:
    """The terms and filters of a search bar's text."""

    terms: tuple[Term, ...] = ()
    filters: tuple[Filter, ...] = ()


def parse(text: str) -> ParsedQuery:
    """Parse the text of a search bar. Raises QueryError with the position of a mistake."""
    terms: list[Term] = []
    filters: list[Filter] = []
    scanner = _Scanner(text)
    while scanner.skip_space():
        part = scanner.part()
        if isinstance(part, Term):
            terms.append(part)
        else:
            filters.append(part)
    return ParsedQuery(tuple(terms), tuple(filters))


def text_of(query: ParsedQuery) -> str:
    """Return a text that `parse` turns into exactly this query."""
    return " ".join([*map(_filter_text, query.filters), *map(_term_text, query.terms)])


class _Scanner:
    """Reads one text from left to right; `place` is the current position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    def skip_space(self) -> bool:
        """Skip white space, and return whether any text is left."""
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
            field = match[1].lower()
            if (field := FIELD_ALIASES.get(field, field)) in FIELDS:
                return self._filter(field, match, negated)
            if field.startswith("$"):
                return self._filter(match[1], match, negated)
            self._refuse_slip(match)
        return Term(self._bare(), negated=negated)

    def _refuse_slip(self, match: re.Match[str]) -> None:
        """Reject `levl:error`, which is a typo; accept `java.io:` and `http://`, which are words of a log."""
        near = difflib.get_close_matches(match[1].lower(), FIELDS, 1, 0.75)
        follows = self.text[match.end() : match.end() + 1]
        if near and follows.strip() and follows != "/":
            raise self.fail(
                f"There is no field {match[1]!r}",
                match.start(),
                f'Did you mean {near[0]}? To search for the text, put it in quotation marks: "{match[0]}…".',
            )

    def _delimited(self, negated: bool) -> Term:
        start = self.place
        delimiter = self.text[start]
        text = self._until(delimiter)
        flags = self._flags(start)
        if delimiter == '"':
            if not text:
                raise self.fail("The phrase is empty", start, "Enter a text between the quotation marks.")
            return Term(text, "text", negated, "c" in flags)
        self._check_regex(text, start)
        return Term(text, "regex", negated, "c" in flags)

    def _until(self, delimiter: str) -> str:
        """Read up to the closing delimiter; a backslash escapes it, and in a phrase also a backslash."""
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
        raise self.fail(f"The closing {name} is missing", start, f"Add the closing {delimiter}.")

    def _flags(self, start: int) -> str:
        flags = self._bare()
        if flags not in ("", "c", "i"):
            raise self.fail(
                f"Unexpected {flags!r} after {self.text[start : self.place - len(flags)]}",
                self.place - len(flags),
                "Put a space between two terms; only the flag c (case-sensitive) can follow directly.",
            )
        return flags

    def _check_regex(self, regex: str, start: int) -> None:
        if not regex:
            raise self.fail("The regular expression is empty", start, "Enter one between the slashes.")
        import pyarrow as pa  # slow to import, and few searches have a regular expression
        import pyarrow.compute as pc

        try:
            pc.match_substring_regex(pa.array([""]), regex)
        except pa.ArrowInvalid as error:
            reason = str(error).removeprefix("Invalid regular expression: ")
            raise self.fail(
                f"The regular expression is not valid: {reason}",
                start,
                "Use RE2 syntax, without lookaround and backreferences.",
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
            raise self.fail("Unexpected text after the value", self.place, "Put a space after the value.")
        if not value and not quoted:
            raise self.fail(
                f"{match[0]} has no value",
                match.start(),
                f'Add a value, as in {_example(field)}, or use {field}:"" for an empty value.',
            )
        if operator in ("<", "<=", ">", ">=") and not field.startswith("$"):
            raise self.fail(
                f"{field} does not support {operator}",
                start - len(operator),
                "Use it with fields of JSON messages, for example $.status:>=500.",
            )
        if field == "level":
            value = self._level(value, start)
        wild = not quoted and not operator and re.search(r"[*?]", value)
        return Filter(field, value, "glob" if wild else operator or "=", negated)  # type: ignore[arg-type]

    def _level(self, value: str, start: int) -> str:
        if level := LEVEL_NAMES.get(value.upper()):
            return level
        raise self.fail(f"There is no level {value!r}", start, f"Use {', '.join(map(str.lower, LEVELS))}.")


def _example(field: str) -> str:
    examples = {"level": "level:error", "group": "group:/aws/lambda/*", "account": "account:111111111111"}
    return examples.get(field, f"{field}:…")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _term_text(term: Term) -> str:
    sign = "-" if term.negated else ""
    flag = "c" if term.case_sensitive else ""
    if term.kind == "regex":
        return f"{sign}/{_slashes_escaped(term.text)}/{flag}"
    if not flag and parses_as(term.text, ParsedQuery((Term(term.text),))):
        return sign + term.text
    return f"{sign}{_quoted(term.text)}{flag}"


def _slashes_escaped(regex: str) -> str:
    """Escape every slash that is not escaped yet."""
    return re.sub(r"(\\.)|/", lambda match: match[1] or r"\/", regex, flags=re.DOTALL)


def _filter_text(filter_: Filter) -> str:
    sign = "-" if filter_.negated else ""
    if filter_.operator == "glob":
        return f"{sign}{filter_.field}:{filter_.value}"
    operator = "" if filter_.operator == "=" else filter_.operator
    value = filter_.value.lower() if filter_.field == "level" else filter_.value
    plain = f"{filter_.field}:{operator}{value}"
    if value and parses_as(plain, ParsedQuery((), (Filter(filter_.field, filter_.value, filter_.operator),))):
        return sign + plain
    return f"{sign}{filter_.field}:{operator}{_quoted(value)}"


def parses_as(text: str, query: ParsedQuery) -> bool:
    """Return whether the text means exactly this query."""
    try:
        return parse(text) == query
    except QueryError:
        return False
