"""Check digits of official numbers, cards, and accounts. The source of each rule is in its function."""

import re
from collections.abc import Callable, Sequence


def luhn(digits: str) -> bool:
    """ISO/IEC 7812-1: every second digit from the right is doubled."""
    total = sum(int(c) for c in digits[-1::-2]) + sum(sum(divmod(int(c) * 2, 10)) for c in digits[-2::-2])
    return total % 10 == 0


def is_card(text: str) -> bool:
    """Return whether the text is a card number: 13 to 19 digits from 3 to 6 on, with a check digit."""
    digits = re.sub(r"[ -]", "", text)
    return bool(re.fullmatch(r"[3-6]\d{12,18}", digits)) and luhn(digits) and len(set(digits)) > 1


def is_iban(text: str) -> bool:
    """ISO 13616: the rearranged number, letters as 10 to 35, is 1 modulo 97."""
    bare = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", bare):
        return False
    return int("".join(str(int(c, 36)) for c in bare[4:] + bare[:4])) % 97 == 1


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=False))


def _pesel(d: str) -> bool:  # Poland, Ustawa o ewidencji ludności
    return (10 - _weighted(d, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3)) % 10) % 10 == int(d[10]) and 1 <= int(
        d[2:4]
    ) % 20 <= 12


def _cpf(d: str) -> bool:  # Brazil, Receita Federal: two digits modulo 11
    first = _weighted(d, range(10, 1, -1)) * 10 % 11 % 10
    second = _weighted(d, range(11, 1, -1)) * 10 % 11 % 10
    return len(set(d)) > 1 and (first, second) == (int(d[9]), int(d[10]))


def _dni(text: str) -> bool:  # Spain, Real Decreto 1553/2005: the letter is the number modulo 23
    number = int("XYZ".find(text[0]) if text[0] in "XYZ" else text[0]) * 10**7 + int(text[1:8])
    return "TRWAGMYFPDXBNJZSQVHLCKE"[number % 23] == text[8]


def _nir(d: str) -> bool:  # France, INSEE: 97 minus the number modulo 97
    return 97 - int(d[:13]) % 97 == int(d[13:])


# Format → check, on the text without spaces, dots, hyphens, and slashes, in capitals.
_NATIONAL: tuple[tuple[str, Callable[[str], bool]], ...] = (
    (r"\d{11}", _pesel),
    (r"\d{11}", _cpf),
    (r"[XYZ\d]\d{7}[A-Z]", _dni),
    (r"[12]\d{2}(0[1-9]|1[0-2]|[2-9]\d)\d{10}", _nir),
)
# Numbers whose format alone differs from that of other numbers.
_NATIONAL_FORMATS = re.compile(
    r"\d{3}-\d{2}-\d{4}"  # United States: SSN
    r"|[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]"  # Italy: codice fiscale
    r"|[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]"  # United Kingdom: National Insurance number
    r"|[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d"  # Mexico: CURP
    r"|\d{3}\.\d{3}\.\d{3}-\d{2}"  # Brazil: CPF
    r"|\d{6}[-+A]\d{3}[0-9A-Y]|\d{6}-\d{4}"  # Finland, Sweden, Denmark
    r"|756\.\d{4}\.\d{4}\.\d{2}"  # Switzerland: AHV
    r"|[A-Z]{5}\d{4}[A-Z]"  # India: PAN
)


def is_national_id(text: str) -> bool:
    """Return whether the text is an official number of a person, by its format or its check digit."""
    if _NATIONAL_FORMATS.fullmatch(text.strip()):
        return True
    bare = re.sub(r"[ ./-]", "", text).upper()
    return any(re.fullmatch(shape, bare) and check(bare) for shape, check in _NATIONAL)
