"""The classes of columns. The guide lists them with the same words."""

from typing import Final

NONE: Final = "none"
REVIEW: Final = "review"

# Class → what it covers.
CLASSES: Final = {
    "email": "email addresses",
    "person_name": "names of people: complete, given, middle, or family names",
    "username": "logins, nicknames, and accounts in other systems",
    "phone": "phone and fax numbers",
    "address": "streets, house numbers, and complete postal addresses of people",
    "city": "the city, district, or region where a person lives or was born",
    "postcode": "postal codes of people",
    "geo_location": "coordinates of a person or a private place",
    "birth_date": "dates, years, and months of birth",
    "gender": "gender and pronouns",
    "national_id": "official numbers of people: passport, tax, insurance, student, license plate",
    "credit_card": "card numbers, their last digits, expiry, and security codes",
    "iban": "IBANs, other bank account numbers, and routing numbers",
    "ip": "IP addresses of clients",
    "device_id": "identifiers of devices: MAC, IMEI, VIN, user agent, advertising ID",
    "secret": "passwords, their hashes, tokens, keys, session IDs, and security answers",
    "url": "websites and social profiles of people",
    "photo": "pictures of people, scans of their documents, and signatures",
    "free_text": "text that people write: notes, messages, comments",
    "personal_other": "other attributes of a person: salary, job title, health, religion, age",
    NONE: "neither personal nor secret",
    REVIEW: "cannot be judged: decide by looking at the data",
}
PERSONAL: Final = frozenset(CLASSES) - {NONE, REVIEW}
