"""The class that a column's name suggests, given its type and its table."""

from collections.abc import Sequence
from dataclasses import dataclass

from ops.snapshots.policy.classifier.classes import NONE
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.fitting import fits
from ops.snapshots.policy.classifier.lexicon import LISTS
from ops.snapshots.policy.classifier.tables import Table
from ops.snapshots.policy.classifier.words import Part, parts

SURE, LIKELY, UNSURE, POSSIBLE = 0.95, 0.8, 0.7, 0.6

_CLASS_OF = {
    "email": "email",
    "phone": "phone",
    "first_name": "person_name",
    "last_name": "person_name",
    "person_name": "person_name",
    "username": "username",
    "address": "address",
    "city": "city",
    "postcode": "postcode",
    "geo": "geo_location",
    "birth_date": "birth_date",
    "gender": "gender",
    "national_id": "national_id",
    "credit_card": "credit_card",
    "iban": "iban",
    "ip": "ip",
    "secret": "secret",
    "device_id": "device_id",
    "photo": "photo",
    "url": "url",
    "text": "free_text",
    "personal": "personal_other",
}
_WEAK = {
    "secret_auth": "secret", "personal_person": "personal_other", "national_id_person": "national_id",
    "text_weak": "free_text", "photo_person": "photo", "url_person": "url", "region": "city",
    "name": "person_name",
}  # fmt: skip
_HEADS = frozenset(_CLASS_OF) - {"text", "photo", "personal"}
_CLASS_TAGS = frozenset(_CLASS_OF) | frozenset(_WEAK)

# These words say the same in a table of things: people write them.
# Numbers that a system gives to its own rows: as an integer, they are keys.
_BY_TYPE = {"ip": "ip", "mac": "device_id"}
# The ends that keep the meaning: a nationality code is a nationality.
_HARMLESS_ENDS = {
    "gender": frozenset({"id", "code", "type", "desc"}),
    "personal": frozenset(
        {"code", "codes", "type", "status", "level", "id", "date", "category", "amount", "kind"}
    ),
    "birth_date": frozenset(
        {"date", "datetime", "year", "month", "day", "timestamp", "dt", "datum", "data", "fecha"}
    ),
    "photo": frozenset({"path", "file", "filename", "type", "id"}),
    "free_text": frozenset({"read"}),
}


@dataclass(frozen=True)
class Guess:
    """A class, how sure it is (0 to 1), and why. `judged` is false if a word that matters is unknown."""

    cls: str
    confidence: float
    reason: str
    judged: bool = True


def guess(column: Column, table: Table) -> Guess:
    """Return the class that the name, the type, and the table suggest."""
    if by_type := _BY_TYPE.get(column.kind.family):
        return Guess(by_type, SURE, f"the type {column.type}")
    found = parts(column.name)
    if not found:
        return Guess(NONE, 0.3, "the name has no word", judged=False)
    if found and "neutral" in found[-1].tags:
        return Guess(NONE, LIKELY, f"named like technical data: {found[-1].text}")
    if _is_flag(found, column):
        return Guess(NONE, SURE, f"a flag: {found[0].text} …")
    place = next((i for i in reversed(range(len(found))) if _has_class(found, i)), None)
    if place is None:
        return _without_class(found, column, table)
    if found[place].tags & {"person", "contact"}:  # `telefono casa`, `cpf responsavel`: the class comes first
        place = next((i for i in range(place) if found[i].tags & _HEADS), place)
    return _Judge(column, table, found, place).guess()


def _has_class(found: Sequence[Part], place: int) -> bool:
    """Whether a part has a class. A comment's author is a person, not a comment."""
    part = found[place]
    if part.tags & {"text", "text_weak"} and any("person" in after.tags for after in found[place + 1 :]):
        return not part.tags & {"talk"}
    return bool(part.tags & _CLASS_TAGS)


def _is_flag(found: Sequence[Part], column: Column) -> bool:
    if len(found) < 2 or "flag" not in found[0].tags or found[0].tags & _CLASS_TAGS:
        return False
    return found[0].text in LISTS["always_flags"] or column.kind.family in ("boolean", "number", "")


def _without_class(found: Sequence[Part], column: Column, table: Table) -> Guess:
    """Judge a name without a word of a class: a person alone (`author`), something technical, or unknown."""
    if beside := _beside(found, column, table):
        return beside
    people = [part for part in found if "person" in part.tags]
    if people and column.kind.family in ("json", "xml"):
        return Guess("free_text", POSSIBLE, f"{column.type} about a person: {people[-1].text}")
    if people and any(part.text in LISTS["numbers"] for part in found):
        return Guess(NONE, UNSURE, "named like a key of a person")
    rest = [part for part in found if "person" not in part.tags and part.tags != {"number"}]
    if people and column.kind.family in ("text", "array") and _names_a_person(rest, column):
        if people[-1].text in ("user", "users", "usr"):
            return Guess("username", POSSIBLE, "named like a user")
        return Guess("person_name", POSSIBLE, f"named like a person: {people[-1].text}")
    judged = all(part.tags for part in found[-1:]) or column.kind.family not in (
        "text",
        "json",
        "xml",
        "bytes",
        "",
    )
    if not judged and len(found) > 1 and any(part.tags & {"thing", "tail", "org", "place"} for part in found):
        judged = True
    if not judged and column.kind.family == "text" and _is_person(found[0]):
        return Guess("person_name", POSSIBLE, f"named like a person: {found[0].text}")
    technical = bool(found) and bool(found[-1].tags & {"tail", "neutral"})
    confidence = (LIKELY if technical else UNSURE) if judged else 0.3
    return Guess(NONE, confidence, "no sign of personal data", judged)


def _beside(found: Sequence[Part], column: Column, table: Table) -> Guess | None:
    """Judge words that get their class from the columns beside: the number of a house, a card's expiry."""
    words, family = {part.text for part in found}, column.kind.family
    if words & {"location", "loc", "ubicacion", "locatie"} and len(found) == 1:
        if family == "geo" and table.kind != "place":
            return Guess("geo_location", LIKELY, "a location, with a type of coordinates")
        if table.people and family == "text":
            return Guess("city", LIKELY, f"a location; {table.why}")
    if words & {"expiry", "expiration", "expires", "exp"} and "credit_card" in table.tags:
        return Guess("credit_card", LIKELY, "the expiry of a card")
    if words <= {"numero", "number", "nr", "no", "num", "numer"} and "address" in table.tags and table.people:
        return Guess("address", LIKELY, "a number beside a street")
    if found[-1].text == "agent" and "ip" in table.tags:
        return Guess("device_id", LIKELY, "a user agent beside an IP address")
    if words == {"uid"} and table.kind in ("auth", "person") and family == "text":
        return Guess("username", POSSIBLE, "an account in another system")
    return None


def _is_person(part: Part) -> bool:
    return "person" in part.tags and part.text not in LISTS["no_names"]


def _names_a_person(rest: Sequence[Part], column: Column) -> bool:
    last = parts(column.name)[-1]
    if last.text in LISTS["no_names"] or 0 < column.kind.length < 8 or "person" not in last.tags:
        return False
    return not any(part.tags & {"thing", "tail", "place"} for part in rest)


class _Judge:
    """Judges one name whose part at `place` has the tags of a class."""

    def __init__(self, column: Column, table: Table, found: Sequence[Part], place: int) -> None:
        self.column, self.table, self.part = column, table, found[place]
        self.before, self.after = found[:place], found[place + 1 :]
        self.others = [*self.before, *self.after]
        self.of_person = any("person" in part.tags for part in self.others)
        self.of_contact = any("contact" in part.tags for part in self.others)
        self.people = table.people or self.of_person
        self.of_thing = self._qualified_by("thing")
        self.of_place = self._qualified_by("place")
        self.related = (
            self.people
            or self.of_contact
            or table.subject
            or table.kind in ("order", "auth", "talk")
            or bool(
                table.tags & {"email", "phone", "last_name", "first_name", "username", "national_id", "iban"}
            )
        )

    def _qualified_by(self, tag: str) -> bool:
        """Whether the nearest word that qualifies is one of these, and not a person."""
        near = [
            part
            for part in (*reversed(self.before), *self.after)
            if part.tags - {"number", "flag"} and part.text not in ("location", "loc")
        ]
        return bool(near) and tag in near[0].tags and not near[0].tags & {"person", "contact"}

    def guess(self) -> Guess:
        strong = [tag for tag in _CLASS_OF if tag in self.part.tags]
        if not strong and self.before and (inner := self._inner()):
            near = next(iter(tag for tag in _CLASS_OF if tag in self.before[-1].tags))
            if self.part.text in LISTS["codes"] and self.part.text not in _HARMLESS_ENDS.get(near, ()):
                return Guess(NONE, LIKELY, f"describes something else: {self.part.text}")
            return _Judge(self.column, self.table, [*self.before, *self.after], inner - 1).guess()
        tag = next(iter(strong), "")
        if ended := self._ended(tag):
            return Guess(NONE, LIKELY, f"describes something else: {ended}")
        if self.part.text in LISTS["own_numbers"] and self.column.kind.family == "number":
            return Guess(NONE, LIKELY, f"a key: {self.part.text}")
        found = self._strong(tag) if tag else None
        found = found or self._weak()
        if found.cls != NONE and not fits(found.cls, self.column.kind, self.part.text):
            return Guess(
                NONE, LIKELY, f"the type {self.column.type or 'of the column'} does not hold a {found.cls}"
            )
        return found

    def _inner(self) -> int:
        """Return how many parts end with a class that a weak word follows: 1 for `secret_data`."""
        near = self.before[-1]
        classes = near.tags & frozenset(_CLASS_OF)
        if not classes or near.tags & {"neutral"}:
            return 0
        if "region" in self.part.tags and "address" in classes:
            return 0
        is_text = self.part.text in LISTS["contents"] and classes & {"email", "text"}
        return 0 if is_text else len(self.before)

    def _ended(self, tag: str) -> str:
        """Return the word that makes the column describe something else: `count` in `ip_count`."""
        harmless = _HARMLESS_ENDS.get(tag, frozenset())
        for part in self.after:
            if part.text in harmless or part.tags & {"person", "contact"}:
                continue
            if part.tags & {"tail", "neutral"} or (
                part.tags & {"thing"} and not part.tags & {"org", "number"}
            ):
                return part.text
        if self.before and self.before[0].text in LISTS["leads"] and tag not in ("gender", "birth_date"):
            return self.before[0].text
        return ""

    def _strong(self, tag: str) -> Guess | None:
        cls, text = _CLASS_OF[tag], self.part.text
        if text in LISTS["postal_only"] and not (
            self.table.postal or self.of_person or self.of_contact or self._postal_phrase()
        ):
            return None
        if text in LISTS["people_only"] and not self.related:
            return None
        if self._is_impersonal(tag):
            return Guess(NONE, POSSIBLE, f"named like a {cls}, but of a thing or a place")
        confidence = (
            SURE
            if self.people or tag in ("email", "secret", "national_id", "iban", "credit_card")
            else LIKELY
        )
        return Guess(cls, confidence, f"named like {_ARTICLES[cls]}: {text}")

    def _postal_phrase(self) -> bool:
        return bool(self.table.tags & {"postcode", "city"}) and self.table.kind not in ("place", "thing")

    def _is_impersonal(self, tag: str) -> bool:
        if self.people or self.of_contact or self.table.subject:
            return tag in ("city", "address", "postcode", "geo") and self.of_place and not self.of_person
        table = self.table
        if tag == "person_name":
            return self.part.text in LISTS["names_of_anything"] and (
                table.impersonal or table.kind == "org" or self.of_thing
            )
        if tag == "photo":
            return self.part.text in LISTS["pictures_of_anything"] and (table.impersonal or self.of_thing)
        if tag in ("city", "postcode", "address", "geo"):
            return (
                table.kind == "place"
                or self.of_place
                or (table.kind == "thing" and tag in ("city", "postcode"))
            ) and not (tag == "address" and table.kind != "place" and not self.of_place)
        if tag in ("gender", "personal", "birth_date"):
            return table.impersonal or self.of_thing
        return (
            tag == "text"
            and (table.impersonal or self.of_thing)
            and self.part.text not in LISTS["always_text"]
        )

    def _weak(self) -> Guess:
        tags, table = self.part.tags, self.table
        about = table.why or ("a word about people" if self.of_person else f"a table of {table.kind}")
        for tag in _WEAK:
            if tag in tags and self._holds(tag):
                cls = _WEAK[tag]
                return Guess(cls, LIKELY if self.people else POSSIBLE, f"{self.part.text}; {about}")
        judged = not (self.column.kind.family == "bytes" and "text_weak" in tags)
        return Guess(NONE, POSSIBLE, f"{self.part.text}, but not of a person", judged)

    def _holds(self, tag: str) -> bool:
        table = self.table
        own = table_is_people(table, self.of_thing or self.of_place, self.of_person)
        if tag == "name":
            return self._is_name()
        if tag == "secret_auth":
            return table.kind == "auth" or (table.people and self.part.text in ("hash", "stamp", "nonce"))
        if tag == "personal_person":
            return own or (table.subject and not self.of_thing)
        if tag == "text_weak":
            written = table.kind == "talk" or self.column.kind.family in ("json", "xml")
            return own or (written and not self.of_thing) or bool(self._written_about())
        if tag == "region":
            if any("address" in part.tags for part in self.before):
                return table.kind != "place"
            return (table.postal and table.kind not in ("place", "thing")) or (
                own and self.part.text not in LISTS["postal_only"]
            )
        return own

    def _written_about(self) -> bool:
        return any(part.tags & {"talk", "email"} for part in self.before)

    def _is_name(self) -> bool:
        near = [
            part
            for part in (*reversed(self.before), *self.after)
            if part.tags - {"number", "flag"} and part.text not in LISTS["fillers"]
        ]
        for part in near[:1]:
            if part.tags & {"person", "contact"}:
                return True
            return False
        if any(not part.tags for part in self.others):
            return self.table.people
        contact = {"email", "phone"} & self.table.tags and self.table.kind == ""
        return self.table.people or bool(contact)


def table_is_people(table: Table, of_thing: bool, of_person: bool) -> bool:
    return of_person or (table.people and not of_thing)


_ARTICLES = {
    "email": "an email address",
    "person_name": "a person's name",
    "username": "a username",
    "phone": "a phone number",
    "address": "an address",
    "city": "a city or region",
    "postcode": "a postal code",
    "geo_location": "coordinates",
    "birth_date": "a date of birth",
    "gender": "a gender",
    "national_id": "an official number",
    "credit_card": "card data",
    "iban": "a bank account",
    "ip": "an IP address",
    "device_id": "an identifier of a device",
    "secret": "a secret",
    "url": "a website or profile",
    "photo": "a picture of a person",
    "free_text": "text that people write",
    "personal_other": "an attribute of a person",
}
