"""What a table is about, from its name and from the columns beside."""

from collections.abc import Iterable
from dataclasses import dataclass

from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.lexicon import LISTS
from ops.snapshots.policy.classifier.words import Part, parts

_KINDS = ("person", "talk", "auth", "order", "org", "place", "thing")
_PLACES = frozenset({"city", "region", "postcode", "geo"})
# Only a person has these.
_OF_PEOPLE = frozenset({"last_name", "birth_date", "gender"})
_PERSONAL_PARTS = frozenset(
    {"first_name", "last_name", "birth_date", "gender", "national_id", "phone", "email"}
)
_POSTAL = frozenset({"address", "city", "postcode"})
# Endings that leave open what the rows are about: `user_meta`, `customer_entity`.
# The rows of a table with such a key describe a person: grades, diagnoses, salaries.


@dataclass(frozen=True)
class Table:
    """What a table is about.

    `kind` is person, talk (people write in it), auth, order, org, place, thing, or empty if unknown. `people`
    means that its unqualified columns are a person's, `subject` that its rows have a person as their subject.
    `tags` are the tags of all its columns, and `why` is the reason for `people`.
    """

    kind: str
    people: bool
    subject: bool
    tags: frozenset[str]
    why: str = ""

    @property
    def postal(self) -> bool:
        """Whether at least two parts of a postal address are columns."""
        return len(self.tags & _POSTAL) > 1 or {"address", "region"} <= self.tags

    @property
    def impersonal(self) -> bool:
        return self.kind in ("place", "thing") and not self.people


def read_table(name: str, columns: Iterable[Column]) -> Table:
    """Return what a table is about. `name` is its bare name, without database and schema."""
    found = list(parts(name))
    while len(found) > 1 and found[0].text in LISTS["table_prefixes"]:
        del found[0]
    while len(found) > 1 and found[-1].text in LISTS["table_endings"]:
        del found[-1]
    kind = _kind(found)
    by_column = [parts(column.name) for column in columns]
    tags = frozenset(tag for column in by_column for tag in _plain_tags(column))
    about = next((part.text for part in found if "person" in part.tags), "")
    if kind == "person" or (
        about and kind in ("order", "auth") and found[-1].text.startswith(("addr", "adres"))
    ):
        return Table(kind, True, True, tags, f"a table of people: {about}")
    subject = (
        bool(about)
        or any(part.text in LISTS["about_people"] for part in found[-1:])
        or any(_is_subject(column) for column in by_column)
    )
    names = frozenset({"last_name"})
    evidence = sorted(tags & (names if kind in ("thing", "place") else _OF_PEOPLE))
    if "first_name" in tags and len(tags & _PERSONAL_PARTS) > 1:
        evidence.append("first_name")
    if evidence:
        return Table(kind, True, True, tags, f"the table has a column {evidence[0].replace('_', ' ')}")
    attributes = [
        column for column in by_column if len(column) == 1 and column[0].tags & {"personal", "gender"}
    ]
    if len(attributes) > 1 and kind not in ("thing", "place"):
        return Table(kind, True, True, tags, f"the table has a column {attributes[0][0].text}")
    if any(_is_subject(column, named=True) for column in by_column) and kind not in (
        "order",
        "place",
        "thing",
    ):
        return Table(kind, True, True, tags, "the table has the name of a person")
    return Table(kind, False, subject, tags)


def _kind(found: list[Part]) -> str:
    for part in reversed(found):
        kinds = [kind for kind in _KINDS if kind in part.tags]
        if kinds:
            return kinds[0]
        if part.tags & _PLACES:
            return "place"
        if "address" in part.tags:
            return "order"
        if "tail" in part.tags and len(found) > 1 and part is found[-1]:
            return "thing"
    return ""


def _plain_tags(column: tuple[Part, ...]) -> frozenset[str]:
    """Return the tags of a column that is about the row itself: `last_name`, but not `manager_last_name`."""
    telling = [part for part in column if part.tags and ("number" not in part.tags or len(part.tags) > 1)]
    if len(telling) != 1 or "neutral" in telling[0].tags:
        return frozenset(tag for part in telling for tag in part.tags & _POSTAL)
    return telling[0].tags


def _is_subject(column: tuple[Part, ...], *, named: bool = False) -> bool:
    if len(column) == 1 and column[0].text in LISTS["own_numbers"]:
        return not named
    if len(column) != 2 or column[0].text.removesuffix("s") not in LISTS["subjects"]:
        return False
    tags = column[1].tags
    return (
        bool(tags & {"name", "person_name"})
        if named
        else column[1].text in ("id", "number", "no", "name", "nr")
    )
