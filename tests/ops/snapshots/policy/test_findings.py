"""The patterns of the scan: the formats that they find, and their rate of false alarms.

The tests of the SQL compilers look for the same texts in databases.
"""

import base64
import re
from collections import Counter
from pathlib import Path

import pytest

from ops.snapshots.policy import findings
from tests.ops.snapshots.leaks import FALSE_ALARMS, LEAKS, innocent

PATTERNS = {
    "email": (findings.ENCODED_EMAIL,),
    "phone": findings.PHONE,
    "national_id": findings.NATIONAL_ID,
    "ip": findings.IP,
    "mac": findings.MAC,
    "password_hash": findings.PASSWORD_HASH,
    "key": findings.KEY,
}
CHECKED = (findings.SPANISH_ID, findings.POLISH_ID, findings.FRENCH_ID)  # SQL computes the check digits
NUMBERS = Path(__file__).parents[3] / "data" / "phone_numbers.txt"


def found(kind: str, text: str) -> bool:
    return passes(kind, text) and any(re.search(pattern, text) for pattern in PATTERNS[kind])


def passes(kind: str, text: str) -> bool:
    prefilter = findings.PREFILTERS.get(kind)
    return prefilter is None or bool(re.search(prefilter, text))


@pytest.mark.parametrize("kind", findings.PREFILTERS)
def test_a_prefilter_matches_a_block_of_rows_with_the_finding(kind: str) -> None:
    missed = [text for text in LEAKS[kind] if not passes(kind, f"a\n{text}\nb")]
    if kind == "email":
        upper = ["JANE&COMMAT;CORP.TEST", "JANE\\U0040CORP.TEST"]  # as the scan folds case before it looks
        encoded = [
            base64.b64encode(b"x" * shift + b"jane@corp.test" + b"y" * end).decode()
            for shift in range(3)
            for end in range(3)
        ]
        missed += [text for text in upper + encoded if not passes(kind, text)]
    assert missed == []


@pytest.mark.parametrize("kind", ["phone", "national_id", "ip", "mac", "password_hash", "key"])
def test_every_format_is_found_in_a_text(kind: str) -> None:
    missed = [text for text in LEAKS[kind] if not found(kind, f"note: {text} (old)")]
    if kind == "national_id":
        missed = [
            text
            for text in missed
            if not any(re.search(pattern, text) for pattern in CHECKED) or not passes(kind, text)
        ]
    assert missed == []


def test_encoded_addresses_are_found() -> None:
    encoded = [text for text in LEAKS["email"] if re.search(findings.AT, text) and "@" not in text]
    assert len(encoded) >= 5
    assert [text for text in encoded if not found("email", text)] == []


def test_every_international_number_of_the_metadata_is_found() -> None:
    """National formats that dates, amounts, or codes have too are left out: the guide states the share."""
    shares: Counter[str] = Counter()
    rows = [line.split("|") for line in NUMBERS.read_text("utf-8").splitlines() if not line.startswith("#")]
    for _, _, *formats in rows:
        for name, text in zip(("e164", "international", "national"), formats, strict=True):
            shares[name] += found("phone", f"call {text} now")
    assert shares["e164"] >= 0.99 * len(rows) and shares["international"] >= 0.99 * len(rows)
    assert shares["national"] >= 0.55 * len(rows)


def test_the_rate_of_false_alarms_is_as_stated() -> None:
    texts = list(innocent())
    alarms = Counter((kind, source) for source, text in texts for kind in PATTERNS if found(kind, text))
    by_kind = Counter({kind: 0 for kind in PATTERNS})
    for (kind, _), count in alarms.items():
        by_kind[kind] += count
    assert {kind: n for kind, n in by_kind.items() if n > FALSE_ALARMS * len(texts)} == {}, alarms
