"""Words that fakes are made of: plain data for every engine's SQL."""

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
