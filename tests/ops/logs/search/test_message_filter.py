"""The conditions on patterns that filters imply, and that they never change a result."""

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.logs.lake.buffers import picked
from ops.logs.lake.patterns import patterns_of
from ops.logs.search.folding import folded
from ops.logs.search.message_filter import pattern_condition
from ops.logs.search.model import Term
from tests.ops.logs.pattern_rule import masked_by_rule, pattern_of


@pytest.mark.parametrize(
    ("message", "pattern"),
    [
        ("req-3f2a took 17ms", "req-* took *ms"),
        ("4e1243bd22c66e76c2ba9eddc1f91394e57f9f83", "*"),  # pragma: allowlist secret
        ("550e8400-e29b-41d4-a716-446655440000 ok", "*-*-*-*-* ok"),
        ("deadbeef facade", "deadbeef facade"),
        ("blk_-12 10.0.0.1:80", "blk_-* *.*.*.*:*"),
        ("", ""),
        ("ünï 1٣", "ünï *٣"),
    ],
)
def test_a_pattern_masks_numbers(message: str, pattern: str) -> None:
    assert pattern_of(message) == pattern == masked_by_rule(message)


HEX = st.text("0123456789abcdefABCDEF", min_size=1, max_size=1).flatmap(
    lambda char: st.sampled_from([char, "a", "7"])
)
UUIDS = st.tuples(*(st.lists(HEX, min_size=n, max_size=n).map("".join) for n in (8, 4, 4, 4, 12))).map(
    "-".join
)
BESIDE = st.sampled_from(["", " ", "-", "x", "_", "3", "a", "\n", "é", "=", "-1234-1234-", "12345678-"])


@given(st.lists(st.lists(st.one_of(BESIDE, UUIDS), max_size=5).map("".join), min_size=1, max_size=4))
def test_ids_are_masked_as_every_word_is_wherever_a_message_begins_and_ends(messages: list[str]) -> None:
    wanted = [masked_by_rule(message) for message in messages]
    column = pa.array(messages, pa.large_string())
    assert patterns_of(column).to_pylist() == wanted
    assert patterns_of(picked(column, 2, 0)).to_pylist() == wanted[::2]


@pytest.mark.parametrize(
    ("filter_", "regex", "exact"),
    [
        ("error.*timeout", "error.*timeout", True),
        ("error.+?timeout|slow", "(?:error.+timeout|slow)", True),
        ("took 17 ms", "took (?s:.*) ms", False),
        ("bad request", "(?s:.*) request", False),
        (r"^\[error\]$", r"^\[error\]$", True),
        (r"user=\w+ gone", "user=(?s:.*) gone", False),
        ("colou?r", "colo(?s:.*)r", False),
        ("x{2,3}y", "(?s:.*)y", False),
        ("[a-z]+ failed", "(?s:.*) failed", False),
        ("a.c", "", False),
        (r"\d+", "", False),
        ("(?s)error", "", False),
        ("(?:time|ran) out", "(?:(?:time|ran)) out", True),
    ],
)
def test_the_condition_of_a_regular_expression(filter_: str, regex: str, exact: bool) -> None:
    condition = pattern_condition(Term(filter_, "regex", case_sensitive=True))
    assert (condition.regex, condition.exact) == (regex, exact)


def test_a_star_in_the_text_is_not_a_mask() -> None:
    assert not pattern_condition(Term("SELECT * FROM")).exact


WORDS = [
    "e\u0301",
    "\u0301",
    "ß",
    "error",
    "timeout",
    "took",
    "bad",
    "face",
    "deadbeef",
    "sad",
    "disk",
    "İ",
    "ſ",
    "K",
    "é",
    "*",
    "_",
]
FRAGMENTS = st.sampled_from([*WORDS, " ", ": ", "-", "17", "3f2a", "0", "\n", ".", "a", "s", "ms", "Error"])
MESSAGES = st.lists(FRAGMENTS, max_size=8).map("".join)
LITERALS = st.lists(
    FRAGMENTS.map(lambda text: text.replace(".", r"\.").replace("*", r"\*")), min_size=1, max_size=3
)
GLUE = st.sampled_from([".*", ".+", ".", r"\d+", r"\w*", "[a-f0-9]+", r"\b", "?", "|", "", r"\s"])


@st.composite
def regexes(draw: st.DrawFn) -> str:
    parts = [draw(st.sampled_from(["", "^"]))]
    for literal in draw(LITERALS):
        parts += [f"({literal}|{draw(FRAGMENTS.filter(str.isalnum))})" if draw(st.booleans()) else literal]
        parts += [draw(GLUE)]
    return "".join(parts) + draw(st.sampled_from(["", "$"]))


DATABASE = duckdb.connect()


def matches(regex: str, text: str) -> bool:
    return bool(DATABASE.execute("SELECT regexp_matches(?, ?)", [text, regex]).fetchone()[0])  # type: ignore[index]


@given(regexes(), MESSAGES, st.booleans())
def test_a_regular_expression_never_excludes_the_pattern_of_a_match(
    regex: str, message: str, cased: bool
) -> None:
    condition = pattern_condition(Term(regex, "regex", case_sensitive=cased))
    try:
        on_message = matches(regex if cased else f"(?i){regex}", message)
    except duckdb.Error:  # not a valid regular expression
        return
    if not condition:
        return
    on_pattern = matches(condition.regex, pattern_of(message))
    assert on_pattern or not on_message
    if condition.exact:
        assert on_pattern == on_message


@given(st.lists(FRAGMENTS, min_size=1, max_size=3).map("".join), MESSAGES, st.booleans())
def test_a_text_never_excludes_the_pattern_of_a_match(text: str, message: str, cased: bool) -> None:
    condition = pattern_condition(Term(text, case_sensitive=cased))
    fold = str if cased else folded
    on_pattern = all(piece in fold(pattern_of(message)) for piece in condition.texts)
    found = fold(text) in fold(message)
    assert on_pattern or not found
    if condition.exact:
        assert on_pattern == found
