"""The treatment "keep format" in Python, written from its description: the reference of both engines."""

import hashlib
import re

from ops.snapshots.policy.classifier.checks import is_iban, is_national_id, luhn

LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"  # pragma: allowlist secret
__all__ = ["formatted", "is_iban", "is_national_id", "luhn"]


def formatted(value: str, kind: str, kept: int, salt: str) -> str:
    whole, at, tail = value.rpartition("@") if kind == "email" and "@" in value else (value, "", "")
    even = re.sub(r"[^ -~]", "x", whole).lower()
    bare = re.sub(r"[^0-9a-z]", "", even)
    first = len(re.sub(r"[^0-9a-z]", "", even[:kept]))
    turned = iter(_turned(bare, kind, first, salt))
    result = ""
    for place, letter in enumerate(whole):
        if not re.match(r"[0-9a-z]", even[place]):
            result += letter
            continue
        new = next(turned)
        result += letter if place < kept else new.upper() if re.match("[A-Z]", letter) else new
    return result + at + tail


def _turned(bare: str, kind: str, first: int, salt: str) -> str:
    def body(text: str, stay: int) -> str:
        return text[:stay] + _permuted(text[stay:], salt)

    def moved(given: int, old: str, new: str, base: int, modulus: int) -> int:
        if not base <= given < base + modulus:
            return given
        return base + (given - base + _right(kind, new) - _right(kind, old)) % modulus

    if kind == "iban" and re.fullmatch(r"[a-z]{2}\d{2}[0-9a-z]{11,30}", bare):
        new = body(bare[4:], max(first, 4) - 4)
        end = f"{bare[:2]}00"
        return f"{bare[:2]}{moved(int(bare[2:4]), bare[4:] + end, new + end, 2, 97):02}{new}"
    if (kind == "card" and re.fullmatch(r"\d{12,19}", bare)) or (
        kind == "pesel" and re.fullmatch(r"\d{11}", bare)
    ):
        new = body(bare[:-1], min(first, len(bare) - 1))
        return f"{new}{moved(int(bare[-1]), bare[:-1], new, 0, 10)}"
    if kind == "dni" and re.fullmatch(r"[xyz\d]\d{7}[a-z]", bare):
        new = body(bare[:-1], min(max(first, bare[0] in "xyz"), 8))
        place = moved(LETTERS.find(bare[-1].upper()), bare[:-1], new, 0, 23)
        return new + (LETTERS[place].lower() if place >= 0 else bare[-1])
    if kind == "nir" and re.fullmatch(r"\d{15}", bare):
        new = body(bare[:-2], min(first, 13))
        return f"{new}{moved(int(bare[-2:]), bare[:-2], new, 1, 97):02}"
    if kind == "cpf" and re.fullmatch(r"\d{11}", bare):
        new = body(bare[:9], min(first, 9))
        new += str(moved(int(bare[9]), bare[:9], new, 0, 10))
        return f"{new}{moved(int(bare[10]), bare[:10], new, 0, 10)}"
    return body(bare, first)


def _right(kind: str, payload: str) -> int:
    """Return the right check number, from the definition of each kind."""
    if kind == "card":
        return next(digit for digit in range(10) if luhn(f"{payload}{digit}"))
    if kind == "pesel":
        return -sum(int(d) * w for d, w in zip(payload, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3), strict=True)) % 10
    if kind == "dni":
        return int(payload.translate(str.maketrans("xyz", "012"))) % 23
    if kind == "nir":
        return 97 - int(payload) % 97
    if kind == "cpf":
        return sum(int(d) * w for d, w in zip(reversed(payload), range(2, 12), strict=False)) * 10 % 11 % 10
    return 98 - int("".join(str(int(c, 36)) for c in payload)) % 97


def _permuted(plain: str, salt: str) -> str:
    result = ""
    for start in range(0, len(plain), 32):
        part = plain[start : start + 32]
        half = len(part) // 2
        sides = [part[:half], part[half:]]
        numbers = [_number(side) for side in sides]
        for turn in range(1, 9):
            source, target = (0, 1) if turn % 2 else (1, 0)
            text = f"{salt}format-{turn}-{plain[:start]}-{numbers[source][0]}"
            digest = hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
            number, size = numbers[target]
            numbers[target] = ((number + int(digest[:15], 16) * 2**60 + int(digest[15:30], 16)) % size, size)
        result += "".join(_text(side, number) for side, (number, _) in zip(sides, numbers, strict=True))
    return result


def _number(side: str) -> tuple[int, int]:
    number, size = 0, 1
    for letter in side:
        radix = 10 if letter.isdigit() else 26
        number, size = number * radix + (int(letter) if radix == 10 else ord(letter) - 97), size * radix
    return number, size


def _text(side: str, number: int) -> str:
    result = ""
    for letter in reversed(side):
        number, digit = divmod(number, 10 if letter.isdigit() else 26)
        result = (str(digit) if letter.isdigit() else chr(97 + digit)) + result
    return result
