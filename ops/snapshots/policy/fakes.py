"""The words and number ranges of the fakes, as plain data for the SQL of every database engine."""

from dataclasses import dataclass

FIRST_NAMES = (
    "Ada", "Alex", "Amir", "Ana", "Ben", "Bo", "Chen", "Clara", "Dana", "Dev", "Elif", "Emil", "Eva", "Femi",
    "Finn", "Gita", "Hana", "Hugo", "Ida", "Ivan", "Jana", "Jon", "Kai", "Kira", "Lara", "Leo", "Lin", "Mara",
    "Max", "Mina", "Nia", "Nils", "Nora", "Omar", "Otto", "Petra", "Raj", "Rita", "Rosa", "Sami", "Sara",
    "Selma", "Sven", "Tara", "Theo", "Tom", "Uma", "Vera", "Yara", "Zoe",
)  # fmt: skip
# Invented, so that a fake full name is not by chance the name of a person in the database.
LAST_NAMES = tuple(
    head + tail
    for head in ("Alder", "Bracken", "Corn", "Dunmer", "Elmer", "Fenn", "Gorst", "Hazel", "Iver", "Juniper")
    for tail in ("bury", "wick", "sted", "thorpe", "mere")
)
STREETS = (
    "Oak Street", "Mill Lane", "Station Road", "Park Avenue", "Church Street", "High Street", "Garden Road",
    "Lake Drive", "Hill Road", "River Walk", "Market Square", "School Lane", "Forest Way", "Bridge Street",
)  # fmt: skip
CITIES = ("Ashford", "Brookfield", "Clearwater", "Dunmore", "Eastvale", "Fairview", "Glenwood", "Hillcrest")
COMPANIES = ("Alder", "Birch", "Cedar", "Delta", "Ember", "Fjord", "Grove", "Harbor", "Iris", "Juniper")

# Patterns of fakes, including truncated ones. All database engines interpret them alike.
PATTERNS = {
    "address": "^[0-9]{1,3} [A-Z][a-z]*( [A-Z]?[a-z]*)?",
    "card": "^400000[0-9]{0,10}$",
    "email": "^u[0-9a-f]{1,16}(@[a-z.]*)?$",
    "ip": "^192\\.0\\.2\\.[0-9]{1,3}",
    "phone": "^\\+999[0-9]{0,10}$",
    "postcode": "^[0-9]{1,5}$",
    "text": "^T(e(x(t( [0-9a-f]{0,16})?)?)?)?$",
    "url": "^https://example\\.com/[0-9a-f]{0,16}$",
    "username": "^user_[0-9a-f]{0,16}$",
}
# Fakes that are chosen from a list.
LISTED: dict[str, tuple[str, ...]] = {
    "city": CITIES,
    "company": tuple(f"{word} Ltd" for word in COMPANIES),
    "first_name": FIRST_NAMES,
    "last_name": LAST_NAMES,
}
HOUSE_NUMBERS = 199  # house numbers of fake addresses, from 1
# The number of words of each part of a fake with two parts.
PARTS = {"name": (len(FIRST_NAMES), len(LAST_NAMES)), "address": (HOUSE_NUMBERS, len(STREETS))}


@dataclass(frozen=True)
class FakeRange:
    """The number of fakes of a kind: `base` to the power of `width`, or of the digits that fit into a column.

    `start` characters come before the `width` digits. A list of words is one digit that cannot be truncated.
    """

    start: int
    base: int
    width: int


@dataclass(frozen=True)
class NumberedFakes:
    """SQL that numbers the fakes of a kind, for columns of a `family`: number, text, or any when empty.

    `drawn` is the number that a value draws, `fake` the fake with the number <drawn>, and `taken` the number
    of the fake that the value already equals, or NULL. The compiler replaces <space> by how many fakes fit
    into the column, <width> by the number of digits, and <tail> by the divisor that cuts off the rest.
    """

    kind: str
    family: str
    room: FakeRange
    digest: str
    drawn: str
    fake: str
    taken: str


def _words(words: tuple[str, ...]) -> FakeRange:
    return FakeRange(max(map(len, words)) - 1, len(words), 1)


FAKE_RANGES = {
    "address": FakeRange(len("199 ") + max(map(len, STREETS)) - 1, HOUSE_NUMBERS * len(STREETS), 1),
    "card": FakeRange(6, 10, 9),
    "email": FakeRange(1, 16, 16),
    "hash": FakeRange(0, 16, 32),
    "ip": FakeRange(len("192.0.2.255") - 1, 256, 1),
    "name": FakeRange(
        max(map(len, FIRST_NAMES)) + max(map(len, LAST_NAMES)), len(FIRST_NAMES) * len(LAST_NAMES), 1
    ),
    "phone": FakeRange(4, 10, 10),
    "postcode": FakeRange(0, 10, 5),
    "text": FakeRange(5, 16, 16),
    "url": FakeRange(20, 16, 16),
    "username": FakeRange(5, 16, 16),
    **{kind: _words(words) for kind, words in LISTED.items()},
}
# The characters before the digits.
PREFIXES = {
    "card": "400000",
    "email": "u",
    "hash": "",
    "phone": "+999",
    "postcode": "",
    "text": "Text ",
    "url": "https://example.com/",
    "username": "user_",
}
EXAMPLES = {
    "address": "12 Oak Street",
    "card": "4000001234567899",
    "city": "Fairview",
    "company": "Cedar Ltd",
    "email": "u5c1f0a9e37b2d468@example.com",
    "first_name": "Nora",
    "ip": "192.0.2.17",
    "last_name": "Hazelwick",
    "name": "Nora Hazelwick",
    "phone": "+9995550123456",
    "postcode": "40117",
    "text": "Text 5c1f0a9e37b2d468",
    "url": "https://example.com/5c1f0a9e37b2d468",
    "username": "user_5c1f0a9e37b2d468",
}
_ENDS = {"card": 1, "email": len("@example.com")}  # characters after the digits
# A shorter column cannot hold even a truncated fake that is still one of its kind.
SHORTEST = {"address": len("199 O"), "ip": len("192.0.2.1"), "card": 6, "phone": 4, "url": 20, "username": 5}


def longest(kind: str) -> int:
    """Return the characters of the longest fake of a kind."""
    room = FAKE_RANGES[kind]
    return room.start + room.width + _ENDS.get(kind, 0)


# With so many fakes, two values draw the same one in one of 10,000 runs of 15 million rows; such a run fails.
# With fewer fakes, unique columns need the extra steps of the modules `unique`.
COLLISION_FREE = 2**60
