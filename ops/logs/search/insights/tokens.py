"""The tokens of a query of CloudWatch Logs Insights. Pure."""

import re
from dataclasses import dataclass

from ops.errors import QueryError
from ops.logs.search.insights.recognition import without_comments

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    | (?P<regex>/(?:[^/\\\n]|\\.)+/(?=[\s|,)]|$))
    | (?P<quoted>`[^`]+`)
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>@?[A-Za-z_][\w@]*(?:\.[\w@-]+)*|@\w+)
    | (?P<sign><=|>=|!=|==|=~|&&|\|\||[|,()\[\]=<>+\-*/%^])
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A token; the text of a string or a quoted name is without its quotation marks."""

    kind: str
    text: str
    place: int


class Tokens:
    """The tokens of one query; `at` is the current one."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens: list[Token] = []
        self.at = 0
        source, place = without_comments(text), 0
        while source[place:].strip():
            match = _TOKEN.match(source, place)
            if not match or not match.lastgroup:
                start = place + len(source[place:]) - len(source[place:].lstrip())
                raise self.fail(
                    f"Unexpected {source[start]!r}",
                    start,
                    "Check quotation marks, slashes, and names in `…`.",
                )
            self.tokens.append(Token(match.lastgroup, _content(match), match.start(match.lastgroup)))
            place = match.end()

    def fail(self, message: str, place: int | None = None, hint: str = "") -> QueryError:
        """Return the error at the place, or at the current token."""
        if place is None:
            place = self.next.place
        line = self.text.count("\n", 0, place) + 1
        column = place - (self.text.rfind("\n", 0, place) + 1) + 1
        return QueryError(
            f"{message} (line {line}, column {column}).",
            text=self.text,
            line=line,
            column=column,
            hint=hint or "Correct the query, or write SQL.",
        )

    @property
    def next(self) -> Token:
        return (
            self.tokens[self.at] if self.at < len(self.tokens) else Token("end", "", len(self.text.rstrip()))
        )

    def take(self, *texts: str) -> Token | None:
        """Read the next token if it is a sign or a word of `texts`, in any case."""
        token = self.next
        if token.kind in ("sign", "name") and token.text.lower() in texts:
            self.at += 1
            return token
        return None

    def take_kind(self, *kinds: str) -> Token | None:
        """Read the next token if it is of one of the kinds."""
        token = self.next
        if token.kind not in kinds:
            return None
        self.at += 1
        return token

    def expect(self, text: str) -> None:
        """Read the next token, which must be `text`. Raises QueryError."""
        if not self.take(text):
            raise self.fail(f"{text!r} is expected")

    def source(self, start: int) -> str:
        """Return the text from the token with number `start` up to the current one."""
        end = self.next.place
        return self.text[self.tokens[start].place : end].strip()


def _content(match: re.Match[str]) -> str:
    text = match[match.lastgroup or 0]
    if match.lastgroup == "string":
        return re.sub(r"\\([\\\"'])", r"\1", text[1:-1])
    return text[1:-1] if match.lastgroup in ("quoted", "regex") else text
