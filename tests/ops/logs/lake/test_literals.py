"""Rules that are skipped by the texts that they require never would have matched."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from ops.logs.lake.lines.literals import required
from ops.logs.lake.lines.rules import RULES
from tests.ops.logs.lake.labeled import labeled_lines


@pytest.mark.parametrize(
    ("regex", "texts"),
    [
        ("Task timed out", [{"task timed out"}]),
        ("(?:warn|error): x", [{"warn", "error"}, {": x"}]),
        ("[EW]/", [{"e", "w"}, {"/"}]),
        ("(?P<token>a|b.*)c?", [{"a", "b"}]),
        ("(?:ab)+(?:cd){2}(?:ef)*(?:gh)?", [{"ab"}, {"cd"}]),
        ("(?:ab|.)x", [{"x"}]),
        (r"[^a][0-9]\d\bñ", [{"ñ"}]),
        ("K(?i:s)", [{"k"}, {"s"}]),  # the Kelvin sign and the long s are other cases of these letters
        ("(", []),
        ("(?P<x>a", []),
        (r"\pL", []),  # RE2 only
        ("", []),
    ],
)
def test_what_a_match_contains(regex: str, texts: list[set[str]]) -> None:
    assert sorted(map(sorted, required(regex))) == sorted(map(sorted, texts))


def test_every_line_that_a_rule_matches_has_the_required_texts() -> None:
    lines = [line.line for line in labeled_lines()]
    lines += [line.upper() for line in lines] + [
        line.replace("s", "ſ").replace("k", "\u212a") for line in lines
    ]
    array, folded = pa.array(lines, pa.string()), [line.casefold() for line in lines]
    matches = 0
    for rule in RULES:
        for line, matched in zip(
            folded, pc.match_substring_regex(array, rule.regex).to_pylist(), strict=True
        ):
            if matched:
                matches += 1
                assert all(any(text in line for text in texts) for texts in required(rule.regex)), rule
        assert required(rule.regex), rule
    assert matches > 500
