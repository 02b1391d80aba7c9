"""The review of suggestions: every column with its suggestion, the decisions, and the policy that they make.

A column of the report that nobody has decided is `review` in the policy: it is refused until somebody does.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from ops.errors import InputError
from ops.snapshots.policy.classifier.classes import REVIEW
from ops.snapshots.policy.classifier.classify import Verdict, classify
from ops.snapshots.policy.classifier.column import Column, read_type
from ops.snapshots.policy.classifier.names import SURE
from ops.snapshots.policy.classifier.treatments import choices, key_columns, treatment_for
from ops.snapshots.policy.documents import COLUMN_AND_PATH, parse_path
from ops.snapshots.policy.fakes import EXAMPLES
from ops.snapshots.policy.names import join_name, split_name
from ops.snapshots.policy.suggest import Suggestion, suggest_treatments
from ops.snapshots.policy.text import with_suggestions, with_treatment
from ops.snapshots.report import SanitizingReport, UnlistedColumn
from ops.text.toml_tables import TomlTable, read_toml

KEEP = "keep because "
HIGH = SURE  # the confidence of a row that is accepted with others

Name = tuple[str, str]  # table and column, as a policy writes them
Decisions = Mapping[Name, str]  # the treatments that were decided


class State(StrEnum):
    """What was decided for a column."""

    OPEN = "Open"
    ACCEPTED = "Accepted"
    CHANGED = "Changed"
    KEPT = "Kept"
    LISTED = "In policy"


@dataclass(frozen=True)
class ReviewRow:
    """A column: what is suggested, and what the policy has (empty if it does not list the column).

    `choices` are the treatments that its type can hold, without keep. `references` is the name of the row
    that a foreign key refers to. A path to a value in a JSON document is a row with the name `doc $.email`.
    """

    table: str
    column: str
    type: str
    cls: str
    confidence: float
    reason: str
    suggested: str
    choices: tuple[str, ...]
    listed: str = ""
    references: Name | None = None

    @property
    def name(self) -> Name:
        return self.table, self.column

    @property
    def is_path(self) -> bool:
        return bool(COLUMN_AND_PATH.fullmatch(self.column))

    @property
    def has_suggestion(self) -> bool:
        return self.suggested not in ("", REVIEW)

    def treatment(self, decisions: Decisions) -> str:
        """The treatment in the policy that the decisions make."""
        return decisions.get(self.name) or self.listed or REVIEW

    def state(self, decisions: Decisions) -> State:
        decided = decisions.get(self.name)
        if decided is None:
            return State.LISTED if self.listed not in ("", REVIEW) else State.OPEN
        if decided.startswith(KEEP):
            return State.KEPT
        return State.ACCEPTED if decided == self.suggested else State.CHANGED

    def example(self, decisions: Decisions) -> str:
        """An example of the fakes, as long as the column; never a value. Empty for other treatments."""
        treatment = decisions.get(self.name) or self.listed or self.suggested
        fake = EXAMPLES.get(treatment.removeprefix("fake "), "") if treatment.startswith("fake ") else ""
        return fake[: read_type(self.type).length or None]

    def is_acceptable(self, decisions: Decisions) -> bool:
        """Whether the column is open, and its suggestion is a treatment."""
        return self.has_suggestion and self.state(decisions) == State.OPEN


def review_rows(policy: str, report: SanitizingReport) -> tuple[ReviewRow, ...]:
    """Return the unlisted columns of a report in its order, then those of the policy. Raises InputError."""
    listed = _listed(policy)
    suggestions = suggest_treatments(report)
    names = {each.name: (made.table, made.column) for each, made in _pairs(report, suggestions)}
    columns = [Column(made.table, made.column, each.type) for each, made in _pairs(report, suggestions)]
    keys = key_columns([*columns, *(Column(table, column, "") for table, column in listed)])
    suggested = tuple(
        _suggested(each, made, names, keys, listed.get((made.table, made.column), ""))
        for each, made in _pairs(report, suggestions)
        if listed.get((made.table, made.column), REVIEW) == REVIEW
    )
    done = {row.name for row in suggested}
    return suggested + _of_policy({name: text for name, text in listed.items() if name not in done}, keys)


def _pairs(
    report: SanitizingReport, suggestions: Sequence[Suggestion]
) -> Iterable[tuple[UnlistedColumn, Suggestion]]:
    return zip(report.unlisted, suggestions, strict=True)


def _suggested(
    unlisted: UnlistedColumn,
    made: Suggestion,
    names: Mapping[str, Name],
    keys: Mapping[str, str],
    listed: str,
) -> ReviewRow:
    column = Column(made.table, made.column, unlisted.type, unlisted.required, unlisted.references)
    valid = choices(column, keys.get(made.table, ""))
    if made.treatment not in (REVIEW, "keep") and made.treatment not in valid:
        valid = (made.treatment, *valid)
    return ReviewRow(
        made.table, made.column, unlisted.type, made.cls, made.confidence, made.reason, made.treatment,
        valid, listed, names.get(unlisted.references),
    )  # fmt: skip


def _of_policy(listed: Mapping[Name, str], keys: Mapping[str, str]) -> tuple[ReviewRow, ...]:
    """Return the columns of a policy. Without their types, the names decide the class."""
    columns = [Column(table, _last_name(column), "") for table, column in listed]
    return tuple(
        _row_of_policy(name, text, verdict, keys.get(name[0], ""))
        for (name, text), verdict in zip(listed.items(), classify(columns), strict=True)
    )


def _row_of_policy(name: Name, listed: str, verdict: Verdict, key: str) -> ReviewRow:
    is_path = bool(COLUMN_AND_PATH.fullmatch(name[1]))
    valid = choices(verdict.column, key, path=is_path)
    treatment = treatment_for(verdict, key) if is_path and listed == REVIEW else ""
    return ReviewRow(
        *name, "", verdict.cls, verdict.confidence, verdict.reason, treatment if treatment in valid else "",
        valid, listed,
    )  # fmt: skip


def _last_name(column: str) -> str:
    """Return the name of a column, or of the last member on a path."""
    match = COLUMN_AND_PATH.fullmatch(column)
    if not match:
        return column
    try:
        names = [step for step in parse_path(match[2]) if isinstance(step, str)]
    except ValueError:
        names = []
    return names[-1] if names else match[1]


def _listed(policy: str) -> dict[Name, str]:
    """Return the treatments of a policy, which can have open reviews."""
    root = read_toml(policy, "The policy", partial(InputError, field="policy"))
    databases = root.table("databases")
    parts = {"": root} | {f"{name}:": databases.table(name) for name in databases.values}
    return {
        name: treatment
        for prefix, part in parts.items()
        for name, treatment in _of_tables(prefix, part.table("tables"))
    }


def _of_tables(prefix: str, tables: TomlTable) -> Iterable[tuple[Name, str]]:
    for table in tables.values:
        for column, treatment in tables.table(table).values.items():
            if column != "*":
                yield (f"{prefix}{table.removeprefix('public.')}", column), str(treatment)


def open_rows(rows: Iterable[ReviewRow], decisions: Decisions) -> tuple[ReviewRow, ...]:
    """Return the rows that nobody has decided."""
    return tuple(row for row in rows if row.state(decisions) == State.OPEN)


def by_urgency(rows: Iterable[ReviewRow], decisions: Decisions) -> tuple[ReviewRow, ...]:
    """Sort what needs a decision first: open reviews, then the open rows of the lowest confidence."""
    last = [State.OPEN, State.CHANGED, State.KEPT, State.ACCEPTED, State.LISTED]

    def urgency(row: ReviewRow) -> tuple[int, bool, float]:
        state = row.state(decisions)
        return last.index(state), row.has_suggestion, row.confidence if state == State.OPEN else 0

    return tuple(sorted(rows, key=urgency))


def accept_confident(rows: Iterable[ReviewRow], decisions: Decisions) -> dict[Name, str]:
    """Return the decisions, with the suggestions of all open rows of high confidence accepted."""
    return accept([row for row in rows if row.confidence >= HIGH], decisions)


def accept(rows: Iterable[ReviewRow], decisions: Decisions) -> dict[Name, str]:
    """Return the decisions, with the suggestions of the rows accepted, if they are open and not `review`."""
    return {**decisions, **{row.name: row.suggested for row in rows if row.is_acceptable(decisions)}}


def keep(rows: Iterable[ReviewRow], reason: str, decisions: Decisions) -> dict[Name, str]:
    """Return the decisions, with the values of the rows kept for a reason. Raises InputError without one."""
    text = " ".join(reason.split())
    if not text:
        raise InputError(
            "Cannot keep the values without a reason.",
            field="policy",
            hint="Enter why the values are not personal, or may be shared.",
        )
    return {**decisions, **{row.name: KEEP + text for row in rows if not row.is_path}}


def shared_choices(rows: Sequence[ReviewRow]) -> tuple[str, ...]:
    """Return the treatments that every row can have."""
    return tuple(
        choice for choice in (rows[0].choices if rows else ()) if all(choice in row.choices for row in rows)
    )


def split_keys(rows: Iterable[ReviewRow], decisions: Decisions) -> list[tuple[ReviewRow, ReviewRow]]:
    """Return the foreign keys, child and parent, whose columns are decided and have different treatments."""
    by_name = {row.name: row for row in rows}
    pairs = [(row, by_name[row.references]) for row in by_name.values() if row.references in by_name]
    return [(child, parent) for child, parent in pairs if _differ(child, parent, decisions)]


def _differ(child: ReviewRow, parent: ReviewRow, decisions: Decisions) -> bool:
    if State.OPEN in (child.state(decisions), parent.state(decisions)):
        return False
    one, other = (re.sub(r"^keep because .*", "keep", row.treatment(decisions)) for row in (child, parent))
    return one != other and one != "null" and not one.startswith("same as ")


def reviewed_policy(policy: str, rows: Iterable[ReviewRow], decisions: Decisions) -> str:
    """Return the text of the policy with every decision, and `review` for what is open.

    With all suggestions accepted, it is the text that `slipway snapshots suggest` prints.
    """
    new = []
    for row in rows:
        treatment = row.treatment(decisions)
        if not row.listed:
            new.append(_line(row, treatment))
        elif treatment != row.listed:
            policy = with_treatment(policy, _line(row, treatment))
    return with_suggestions(policy, new)


def _line(row: ReviewRow, treatment: str) -> Suggestion:
    line = Suggestion(row.table, row.column, treatment, row.reason, row.cls, row.confidence)
    if row.suggested in ("", REVIEW, treatment):
        return line
    return replace(line, reason=f"{row.reason}; suggested: {row.suggested}")


def full_name(name: Name) -> str:
    """Return `table.column`, in which a name with a dot is in double quotes."""
    database, colon, table = name[0].rpartition(":")
    try:
        parts = split_name(table)
    except ValueError:
        parts = (table,)
    return database + colon + join_name((*parts, name[1]))
