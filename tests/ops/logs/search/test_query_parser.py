"""The language of the search bar: every form, mistakes with their position, and formatting."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import QueryError
from ops.logs.search.model import FIELDS, LEVELS, Filter, Term
from ops.logs.search.query_parser import ParsedQuery, parse, text_of

WORDS = st.text(min_size=1, max_size=12)
PATTERNS = st.sampled_from(["a/b", r"\d+", "(?i)error.*timeout", "a b", r"\\", "[/]", '"'])
TERMS = st.one_of(
    st.builds(Term, WORDS, st.just("text"), st.booleans(), st.booleans()),
    st.builds(Term, PATTERNS, st.just("regex"), st.booleans(), st.booleans()),
)
NAMES = st.text(string.ascii_letters + string.digits + "-/_.*? :\"\\'", max_size=12)
FILTERS = st.one_of(
    st.builds(
        Filter, st.sampled_from([f for f in FIELDS if f != "level"]), NAMES, st.just("="), st.booleans()
    ),
    st.builds(Filter, st.just("level"), st.sampled_from(LEVELS), st.just("="), st.booleans()),
    st.builds(
        Filter, st.just("group"), st.sampled_from(["/aws/*", "a?c", "*"]), st.just("glob"), st.booleans()
    ),
    st.builds(
        Filter,
        st.sampled_from(["$.status", "$.a.b-c[0]", '$."x y".z']),
        NAMES,
        st.sampled_from(["=", "<", "<=", ">", ">="]),
        st.booleans(),
    ),
)


@pytest.mark.parametrize(
    ("text", "terms", "filters"),
    [
        ("", (), ()),
        ("timeout", (Term("timeout"),), ()),
        ("  two   words ", (Term("two"), Term("words")), ()),
        ('"two words"', (Term("two words"),), ()),
        (r'"a \"b\" \\ c"', (Term(r'a "b" \ c'),), ()),
        ('"Case"c', (Term("Case", case_sensitive=True),), ()),
        (r"/err(or)?\s\d+/", (Term(r"err(or)?\s\d+", "regex"),), ()),
        (r"/a\/b/i", (Term("a/b", "regex"),), ()),
        ("-debug -/x y/", (Term("debug", negated=True), Term("x y", "regex", True)), ()),
        ("- -", (Term("-"), Term("-")), ()),
        ("http://example.org 12:30:01", (Term("http://example.org"), Term("12:30:01")), ()),
        ("java.io.IOException: x", (Term("java.io.IOException:"), Term("x")), ()),
        ("level:Error", (), (Filter("level", "ERROR"),)),
        ("LEVEL:warning", (), (Filter("level", "WARN"),)),
        ("level:err", (), (Filter("level", "ERROR"),)),
        ("level:critical", (), (Filter("level", "FATAL"),)),
        ("level:notice", (), (Filter("level", "INFO"),)),
        ("-group:/aws/lambda/*", (), (Filter("group", "/aws/lambda/*", "glob", True),)),
        ('group:"/a b*"', (), (Filter("group", "/a b*"),)),
        ('stream:""', (), (Filter("stream", ""),)),
        ("$.status:>=500", (), (Filter("$.status", "500", ">="),)),
        ("$.user.name:ada*", (), (Filter("$.user.name", "ada*", "glob"),)),
        ("$.items[0].id:=7", (), (Filter("$.items[0].id", "7"),)),
    ],
)
def test_a_text_is_parsed_into_terms_and_filters(
    text: str, terms: tuple[Term, ...], filters: tuple[Filter, ...]
) -> None:
    assert parse(text) == ParsedQuery(terms, filters)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ('ok "open', 4, "closing quotation mark is missing"),
        ("/open", 1, "closing slash is missing"),
        ("a /(/", 3, "missing )"),
        (r"x /(?=a)/", 3, "is not valid"),
        ('""', 1, "phrase is empty"),
        ("a //", 3, "expression is empty"),
        ("level:", 1, "has no value"),
        ("a level:loud", 9, "no level 'loud'"),
        ("levl:error", 1, "no field 'levl'"),
        ("group:>5", 7, "group does not support >"),
        ('"a"b', 4, "Unexpected 'b' after"),
        ('group:"a"b', 10, "Unexpected text after the value"),
    ],
)
def test_a_mistake_is_reported_with_its_position(text: str, column: int, words: str) -> None:
    with pytest.raises(QueryError) as raised:
        parse(text)
    assert words in str(raised.value)
    assert raised.value.column == column
    assert raised.value.marked == f"{text}\n{' ' * (column - 1)}^"
    assert raised.value.hint


def test_a_mistake_in_a_later_line_is_marked_there() -> None:
    with pytest.raises(QueryError) as raised:
        parse('ok\n  "open')
    assert (raised.value.line, raised.value.column) == (2, 3)
    assert raised.value.marked == '  "open\n  ^'


@given(st.lists(TERMS, max_size=3), st.lists(FILTERS, max_size=3))
def test_formatting_and_parsing_round_trips(terms: list[Term], filters: list[Filter]) -> None:
    query = ParsedQuery(tuple(terms), tuple(filters))
    assert parse(text_of(query)) == query
