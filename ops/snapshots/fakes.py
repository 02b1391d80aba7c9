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
