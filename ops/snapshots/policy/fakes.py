"""What fakes are made of, and how many there are of a kind: plain data for every engine's SQL."""

from dataclasses import dataclass

FIRST_NAMES = (
    "Ada", "Alex", "Amir", "Ana", "Ben", "Bo", "Chen", "Clara", "Dana", "Dev", "Elif", "Emil", "Eva", "Femi",
    "Finn", "Gita", "Hana", "Hugo", "Ida", "Ivan", "Jana", "Jon", "Kai", "Kira", "Lara", "Leo", "Lin", "Mara",
    "Max", "Mina", "Nia", "Nils", "Nora", "Omar", "Otto", "Petra", "Raj", "Rita", "Rosa", "Sami", "Sara",
    "Selma", "Sven", "Tara", "Theo", "Tom", "Uma", "Vera", "Yara", "Zoe",
)  # fmt: skip
# Made up, so that a fake full name is not by chance the name of somebody in the database.
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

# What a fake looks like, also when it was cut to a short column: patterns that every engine reads alike.
SHAPES = {
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
# The fakes that are one of a list.
LISTED: dict[str, tuple[str, ...]] = {
    "city": CITIES,
    "company": tuple(f"{word} Ltd" for word in COMPANIES),
    "first_name": FIRST_NAMES,
    "last_name": LAST_NAMES,
}
HOUSES = 199  # a fake address has one of these numbers


@dataclass(frozen=True)
class Room:
    """How many fakes of a kind a column holds: `base` to the power of `width`, or of what fits.

    `start` letters come before the `width` digits. Words are one digit that is read only whole.
    """

    start: int
    base: int
    width: int


def _words(words: tuple[str, ...]) -> Room:
    return Room(max(map(len, words)) - 1, len(words), 1)


ROOMS = {
    "address": Room(len("199 ") + max(map(len, STREETS)) - 1, HOUSES * len(STREETS), 1),
    "card": Room(6, 10, 9),
    "email": Room(1, 16, 16),
    "hash": Room(0, 16, 32),
    "ip": Room(len("192.0.2.255") - 1, 256, 1),
    "name": Room(
        max(map(len, FIRST_NAMES)) + max(map(len, LAST_NAMES)), len(FIRST_NAMES) * len(LAST_NAMES), 1
    ),
    "phone": Room(4, 10, 10),
    "postcode": Room(0, 10, 5),
    "text": Room(5, 16, 16),
    "url": Room(20, 16, 16),
    "username": Room(5, 16, 16),
    **{kind: _words(words) for kind, words in LISTED.items()},
}
# What stands before the digits.
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
# With so many fakes, none is drawn twice: by chance in one of 10,000 runs of 15 million rows, and then the
# run fails. Below it, unique columns need care.
ENOUGH = 2**60
