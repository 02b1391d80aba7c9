"""The source of the sample's values: Faker and a random generator with one seed.

Nothing depends on today's date or the machine's locale, so the values are the same everywhere.
"""

import random
import unicodedata
from datetime import UTC, date, datetime, timedelta

from faker import Faker

# Not it_IT: Faker draws Italian cities from a set, so they differ between processes.
LOCALES = {
    "en_US": 8,
    "en_GB": 4,
    "de_DE": 4,
    "fr_FR": 3,
    "es_ES": 3,
    "nl_NL": 2,
    "pl_PL": 2,
    "pt_PT": 2,
    "sv_SE": 1,
}
# Reserved domains (RFC 2606): no sample address can belong to a person.
MAIL_DOMAINS = ("mail.example", "post.example", "inbox.example", "example.com", "example.org", "example.net")
OPENED = datetime(2022, 3, 1, tzinfo=UTC)
CLOSED = datetime(2026, 6, 30, tzinfo=UTC)


class SampleSource:
    """Draws values. Every draw advances the sequence, so the order of calls affects the result."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self._fakers = {locale: Faker(locale) for locale in LOCALES}
        for faker in self._fakers.values():
            faker.seed_instance(self.random.getrandbits(32))

    def locale(self) -> str:
        """Return a locale, more often one of the shop's large markets."""
        return self.random.choices(list(LOCALES), list(LOCALES.values()))[0]

    def faker(self, locale: str = "en_US") -> Faker:
        return self._fakers[locale]

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def moment(self, since: datetime = OPENED) -> datetime:
        """Return a second between `since` and the shop's last day."""
        return since + timedelta(seconds=self.random.randrange(int((CLOSED - since).total_seconds()) + 1))

    def birth_date(self) -> date:
        return date(1942, 1, 1) + timedelta(days=self.random.randrange(64 * 365))

    def email(self, first: str, last: str, number: int) -> str:
        """Return a typical address; `number` makes it unique."""
        local = f"{_ascii(first)}.{_ascii(last)}" if self.chance(0.6) else f"{_ascii(first)[0]}{_ascii(last)}"
        return f"{local}{number}@{self.random.choice(MAIL_DOMAINS)}"

    def password_hash(self) -> str:
        """Return a string in bcrypt's format that no password results in."""
        alphabet = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
        return "$2b$12$" + "".join(self.random.choices(alphabet, k=53))


def _ascii(name: str) -> str:
    """Return the letters of a name that are valid in an email address."""
    plain = unicodedata.normalize("NFKD", name.lower().replace("ł", "l").replace("ß", "ss"))
    return "".join(letter for letter in plain if letter.isascii() and letter.isalpha())
