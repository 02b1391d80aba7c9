"""The profile of a column's values: the share that looks like each class. It holds no value."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ops.snapshots.policy.classifier.checks import is_card, is_iban, is_national_id
from ops.snapshots.policy.classifier.data import word_lists
from ops.snapshots.policy.classifier.lexicon import fold

_EMAIL = r"[^\s@<>()\[\]:;,\"']+@(?:[\w-]+\.)+[^\W\d_]{2,}"
_WHOLE = {
    "email": re.compile(_EMAIL),
    "ip": re.compile(r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?:/\d+)?"
                     r"|(?=.*:.*:)[0-9a-fA-F:]{6,39}(?:%\w+)?"),
    "mac": re.compile(r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"),
    "uuid": re.compile(r"\{?[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?"),
    "url": re.compile(r"(?:https?|ftp)://\S+|www\.\S+"),
    "digest": re.compile(r"(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{56}|[0-9a-f]{64}|[0-9a-f]{128})", re.I),
    "flag": re.compile(r"true|false|yes|no|y|n|t|f|0|1|on|off|ja|nein|oui|non|si|sim|nao|tak|nie", re.I),
    "number": re.compile(r"[-+]?\d+(?:[.,]\d+)*(?:[eE][-+]?\d+)?%?"),
    "date": re.compile(r"\d{4}-\d{1,2}-\d{1,2}(?:[T ].*)?|\d{1,2}[./-]\d{1,2}[./-]\d{2,4}(?: .*)?"
                       r"|\d{1,2}:\d{2}(?::\d{2})?"),
    "phone": re.compile(r"\+\d[\d ()./-]{6,18}\d|\(\d{2,5}\)[ -]?\d[\d -]{4,12}\d|0\d{1,4}[ /-][\d -]{5,12}\d"
                        r"|(?:1-)?\d{3}[.-]\d{3}[.-]\d{4}(?:x\d+)?|\d{2}(?:[ .]\d{2}){4}"),
    "international_phone": re.compile(r"\+[1-9](?:[ ().-]*\d){7,14}"),  # E.164: 8 to 15 digits
    "point": re.compile(r"(?:POINT ?)?\(?-?\d{1,3}\.\d{3,}[,; ] ?-?\d{1,3}\.\d{3,}\)?"),
    "agent": re.compile(r"(?:Mozilla|Opera|Dalvik|curl|okhttp)/\d.*"),
    "code": re.compile(r"[A-Z0-9]+(?:[-_/.][A-Z0-9]+)*"),
    "photo": re.compile(r".*\.(?:jpe?g|png|gif|webp|bmp)", re.I),
}  # fmt: skip
_SECRET = re.compile(
    r"\$(?:2[abxy]?|argon2(?:id?|d)|scrypt|5|6|1|P|H|y)\$.+|\{(?:SSHA|SHA|MD5|CRYPT|bcrypt)\S*\}.+|pbkdf2\S*\$.+"
    r"|eyJ[\w-]{8,}\.eyJ[\w-]+\..*|(?:AKIA|ASIA)[0-9A-Z]{16}|gh[pousr]_\w{30,}|github_pat_\w{20,}|glpat-[\w-]{20}"
    r"|xox[abprs]-[\w-]{10,}|[spr]k_(?:live|test)_\w{16,}|AIza[\w-]{35}|ya29\.[\w-]+|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|-----BEGIN .*|ssh-(?:rsa|ed25519|dss) AAAA\S+|Bearer \S{16,}"
)
_CONTAINS_EMAIL = re.compile(_EMAIL)
_CONTAINS_PHONE = re.compile(r"(?<![\w.])\+\d[\d ()-]{7,16}\d(?!\w)")


@dataclass(frozen=True)
class Profile:
    """The shares (0 to 1) of `count` values that are not empty, of which `distinct` differ."""

    count: int = 0
    distinct: int = 0
    words: float = 0.0  # the average number of words
    shares: Mapping[str, float] = field(default_factory=dict)

    def share(self, *looks: str) -> float:
        return sum(self.shares.get(look, 0.0) for look in looks)


def profile(values: Iterable[str]) -> Profile:
    """Return the profile of the values. Empty values and the usual marks of missing ones do not count."""
    present = [
        text
        for value in values
        if (text := value.strip()) and text.lower() not in ("null", "none", "n/a", "-", "nan")
    ]
    if not present:
        return Profile()
    seen: Counter[str] = Counter(look for text in present for look in _looks(text))
    words = sum(len(text.split()) for text in present) / len(present)
    return Profile(
        len(present), len(set(present)), words, {look: n / len(present) for look, n in seen.items()}
    )


def _looks(text: str) -> set[str]:
    looks = {look for look, pattern in _WHOLE.items() if pattern.fullmatch(text)}
    looks |= {look for look, holds in _CHECKS.items() if holds(text)}
    if _SECRET.match(text):
        looks.add("secret")
    elif _is_random(text) and not looks & {"uuid", "url", "number", "digest", "email", "agent", "ip"}:
        looks.add("random")
    if "email" not in looks and _CONTAINS_EMAIL.search(text):
        looks.add("with_email")
    if "phone" not in looks and len(text.split()) > 2 and _CONTAINS_PHONE.search(text):
        looks.add("with_phone")
    return looks | _language(text)


_CHECKS = {"card": is_card, "iban": is_iban, "national_id": is_national_id}


def _is_random(text: str) -> bool:
    """Whether the text is long, without spaces, of mixed characters, and of high entropy."""
    if not re.fullmatch(r"[A-Za-z0-9+/=_.:$~-]{20,}", text):
        return False
    counts = Counter(text)
    bits = -sum(n / len(text) * math.log2(n / len(text)) for n in counts.values())
    return bits > 3.7 and bool(re.search(r"\d", text)) and len(re.findall(r"[-_./: ]", text)) < len(text) / 8


def _language(text: str) -> set[str]:
    """Return what the words of the text look like: a name, a city, an address, prose, or a company."""
    lists = word_lists()
    words = re.findall(r"[^\W\d_]+", fold(text))
    looks: set[str] = set()
    if not words:
        return looks
    if len(words) <= 5 and not re.search(r"[\d@_/\\:;]", text):
        if _is_name(tuple(words), text):
            looks.add("name")
        if words[0] in lists["cities"] or " ".join(words) in lists["cities"]:
            looks.add("city")
    if (
        len(words) <= 8
        and re.search(r"\d", text)
        and (set(words) & lists["streets"] or words[0].endswith(_STREET_ENDS))
    ):
        looks.add("street")
    if len(words) >= 5 and len(set(words) & lists["prose"]) >= 2:
        looks.add("prose")
    if words[-1] in lists["companies"] or words[0] in ("the",):
        looks.add("company")
    return looks


_TITLES = frozenset(
    "mr mrs ms dr prof herr frau mme mlle sr sra don dona sir jr iii van de der von da di del la el".split()
)
_STREET_ENDS = (
    "strasse",
    "str",
    "weg",
    "platz",
    "allee",
    "gasse",
    "straat",
    "laan",
    "gatan",
    "vagen",
    "gata",
    "vej",
    "veien",
    "katu",
)


def _is_name(words: tuple[str, ...], text: str) -> bool:
    lists = word_lists()
    if words[-1] in lists["companies"]:
        return False
    core = [word for word in words if word not in _TITLES]
    if not core:
        return False
    if len(core) == 1:
        return core[0] in lists["given"] or core[0] in lists["family"]
    given = any(word in lists["given"] for word in core)
    family = any(word in lists["family"] for word in core)
    capital = all(part[:1].isupper() for part in text.replace(",", " ").split() if len(part) > 3)
    return capital and len(core) <= 4 and (given or (family and "," in text))
