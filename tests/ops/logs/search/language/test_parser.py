"""The language of the search bar: what people type, mistakes with their position, and formatting."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import QueryError
from ops.logs.search.language.accounts import parse_for
from ops.logs.search.language.parser import parse
from ops.logs.search.language.writing import text_of
from ops.logs.search.model import EVERYTHING, And, Condition, Filter, Not, Or, Term
from ops.settings import Account

A, B, C = Term("a"), Term("b"), Term("c")
ERROR, FATAL = Filter("level", "ERROR"), Filter("level", "FATAL")
SERVER_ERROR = Filter("status", "500", ">=")

# What people type, and what it means.
MEANT: dict[str, Condition] = {
    "": EVERYTHING,
    "*": EVERYTHING,
    "timeout": Term("timeout"),
    " two   words ": And((Term("two"), Term("words"))),
    '"two words"': Term("two words"),
    "“two words”": Term("two words"),
    "'two words'": Term("two words"),
    "don't": Term("don't"),
    r'"a \"b\" \\ c"': Term(r'a "b" \ c'),
    '"Case"c': Term("Case", case_sensitive=True),
    r"/err(or)?\s\d+/": Term(r"err(or)?\s\d+", "regex"),
    r"/a\/b/i": Term("a/b", "regex"),
    "/timeout/c": Term("timeout", "regex", True),
    "/health": Term("/health"),
    "/api/v1/users?id=7": Term("/api/v1/users?id=7"),
    "/health OR /ready": Or((Term("/health"), Term("/ready"))),
    "time*out": Term("time*out", "wildcard"),
    "time*": Term("time"),
    "main()": Term("main()"),
    "- -": And((Term("-"), Term("-"))),
    "--dry-run": Term("--dry-run"),
    "a b OR c": Or((And((A, B)), C)),
    "a AND (b OR c)": And((A, Or((B, C)))),
    "a && b || c": Or((And((A, B)), C)),
    "NOT a": Not(A),
    "!a": Not(A),
    "-a": Not(A),
    "+a": A,
    "a AND NOT (b c)": And((A, Not(And((B, C))))),
    "-debug -/x y/": And((Not(Term("debug")), Not(Term("x y", "regex")))),
    "level:Error": ERROR,
    "LEVEL:err": ERROR,
    "level=error": ERROR,
    "level == critical": FATAL,
    "level: error": ERROR,
    "severity:error": ERROR,
    "level!=error": Not(ERROR),
    "level:error level:fatal": Or((ERROR, FATAL)),
    "level:error AND level:fatal": And((ERROR, FATAL)),
    "level:(error OR fatal)": Or((ERROR, FATAL)),
    "level:error,fatal": Or((ERROR, FATAL)),
    "level:>=error": Or((FATAL, ERROR)),
    "level:none": Filter("level", ""),
    'level:""': Filter("level", ""),
    "log_group:/x": Filter("group", "/x"),
    "group=/aws/lambda/*": Filter("group", "/aws/lambda/*", "glob"),
    '-group:"/a b*"': Not(Filter("group", "/a b*")),
    "@logStream:s": Filter("stream", "s"),
    "template:x": Filter("pattern", "x"),
    "status:500": Filter("status", "500"),
    "status:>=500": SERVER_ERROR,
    "status>=500": SERVER_ERROR,
    "status >= 500": SERVER_ERROR,
    "status:[500 TO *}": SERVER_ERROR,
    "status:[500 TO 599}": And((SERVER_ERROR, Filter("status", "599", "<"))),
    "status:500..599": And((SERVER_ERROR, Filter("status", "599", "<="))),
    "status:5xx": Filter("status", "5??", "glob"),
    "status:*": Filter("status", "*", "glob"),
    "NOT _exists_:status": Not(Filter("status", "*", "glob")),
    "user=~ad": Filter("user", "ad", "regex"),
    "foo:bar": Filter("foo", "bar"),
    "localhost:5432": Filter("localhost", "5432"),
    "$.user.name:ada*": Filter("$.user.name", "ada*", "glob"),
    "$.items[0].id:=7": Filter("$.items[0].id", "7"),
    "msg:timeout": Term("timeout"),
    'message = "timed out"': Term("timed out"),
    "@message like /x/": Term("x", "regex"),
    "message!=a": Not(A),
    '|= "timed out"': Term("timed out"),
    'a |~ "b.*" != "c"': And((A, Term("b.*", "regex"), Not(C))),
    "12:30:01": Term("12:30:01"),
    "http://example.org/?a=b": Term("http://example.org/?a=b"),
    "arn:aws:s3:::b": Term("arn:aws:s3:::b"),
    "fe80::1": Term("fe80::1"),
    r"C:\logs": Term(r"C:\logs"),
    "java.io.IOException: x": And((Term("java.io.IOException:"), Term("x"))),
    "a->b": Term("a->b"),
    '{"a":1}': Term('{"a":1}'),
}

# What is refused: the column of the mistake, words of the message, and of the suggestion.
REFUSED = [
    ('ok "open', 4, "closing quotation mark is missing", 'closing "'),
    ("/o(pen", 1, "closing slash is missing", "closing /"),
    ("a /(/", 3, "missing )", "RE2"),
    (r"x /(?=a)/", 3, "is not valid", "lookaround"),
    ('""', 1, "phrase is empty", "text"),
    ("a //", 3, "expression is empty", "Enter"),
    ("level:", 1, "has no value", "level:error"),
    ("a level:loud", 9, "no level 'loud'", "fatal, error"),
    ("levl:error", 1, "no field 'levl'", "Did you mean level?"),
    ("group:>5", 7, "group does not support >", "status:>=500"),
    ('"a"b', 4, "Unexpected 'b' after", "space"),
    ('group:"a"b', 10, "Unexpected text after the value", "space"),
    ("timeout or error", 9, "'or' can be a word or an operator", '"timeout or error"'),
    ("could not connect", 7, "'not' can be", '"could not connect"'),
    ("a OR", 5, "missing at the end", "operator"),
    ("AND a", 1, "missing before the operator", "quotation"),
    ("a AND OR b", 7, "missing before the operator", "quotation"),
    ("a NOT", 3, "NOT has no condition", "NOT level:debug"),
    ("()", 1, "parentheses are empty", "condition"),
    ("(a OR b", 1, "closing parenthesis is missing", ")"),
    ("a) b", 2, "Unexpected ')'", "quotation"),
    ("error|warn", 6, "Unexpected '|'", "error OR warn"),
    ("user:a|b", 7, "Unexpected '|'", "user:(a OR b)"),
    ("error | stats count()", 7, "Unexpected '|'", "Logs Insights"),
    ("eror~1", 1, "Fuzzy", "wildcard"),
    ("level IN (error, fatal)", 7, "IN is not supported", "level:(VALUE OR VALUE)"),
    ("took:>5ms", 7, "5ms is not a number", "took:>5"),
    ("@timestamp > 5", 1, "@timestamp cannot be searched", "time range"),
    ("{ $.status = 500 }", 1, "filter pattern", "$.status:>=500"),
    ('{app="x"} |= "y"', 1, "Stream selectors", "group:"),
    ("SELECT * FROM events", 1, "This is SQL", "SQL view"),
    ("fields @message | limit 5", 1, "Logs Insights query", "translated to SQL"),
    ("filter @message like /x/", 1, "Logs Insights query", "translated to SQL"),
]  # fmt: skip


@pytest.mark.parametrize("text", MEANT)
def test_what_people_type_is_meant(text: str) -> None:
    condition = parse(text)
    assert condition == MEANT[text]
    assert parse(text_of(condition)) == condition


@pytest.mark.parametrize(("text", "column", "words", "hint"), REFUSED)
def test_a_mistake_is_reported_at_its_place_with_a_suggestion(
    text: str, column: int, words: str, hint: str
) -> None:
    with pytest.raises(QueryError) as raised:
        parse(text)
    assert words in str(raised.value)
    assert hint in raised.value.hint
    assert raised.value.column == column
    assert raised.value.marked == f"{text}\n{' ' * (column - 1)}^"


def test_a_mistake_in_a_later_line_is_marked_there() -> None:
    with pytest.raises(QueryError) as raised:
        parse('ok\n  "open')
    assert (raised.value.line, raised.value.column) == (2, 3)
    assert raised.value.marked == '  "open\n  ^'


@given(st.text(max_size=12), st.booleans())
def test_any_text_can_be_written_as_a_phrase(text: str, cased: bool) -> None:
    term = Term(text or "x", case_sensitive=cased)
    assert parse(text_of(term)) == term
    assert parse(text_of(Not(term))) == Not(term)


@given(st.text("ab()|&!-+:=\"/' *?$[]{}~^ORANDT", max_size=12))
def test_every_text_is_meant_or_refused(text: str) -> None:
    try:
        condition = parse(text)
    except QueryError as error:
        assert error.hint
        return
    assert parse(text_of(condition)) == condition


def test_an_account_is_found_by_its_name() -> None:
    accounts = [Account("production", "111111111111")]
    assert parse_for(accounts, "a OR -account:production") == Or((A, Not(Filter("account", "111111111111"))))
    assert parse_for(accounts, "account:222222222222") == Filter("account", "222222222222")
    with pytest.raises(QueryError) as raised:
        parse_for(accounts, "a account:prod")
    assert raised.value.column == 11
    assert "production" in raised.value.hint
