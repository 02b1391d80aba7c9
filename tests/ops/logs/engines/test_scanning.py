"""Scanning raw objects for texts: skipped lines never match, and ambiguous objects are read whole."""

import gzip
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ops.logs.engines import backwards
from ops.logs.engines.scanning import RawObjectScan
from ops.logs.lake.layout import Listing, LogFormat, LogObject, Partition, Scope
from ops.logs.lake.lines.levels import Levels
from ops.logs.search import exploration
from ops.logs.search.message_filter import needles
from ops.logs.search.model import Condition, Not, Search, Term
from tests.ops.logs.sample_lake import ACCOUNT, DAY, REGION, START, Lake, Made, encode, escape

OBJECT = LogObject("raw/x.gz", 1, "e", LogFormat.RAW, Partition(START, ACCOUNT, REGION))


@pytest.mark.parametrize(
    ("term", "found"),
    [
        (Term("Timeout"), ("meout",)),  # I can match another letter in a message
        (Term("Timeout", case_sensitive=True), ("timeout",)),
        (Term("(?i)error.*timeout", "regex"), ("error", "meout")),
        (Term("upstream (error|timeout) after", "regex", case_sensitive=True), ("upstream ", " after")),
        (Term("took 17 ms and more", case_sensitive=True), ("took ", " ms and more")),
        (Term("a\tbcd\\efg", case_sensitive=True), ("efg",)),
        (Term("naïve approach", case_sensitive=True), ("ve approach",)),
        (Term("error|warn", "regex"), ()),
        (Term("erro?r.", "regex"), ("err",)),
        (Not(Term("error")), ()),
        (Term(r"\d+ (?P<x>error)", "regex"), ()),
    ],
)
def test_every_match_contains_the_needles(term: Condition, found: tuple[str, ...]) -> None:
    assert needles(term) == found


TEXT = st.lists(
    st.sampled_from(
        ["error", "Error", "timeout", "TIMEOUT", "ſki", "K", "17", " ", "\\", "\t", "\n", "é", "abc", "ms"]
    ),
    max_size=6,
).map("".join)
REGEXES = st.lists(
    st.sampled_from(
        [
            "error",
            "Timeout",
            "ski",
            "k",
            "17",
            " ",
            r"\\",
            r"\t",
            ".*",
            ".",
            "(abc|ms)",
            "é",
            r"\d",
            "s?",
            "^",
        ]
    ),
    min_size=1,
    max_size=4,
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(st.one_of(TEXT.map(Term), REGEXES.map(lambda p: Term(p, "regex"))), TEXT, st.booleans())
def test_a_line_with_a_matching_message_contains_all_needles(term: Term, message: str, cased: bool) -> None:
    flags = 0 if cased else re.IGNORECASE
    regex = term.text if term.kind == "regex" else re.escape(term.text)
    try:
        assume(re.search(regex, message, flags))
    except re.error:
        assume(False)
    line = escape(message).lower()
    assert all(one in line for one in needles(Term(term.text, term.kind, cased)))


def taken(tmp_path: Path, body: bytes, *texts: str) -> list[str] | None:
    path = tmp_path / "x.gz"
    path.write_bytes(body)
    scan = RawObjectScan(texts, Levels())
    if not scan.take(path, OBJECT):
        return None
    return [message for table in scan.tables() for message in table["message"].to_pylist()]


def test_lines_that_contain_every_text_become_events(tmp_path: Path) -> None:
    made = [
        Made("an ERROR: timeout"),
        Made("error alone"),
        Made("two\nerror timeout\t"),
        Made("timeout, error"),
    ]
    found = taken(tmp_path, encode(LogFormat.RAW, made), "error", "timeout")
    assert found is not None
    assert sorted(found) == ["an ERROR: timeout", "timeout, error", "two\nerror timeout\t"]
    assert taken(tmp_path, encode(LogFormat.RAW, made), "nowhere") == []


@pytest.mark.parametrize(
    "text",
    [
        "error before any event\n",
        "/g:s\t1795410000000\tone\nerror on a line of no event\n",
        "/g:s\t1795410000000\terror, and\nits message goes on\n",
    ],
)
def test_ambiguous_lines_make_the_object_be_read_whole(tmp_path: Path, text: str) -> None:
    assert taken(tmp_path, gzip.compress(text.encode()), "error") is None


def test_damaged_objects_are_read_whole(tmp_path: Path) -> None:
    body = encode(LogFormat.RAW, [Made("error")])
    assert taken(tmp_path, body[:-9], "error") is None
    assert taken(tmp_path, gzip.compress(b"/g:s\t1795410000000\terror \xff\n"), "error") is None


def test_a_very_frequent_text_is_not_scanned_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.logs.engines.scanning.KEPT_BYTES", 200)
    lake = Lake(tmp_path)
    for n in range(20):
        lake.put(LogFormat.RAW, [Made(f"error number {n}", n)])
    found = exploration.newest(lake.engine, Search(DAY, Term("error")), 100)
    assert [event.message for event in found] == [f"error number {n}" for n in reversed(range(20))]


def test_small_hours_are_read_with_one_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake = Lake(tmp_path)
    for hour in range(8):
        lake.put(LogFormat.RAW, [Made(f"error {hour}", 3600 * hour)])
    scopes: list[Scope] = []
    list_objects = lake.engine.list

    def counted(scope: Scope) -> Listing:
        scopes.append(scope)
        return list_objects(scope)

    monkeypatch.setattr(lake.engine, "list", counted)
    wanted = [f"error {hour}" for hour in reversed(range(8))]

    def newest() -> list[str]:
        scopes.clear()
        found = exploration.newest(lake.engine, Search(DAY, Term("error")), 100)
        return [event.message for event in found]

    assert newest() == wanted
    assert len(scopes) > 1  # sizes are not remembered: one query per hour
    list_objects(DAY)
    assert newest() == wanted
    assert scopes == [DAY]
    monkeypatch.setattr(backwards, "AT_ONCE_BYTES", 1)
    assert newest() == wanted
    assert len(scopes) > 1
