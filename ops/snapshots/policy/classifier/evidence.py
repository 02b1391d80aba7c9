"""Weighs the profile of a column's values against the class that its name suggests."""

from ops.snapshots.policy.classifier.classes import NONE
from ops.snapshots.policy.classifier.column import Column
from ops.snapshots.policy.classifier.names import LIKELY, POSSIBLE, SURE, Guess
from ops.snapshots.policy.classifier.tables import Table
from ops.snapshots.policy.classifier.values import Profile

MOST = 0.6  # the share of values that a statistical guess needs
FEW = 0.3  # the share of values that speak against it

# Look → class. A value with one of these formats is evidence by itself.
_PATTERNS = (
    ("email", "email", "email addresses"),
    ("international_phone", "phone", "international phone numbers"),
    ("iban", "iban", "IBANs with valid check digits"),
    ("secret", "secret", "formats of password hashes, tokens, or keys"),
    ("agent", "device_id", "user agents"),
    ("mac", "device_id", "MAC addresses"),
)
# Classes whose values are neither flags nor plain short words.
_NEVER_FLAGS = frozenset(
    "email phone address city person_name username secret free_text url photo ip iban credit_card postcode"
    " birth_date national_id device_id geo_location".split()
)


def weigh(found: Guess, column: Column, table: Table, seen: Profile) -> Guess:
    """Return the guess that name and values support together."""
    if not seen.count or not column.kind.can_hold_text:
        return found
    if found.cls == NONE:
        return _by_pattern(column, seen) or _by_statistics(found, column, table, seen) or _judged(found, seen)
    if reason := _contradiction(found, seen):
        return Guess(NONE, LIKELY, reason)
    return found


def _by_pattern(column: Column, seen: Profile) -> Guess | None:
    for look, cls, words in _PATTERNS:
        if seen.share(look) >= (MOST if look in ("secret", "iban", "mac") else 0.5):
            return Guess(cls, SURE, f"the values are {words}")
    if seen.share("email", "with_email", "with_phone"):
        return Guess("free_text", LIKELY, "the text contains email addresses or phone numbers")
    if seen.distinct > 1 and seen.share("card") == 1:
        return Guess("credit_card", LIKELY, "the values have check digits of card numbers")
    return None


def _by_statistics(found: Guess, column: Column, table: Table, seen: Profile) -> Guess | None:
    """Guess from shares; it needs two distinct values, and a name that does not say otherwise."""
    if seen.distinct < 2:
        return None
    technical = found.confidence >= LIKELY and found.judged
    if not technical and (guess := _by_format(seen)):
        return guess
    if seen.share("point") >= MOST and table.kind != "place":
        return Guess("geo_location", POSSIBLE, "most values are coordinates")
    if technical or table.impersonal:
        return None
    return _by_words(seen) or (None if found.judged else _by_content(seen))


def _by_format(seen: Profile) -> Guess | None:
    if seen.share("phone") >= MOST and seen.share("date") < FEW:
        return Guess("phone", POSSIBLE, "most values look like phone numbers")
    if seen.share("ip") >= MOST:
        return Guess("ip", LIKELY, "most values are IP addresses")
    if seen.share("national_id") >= MOST and seen.share("date", "phone") < FEW:
        return Guess("national_id", POSSIBLE, "most values look like official numbers of people")
    return None


def _by_words(seen: Profile) -> Guess | None:
    if seen.share("street") >= MOST:
        return Guess("address", POSSIBLE, "most values look like street addresses")
    if seen.share("name") >= MOST and seen.share("city") < MOST and seen.share("company") < FEW:
        return Guess("person_name", POSSIBLE, "most values look like names of people")
    return None


def _by_content(seen: Profile) -> Guess | None:
    if seen.share("city") >= MOST:
        return Guess("city", POSSIBLE, "most values are cities")
    if seen.share("random", "digest") >= MOST:
        return Guess("secret", POSSIBLE, "most values look random")
    if seen.share("prose") >= MOST:
        return Guess("free_text", POSSIBLE, "most values are prose")
    return None


def _judged(found: Guess, seen: Profile) -> Guess:
    """A column whose values are all of a technical format needs no review."""
    technical = seen.share("flag", "number", "date", "uuid", "code", "url")
    return (
        found if found.judged or technical < 0.9 else Guess(NONE, POSSIBLE, "the values are codes or numbers")
    )


def _contradiction(found: Guess, seen: Profile) -> str:
    """Return why the values cannot be of the class; empty if they can."""
    cls = found.cls
    if cls in _NEVER_FLAGS and seen.share("flag") == 1 and seen.count > 1:
        return "the values are flags"
    if cls in ("person_name", "city", "free_text", "username") and seen.count > 1:
        if seen.share("date") == 1 or (seen.share("number") == 1 and cls != "username"):
            return "the values are numbers or dates"
        if seen.share("uuid") == 1 and cls != "username":
            return "the values are UUIDs"
    if cls == "person_name" and seen.count > 1 and seen.share("company") >= MOST:
        return "the values look like names of companies"
    return ""
