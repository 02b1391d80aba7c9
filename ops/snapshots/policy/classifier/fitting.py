"""Whether a type can hold a class."""

from ops.snapshots.policy.classifier.column import ColumnType

_TEXTS = frozenset({"text", "", "array", "bytes"})
_ANY_NUMBER = _TEXTS | {"number"}
# Class → families of types that hold it. Other classes are texts.
_FAMILIES = {
    "phone": _ANY_NUMBER,
    "postcode": _ANY_NUMBER,
    "national_id": _ANY_NUMBER,
    "iban": _ANY_NUMBER,
    "credit_card": _ANY_NUMBER | {"date"},
    "gender": _ANY_NUMBER | {"enum", "boolean"},
    "geo_location": _ANY_NUMBER | {"geo", "json"},
    "birth_date": _ANY_NUMBER | {"date", "time"},
    "ip": _ANY_NUMBER | {"ip", "bytes", "json"},
    "device_id": _ANY_NUMBER | {"mac", "uuid", "bytes", "json"},
    "secret": _TEXTS | {"bytes", "uuid", "json"},
    "photo": _TEXTS | {"bytes", "json"},
    "free_text": _TEXTS | {"json", "xml", "bytes"},
    "personal_other": _ANY_NUMBER | {"enum", "boolean", "json", "xml", "bytes", "time"},
    "address": _TEXTS | {"json", "xml"},
    "person_name": _TEXTS | {"json"},
}
_NUMBERED_SECRETS = frozenset(
    {"pin", "otp", "password", "passcode", "pin code", "pin number", "passwd", "pwd", "otp code"}
)
_DATES_OF_LIFE = frozenset(
    {
        "death",
        "died",
        "date died",
        "death date",
        "date death",
        "dod",
        "death year",
        "deceased",
        "deceased date",
    }
)


def fits(cls: str, type_: ColumnType, word: str) -> bool:
    """Return whether the type holds values of the class; `word` is the phrase that suggests the class."""
    if type_.family in _FAMILIES.get(cls, _TEXTS):
        return True
    if type_.family == "number":
        return (cls == "secret" and word in _NUMBERED_SECRETS) or (
            cls == "address" and ("no" in word or "num" in word)
        )
    return cls == "personal_other" and type_.family == "date" and (word in _DATES_OF_LIFE or "dat" in word)
