"""Texts that the scan must find, and generated texts that it should not."""

import base64
import random
import string
import uuid
from collections.abc import Callable, Iterator

LONG = "aB3dE6gH9jK2mN5pQ8sT1vW4xY7zC0fL"  # pragma: allowlist secret
HEX = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"  # pragma: allowlist secret

LEAKS: dict[str, tuple[str, ...]] = {
    "email": (
        "write to jane.roe@corp.test",
        "https://shop.test/u?mail=jane.roe%40corp.test",
        "<a href='mailto:jane&#64;corp.test'>",
        "jane&#x40;corp.test",
        '{"mail": "jane\\u0040corp.test"}',
        "jane&commat;corp.test",
        f"payload {base64.b64encode(b'from jane.roe@corp.test').decode()}",
        base64.urlsafe_b64encode(b'{"sub": "jane.roe@corp.test"}').decode(),
    ),
    "phone": (
        "+49 171 2345678",
        "tel:+14155550134",
        "+33 6 12 34 56 78",
        "+44 (0)20 7946 0018",
        "+91-98765-43210",
        "+81 3-1234-5678",
        "%2B4917123456789",
        "0049 171 2345678",
        "0171 2345678",
        "0171/2345678",
        "030 90182012",
        "06 12 34 56 78",
        "06.12.34.56.78",
        "020 7946 0018",
        "07700900123",
        "015112345678",
        "0412 345 678",
        "06-12345678",
        "612 34 56 78",
        "(11) 98765-4321",
        "(212) 555-0134",
        "212-555-0134",
        "415.555.0134",
        "1-800-555-0199",
        "8 (912) 345-67-89",
        "03-1234-5678",
        "138 1234 5678",
        "22 123 45 67",
    ),
    "national_id": (
        "078-05-1120",
        "RSSMRA85T10A562S",
        "QQ 12 34 56 C".replace("QQ", "AB"),
        "BADD110313HCMLNS09",
        "529.982.247-25",
        "756.9217.0769.85",
        "811228-9874",
        "131052-308T",
        "12345678Z",
        "X1234567L",
        "44051401359",
        "185057800608491",
        "1 85 05 78 006 084 36",
        "2345 6789 0124",
        "ABCPE1234F",
        "passport no: C01X00T47",
        "BSN: 111222333",
    ),
    "iban": ("DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819"),
    "card": ("4539 5787 6362 1486",),
    "ip": ("from 8.8.4.4", "2a00:1450:4001:81b::200e", "2607:f8b0:4005:0805:0000:0000:0000:200e"),
    "mac": ("3c:22:fb:4a:1b:9e", "3C-22-FB-4A-1B-9E", "3c22.fb4a.1b9e"),
    "password_hash": (
        f"$2b$12${LONG}{LONG[:21]}",
        f"$argon2id$v=19$m=65536,t=3,p=4${LONG}",
        f"$6$rounds=5000$salt${LONG}{LONG}",
        f"$1$salt${LONG[:22]}",
        f"$P$B{LONG[:30]}",
        f"pbkdf2_sha256$260000$salt${LONG}",
        f"{{SSHA}}{LONG}",
        f"sha1$abc${HEX}00112233",
        f"*{HEX.upper()}00112233",
    ),
    "key": (
        "AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + LONG + "abcd",
        "github_pat_" + LONG,
        "glpat-" + LONG[:20],
        "xoxb-" + "1234567890-abcdefghij",
        "hooks.slack.com/services/" + "T00000000/B00000000/" + LONG,
        "sk_live_" + LONG,
        "whsec_" + LONG,
        "AIza" + LONG + "abc",
        "ya29." + LONG,
        "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0.abc",
        "-----BEGIN RSA PRIVATE KEY-----",  # pragma: allowlist secret
        "-----BEGIN OPENSSH PRIVATE KEY-----",  # pragma: allowlist secret
        "SG." + LONG + "." + LONG,
        "npm_" + LONG + "abcd",
        "sk-proj-" + LONG,
        "AC" + HEX,
        "123456789:AA" + LONG + "a",
        "postgres://app:pa55word@db.corp.test/app",  # pragma: allowlist secret
        "Authorization: Bearer " + LONG,
        "password=hunter22",
        '"api_key": "' + LONG + '"',
    ),
}
# The share of innocent texts in which each kind is found may be at most this.
FALSE_ALARMS = 0.002


def innocent(count: int = 400) -> Iterator[tuple[str, str]]:
    """Yield (kind, text): values that are neither personal nor secret, from a fixed seed."""
    dice = random.Random(20)
    for kind, make in _INNOCENT.items():
        for _ in range(count):
            yield kind, make(dice)


def _digits(dice: random.Random, count: int) -> str:
    return str(dice.randrange(1, 10)) + "".join(dice.choices(string.digits, k=count - 1))


def _date(dice: random.Random) -> tuple[int, int, int]:
    return dice.randrange(1950, 2035), dice.randrange(1, 13), dice.randrange(1, 29)


def _hex(dice: random.Random, count: int) -> str:
    return "".join(dice.choices("0123456789abcdef", k=count))


_WORDS = (
    "order ships with blue cover for model size and about in stock until more details page version".split()
)

_INNOCENT: dict[str, Callable[[random.Random], str]] = {
    "ISO date": lambda d: "{:04}-{:02}-{:02}".format(*_date(d)),
    "timestamp": lambda d: (
        "{:04}-{:02}-{:02}".format(*_date(d))
        + f"T{d.randrange(24):02}:{d.randrange(60):02}:00.{d.randrange(1000):03}+02:00"
    ),
    "German date": lambda d: (
        "{2:02}.{1:02}.{0:04}".format(*_date(d)) + f" {d.randrange(24):02}:{d.randrange(60):02}"
    ),
    "US date": lambda d: "{1:02}/{2:02}/{0:04}".format(*_date(d)),
    "UUID": lambda d: str(uuid.UUID(int=d.getrandbits(128), version=4)),
    "SHA-1": lambda d: _hex(d, 40),
    "MD5": lambda d: _hex(d, 32),
    "order number": lambda d: f"ORD-{_date(d)[0]}-{_digits(d, 6)}",
    "SKU": lambda d: (
        f"{_hex(d, 3).upper()}-{_digits(d, 4)}-{''.join(d.choices(string.ascii_uppercase, k=2))}"
    ),
    "integer": lambda d: _digits(d, d.randrange(1, 10)),
    "zero-padded": lambda d: _digits(d, d.randrange(3, 7)).zfill(10),
    "epoch ms": lambda d: str(1_500_000_000_000 + d.randrange(10**11)),
    "EAN-13": lambda d: "4" + _digits(d, 3)[0:1] + _digits(d, 11),
    "ISBN": lambda d: f"978-{d.randrange(10)}-{_digits(d, 3)}-{_digits(d, 5)}-{d.randrange(10)}",
    "amount": lambda d: f"{d.randrange(1, 999)},{d.randrange(1000):03}.{d.randrange(100):02} EUR",
    "amount with spaces": lambda d: f"{d.randrange(1, 400)} {d.randrange(1000):03},{d.randrange(100):02} zł",
    "decimal": lambda d: f"{d.uniform(-1000, 1000):.6f}",
    "coordinates": lambda d: f"{d.uniform(-90, 90):.6f}, {d.uniform(-180, 180):.6f}",
    "version": lambda d: f"v{d.randrange(20)}.{d.randrange(40)}.{d.randrange(300)}",
    "file": lambda d: f"/var/data/{d.choice(_WORDS)}/{_digits(d, 8)}_{d.choice(_WORDS)}.csv",
    "URL": lambda d: (
        f"https://shop.example.com/{d.choice(_WORDS)}/{_digits(d, 7)}?page={d.randrange(99)}&sort=asc"
    ),
    "sentence": lambda d: (
        " ".join(d.choices(_WORDS, k=12)) + f", {d.randrange(2000)} pieces at {d.randrange(99)} %."
    ),
    "color": lambda d: f"#{_hex(d, 6)}",
    "size": lambda d: f"{d.randrange(10, 200)} x {d.randrange(10, 200)} x {d.randrange(10, 200)} mm",
    "tracking": lambda d: f"1Z{_hex(d, 6).upper()}{_digits(d, 10)}",
    "private IP": lambda d: f"10.{d.randrange(256)}.{d.randrange(256)}.{d.randrange(256)}",
    "time range": lambda d: f"{d.randrange(8, 12):02}:00-{d.randrange(13, 20):02}:30",
    "JSON": lambda d: (
        f'{{"id": {_digits(d, 6)}, "ratio": {d.random():.4f}, "at": {1_600_000_000 + d.randrange(10**8)}}}'
    ),
    "Base64 of bytes": lambda d: base64.b64encode(d.randbytes(48)).decode(),
}
