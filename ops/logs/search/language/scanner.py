"""Reads one text of the search bar from left to right: words, phrases, regular expressions. Pure."""

import re

from ops.errors import QueryError

CLOSING = {'"': '"', "'": "'", "/": "/", "“": "”", "”": "”", "„": "“"}
_NAMES = {"/": "slash"}


class Scanner:
    """One text; `place` is the current position."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0

    @property
    def ended(self) -> bool:
        return self.place >= len(self.text)

    @property
    def next(self) -> str:
        """The next character; empty at the end."""
        return self.text[self.place : self.place + 1]

    def skip_space(self) -> bool:
        """Skip white space, and return whether any text is left."""
        while not self.ended and self.next.isspace():
            self.place += 1
        return not self.ended

    def fail(self, message: str, place: int, hint: str) -> QueryError:
        """Return the error at the place."""
        line = self.text.count("\n", 0, place) + 1
        column = place - (self.text.rfind("\n", 0, place) + 1) + 1
        return QueryError(
            f"{message} (column {column}).", text=self.text, line=line, column=column, hint=hint
        )

    def match(self, regex: re.Pattern[str]) -> re.Match[str] | None:
        return regex.match(self.text, self.place)

    def take(self, regex: re.Pattern[str]) -> re.Match[str] | None:
        """Read what matches at the current position."""
        if match := self.match(regex):
            self.place = match.end()
        return match

    def at_border(self, place: int | None = None) -> bool:
        """Return whether a word ends at the place: white space, a closing parenthesis, or the end follows."""
        place = self.place if place is None else place
        return place >= len(self.text) or self.text[place].isspace() or self.text[place] == ")"

    def word(self) -> str:
        """Read up to white space, or a closing parenthesis that the word did not open: `main()` is a word."""
        start, depth = self.place, 0
        while not self.ended and not self.next.isspace():
            depth += (self.next == "(") - (self.next == ")")
            if depth < 0:
                break
            self.place += 1
        return self.text[start : self.place]

    def delimited(self) -> str:
        """Read a phrase or a regular expression with its delimiters, and return what is between them.

        A backslash escapes the delimiter, and in a phrase also a backslash.
        """
        start, opening = self.place, self.next
        closing = CLOSING[opening]
        pieces: list[str] = []
        self.place += 1
        while not self.ended:
            character, following = self.next, self.text[self.place + 1 : self.place + 2]
            if character == closing:
                self.place += 1
                return "".join(pieces)
            if character == "\\" and following:
                whole = opening == "/" and following != "/"  # a regular expression keeps its own escapes
                pieces.append(character + following if whole else following)
                self.place += 2
            else:
                pieces.append(character)
                self.place += 1
        name = _NAMES.get(opening, "quotation mark")
        raise self.fail(f"The closing {name} is missing", start, f"Add the closing {closing}.")

    def flags(self, start: int) -> str:
        """Read what follows a phrase or regular expression directly: `c`, `i`, or nothing."""
        place = self.place
        flags = self.word()
        if flags not in ("", "c", "i"):
            raise self.fail(
                f"Unexpected {flags!r} after {self.text[start:place]}",
                place,
                "Put a space between two terms; only the flags c (case-sensitive) and i can follow directly.",
            )
        return flags

    def check_regex(self, regex: str, start: int) -> None:
        """Raise QueryError unless it is a regular expression in RE2 syntax."""
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
