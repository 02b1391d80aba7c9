"""The treatment of a column, and its grammar in a policy."""

import re
from dataclasses import dataclass

from ops.snapshots.policy import documents, formats
from ops.snapshots.policy.documents import COLUMN_AND_PATH, parse_path, path_text
from ops.snapshots.policy.expressions import parse_expression
from ops.text.toml_tables import TomlTable

FORMAT = "keep format"  # the kind of this treatment
FAKES = (
    "address",
    "card",
    "city",
    "company",
    "email",
    "first_name",
    "ip",
    "last_name",
    "name",
    "phone",
    "postcode",
    "text",
    "url",
    "username",
)
GRAMMAR = (
    f"keep, keep because REASON, {formats.GRAMMAR}, null, hash, constant TEXT, "
    "shift DAYS by COLUMN, fake KIND, markup, sql EXPRESSION, or same as TABLE.COLUMN; KIND is one of "
    + ", ".join(FAKES)
)
_IN_DOCUMENTS = (FORMAT, "null", "hash", "constant", "shift", "fake", "review")


@dataclass(frozen=True)
class Treatment:
    """The treatment of a column.

    `kind` is keep, keep format, null, hash, constant, fake, shift, markup, sql, json, same (until the policy
    is parsed), or review (open: the policy is refused). `argument` is the text, the kind of fake, what stays
    besides the format, the number of days, the SQL expression, why a value that cannot be scanned is kept, or
    what replaces a value that is not a JSON document. `by` is the column that a shift depends on; `reads` are
    the columns of an SQL expression.
    `paths` are the treatments inside JSON documents, by path.
    """

    kind: str
    argument: str = ""
    by: str = ""
    reads: tuple[str, ...] = ()
    paths: tuple[tuple[str, "Treatment"], ...] = ()

    def __str__(self) -> str:
        words = [self.kind, self.argument, *(["by", self.by] if self.by and not self.paths else [])]
        return " ".join(filter(None, [*words, ", ".join(f"{path} {item}" for path, item in self.paths)]))

    @property
    def is_replaced(self) -> bool:
        """Whether nothing of the old value is left. What can be left is scanned like a kept value."""
        return self.kind not in ("keep", "json", "markup", "sql")

    @property
    def is_review(self) -> bool:
        return self.kind == "review" or any(item.is_review for _, item in self.paths)

    @property
    def sources(self) -> tuple[str, ...]:
        """The other columns that the new value depends on."""
        return tuple(dict.fromkeys([*([self.by] if self.by else []), *self.reads]))

    @property
    def otherwise(self) -> "Treatment | None":
        """The treatment of a value that is not a JSON document, or None if there may be none."""
        kind, _, argument = self.argument.partition(" ")
        return Treatment(kind, argument) if self.kind == "json" and kind else None


def parse_treatments(table: TomlTable, engine: str, readable: tuple[str, ...]) -> dict[str, Treatment]:
    """Return the treatments of a table by column. Raises InputError that names the line."""
    keys = [key for key in table.values if key != "*"]
    paths = {key: match.groups() for key in keys if (match := COLUMN_AND_PATH.fullmatch(key))}
    columns = list(dict.fromkeys(paths[key][0] if key in paths else key for key in keys))
    treatments: dict[str, Treatment] = {}
    for column in columns:
        inner = [key for key, (of, _) in paths.items() if of == column]
        if inner:
            treatments[column] = _document(table, column, {paths[key][1]: key for key in inner})
        else:
            treatments[column] = _treatment(table, column, columns, engine, readable)
    _check_sources(table, treatments)
    return treatments


def _check_sources(table: TomlTable, treatments: dict[str, Treatment]) -> None:
    for column, treatment in treatments.items():
        if treatment.by and treatment.by not in treatments:
            key = next((key for key in table.values if key.startswith(f"{column} $")), column)
            raise table.mistake(
                key if treatment.paths else column,
                f"is shifted by {treatment.by}, which is not a column of the table.",
                GRAMMAR,
            )


def _treatment(
    table: TomlTable, column: str, columns: list[str], engine: str, readable: tuple[str, ...]
) -> Treatment:
    text = table.values[column]
    kind, _, argument = str(text).partition(" ")
    if text in ("keep", "null", "hash", "review", "markup"):
        return Treatment(kind)
    if kind == "keep" and re.fullmatch(r"because \S.*", argument):
        return Treatment(kind, argument)
    if f"{text} ".startswith(f"{FORMAT} "):
        return _format(table, column, str(text))
    if (kind == "constant" and isinstance(text, str)) or (kind == "fake" and argument in FAKES):
        return Treatment(kind, argument)
    if kind == "shift" and (match := re.fullmatch(r"([1-9]\d*) by (.+)", argument)):
        return Treatment(kind, match[1], match[2])
    if kind == "same" and (match := re.fullmatch(r"as (\S.*)", argument)):
        return Treatment(kind, match[1])
    if kind == "sql" and argument.strip():
        try:
            expression = parse_expression(argument, engine, columns, readable)
        except ValueError as error:
            raise table.mistake(column, f"is an SQL expression that {error}.", "Correct it.") from error
        return Treatment(kind, expression.sql, reads=tuple(c for c in expression.columns if c != column))
    if kind == "json":
        raise table.mistake(
            column, "has no path.", f'Write "{column} $.a.path" = "fake email" for each value to treat.'
        )
    raise table.mistake(column, f"is {text!r}, which is not a treatment.", f"Treatments: {GRAMMAR}.")


def _format(table: TomlTable, column: str, text: str) -> Treatment:
    try:
        return Treatment(FORMAT, str(formats.parse_format(text.removeprefix(FORMAT).strip())))
    except ValueError as error:
        raise table.mistake(column, f"is {text!r}.", f"Write {formats.GRAMMAR}.") from error


def _document(table: TomlTable, column: str, keys: dict[str, str]) -> Treatment:
    """Return the treatment of a column with paths; `keys` are the keys of the policy by path."""
    text = table.values.get(column, "json")
    match = re.fullmatch(r"keep|json(?: or (null|hash|constant(?: .*)?))?", str(text), re.DOTALL)
    if not match:
        raise table.mistake(
            column,
            f"is {text!r}, but a path of it is treated too.",
            'Remove the paths, or use "json": other values are kept. For values that are not JSON: '
            '"json or null", "json or hash", or "json or constant TEXT".',
        )
    inner = []
    for path, key in keys.items():
        try:
            steps = parse_path(path)
        except ValueError as error:
            raise table.mistake(key, f"has {path!r}, which is not a path.", documents.GRAMMAR) from error
        inner.append((path_text(steps), key, _in_document(table, key)))
    if pair := documents.overlap(parse_path(path) for path, _, _ in inner):
        first, second = map(path_text, pair)
        key = next(key for path, key, _ in inner if path == second)
        raise table.mistake(key, f"overlaps with {first}.", "Remove one of the two paths.")
    by = {item.by for _, _, item in inner if item.by}
    if len(by) > 1:
        raise table.mistake(inner[0][1], "is shifted by another column than other paths.", "Use one column.")
    return Treatment(
        "json", match[1] or "", "".join(by), paths=tuple((path, item) for path, _, item in inner)
    )


def _in_document(table: TomlTable, key: str) -> Treatment:
    text = table.values[key]
    if not re.match(rf"({'|'.join(_IN_DOCUMENTS)})\b", str(text)):
        raise table.mistake(
            key,
            f"is {text!r}, which is not a treatment of a value in a document.",
            f"Treatments: null, hash, constant TEXT, shift DAYS by COLUMN, {formats.GRAMMAR}, or fake KIND; "
            f"KIND is one of {', '.join(FAKES)}.",
        )
    return _treatment(table, key, [], "", ())
