"""The treatment "keep format": other letters and digits in the same places.

A digit becomes a digit, a letter a letter of the same case, and everything else stays. The new characters are
a permutation of the old ones: two values of the same format never get the same result, so unique columns stay
unique. Both engines compute the same result from the same value and secret:

1. Characters other than ASCII count as the letter x. `plain` is the letters and digits, in lower case.
2. Parts of 32 characters are numbers of mixed radix (10 or 26), in two halves. In eight rounds, the digest of
   one half is added to the other, modulo its size: a Feistel network, as in NIST SP 800-38G (FF1), with MD5
   and a secret salt as the round function. The digest includes the parts before.
3. A check number moves as far as the right one does: a valid number stays valid, and an invalid one invalid.

ISO 13616 has the rule for IBANs, ISO/IEC 7812-1 for cards; `classifier.checks` names the others.
"""

import re
from dataclasses import dataclass

# Kind → what stays, besides the format.
KINDS = {
    "email": "the domain",
    "card": "a valid check digit",
    "iban": "the country, and valid check digits",
    "cpf": "valid check digits (Brazil)",
    "dni": "a valid check letter, and the X, Y, or Z of a NIE (Spain)",
    "nir": "a valid check number (France)",
    "pesel": "a valid check digit (Poland)",
}
GRAMMAR = f"keep format [{'|'.join(KINDS)}] [prefix N]"
_FORMAT = re.compile(rf"({'|'.join(KINDS)})?(?: ?prefix ([1-9]\d{{0,2}}))?")


@dataclass(frozen=True)
class Format:
    """What stays of a value: `kind` is one of KINDS or empty, `prefix` the characters at its start."""

    kind: str = ""
    prefix: int = 0

    def __str__(self) -> str:
        return " ".join(filter(None, [self.kind, f"prefix {self.prefix}" if self.prefix else ""]))


def parse_format(text: str) -> Format:
    """Return the format that the words after "keep format" describe. Raises ValueError if none."""
    match = _FORMAT.fullmatch(text)
    if not match:
        raise ValueError(text)
    return Format(match[1] or "", int(match[2] or 0))
