"""The review of suggestions: what is open, what was decided, and the policy that the decisions make."""

import re
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.errors import InputError
from ops.snapshots.policy import review
from ops.snapshots.policy.fakes import EXAMPLES, LISTED, PATTERNS, longest
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.review import ReviewRow, State
from ops.snapshots.policy.suggest import open_reviews, suggest_treatments
from ops.snapshots.policy.text import with_suggestions
from ops.snapshots.policy.treatment import FAKES
from ops.snapshots.report import SanitizingReport, UnlistedColumn

POLICY = """\
version = 3  # of May
engine = "postgres"
unlisted = "fail"

[tables.customers]  # people
id = "keep"
email = "fake email"  # for the newsletter
"doc $.contact.phone" = "review"

# What follows is about goods.
[tables.products]
"*" = "truncate"
"""
COLUMNS = (
    UnlistedColumn("public.customers.name", "text", required=True),
    UnlistedColumn("public.customers.file_content", "bytea"),
    UnlistedColumn("public.members.iban", "varchar(34)", required=True),
    UnlistedColumn("public.members.id", "integer", required=True),
    UnlistedColumn("public.members.born", "date"),
    UnlistedColumn("public.payments.payer", "varchar(34)", references="public.members.iban"),
)
REPORT = SanitizingReport("3", (), COLUMNS)


def rows_by_name(policy: str = POLICY, report: SanitizingReport = REPORT) -> dict[str, ReviewRow]:
    return {review.full_name(row.name): row for row in review.review_rows(policy, report)}


def accepted(rows: dict[str, ReviewRow]) -> dict[review.Name, str]:
    return review.accept(rows.values(), {})


_IDENTIFIERS = st.sampled_from(
    ["id", "email", "last_name", "city", "notes", "status", "born", "photo", "iban", "zip", "qty", "The Name",
     "e-mail", 'a"b', "x = 'y' # z", "größe", "[tables.x]", "doc $.email", "a.b"]
)  # fmt: skip
_TABLES = st.sampled_from(
    ["public.people", "public.orders", "billing.people", "crm:public.leads", "public.T [1]"]
)
_TYPES = st.sampled_from(
    ["text", "varchar(8)", "character varying(40)", "integer", "numeric(10,2)", "date", "bytea", "jsonb",
     "boolean", "inet", "uuid", "text[]"]
)  # fmt: skip
_COLUMNS = st.tuples(_TABLES, _IDENTIFIERS, _TYPES, st.booleans())
_REPORTS = st.lists(_COLUMNS, min_size=1, max_size=25, unique_by=lambda column: column[:2]).map(
    lambda columns: SanitizingReport(
        "1", (), tuple(
            UnlistedColumn(f'{table}."{name.replace(chr(34), chr(34) * 2)}"' if {'.', '"'} & set(name)
                           else f"{table}.{name}", type_, required)
            for table, name, type_, required in columns
        ),
    )
)  # fmt: skip


@given(_REPORTS)
@settings(deadline=None, max_examples=60)
def test_all_suggestions_accepted_are_the_policy_of_the_command_line(report: SanitizingReport) -> None:
    survey = 'version = 1\nengine = "postgres"\n'
    suggestions = suggest_treatments(report)
    rows = review.review_rows(survey, report)
    decisions = review.accept(rows, {})
    text = review.reviewed_policy(survey, rows, decisions)
    assert text == with_suggestions(survey, suggestions)
    assert len(review.open_rows(rows, decisions)) == len(open_reviews(suggestions))
    assert {row.name: row.listed for row in review.review_rows(text, report)} == {
        (each.table, each.column): each.treatment for each in suggestions
    }


@given(_REPORTS)
@settings(deadline=None, max_examples=60)
def test_every_choice_is_a_treatment_that_a_policy_can_have(report: SanitizingReport) -> None:
    head = 'version = 1\nengine = "postgres"\nafter = "SELECT 1;"\n'
    rows = [row for row in review.review_rows(head, report) if not row.is_path]
    for place in range(max((len(row.choices) for row in rows), default=0)):
        decisions = {
            row.name: row.choices[min(place, len(row.choices) - 1)] if row.choices else "keep" for row in rows
        }
        parse_policy(review.reviewed_policy(head, rows, decisions))


def test_what_needs_a_decision_comes_first() -> None:
    rows = rows_by_name()
    order = [review.full_name(row.name) for row in review.by_urgency(rows.values(), {})]
    assert order[0] == "customers.file_content"
    assert order[-2:] == ["customers.id", "customers.email"]
    waiting = [rows[name] for name in order[2:-2]]
    assert [row.confidence for row in waiting] == sorted(row.confidence for row in waiting)
    decided = review.by_urgency(rows.values(), {rows["customers.file_content"].name: "null"})
    assert review.full_name(decided[-3].name) == "customers.file_content"


def test_an_open_column_is_review_in_the_policy_and_the_policy_is_refused() -> None:
    rows = rows_by_name()
    decisions = accepted(rows)
    del decisions[rows["members.born"].name]
    text = review.reviewed_policy(POLICY, rows.values(), decisions)
    assert '"born" = "review"  # birth_date' in text and "suggested: shift 180 by id" in text
    with pytest.raises(InputError, match="open reviews") as refused:
        parse_policy(text)
    assert "members.born" in str(refused.value)


def test_every_decision_is_in_the_policy_with_its_reason() -> None:
    rows = rows_by_name()
    decisions = accepted(rows)
    decisions = review.keep([rows["members.born"]], "born  in\nthe test data", decisions)
    decisions |= {rows["customers.file_content"].name: "null", rows["customers.email"].name: "hash"}
    states = {name: row.state(decisions) for name, row in rows.items()}
    assert states == dict.fromkeys(rows, State.ACCEPTED) | {
        "customers.id": State.LISTED,
        "members.born": State.KEPT,
        "customers.file_content": State.CHANGED,
        "customers.email": State.CHANGED,
    }
    text = review.reviewed_policy(POLICY, rows.values(), decisions)
    assert text.startswith("version = 3  # of May\n") and "# What follows is about goods." in text
    tables = {table.full_name: table.columns for table in parse_policy(text).tables}
    assert str(tables["public.members"]["born"]) == "keep because born in the test data"
    assert str(tables["public.customers"]["file_content"]) == "null"
    assert str(tables["public.customers"]["email"]) == "hash"
    assert str(tables["public.customers"]["doc"]) == 'json $."contact"."phone" fake phone'


def test_values_are_kept_with_a_reason_only() -> None:
    rows = rows_by_name()
    with pytest.raises(InputError, match="without a reason"):
        review.keep(rows.values(), " \n ", {})


def test_a_value_in_a_document_has_its_own_class_and_treatments() -> None:
    row = rows_by_name()['customers."doc $.contact.phone"']
    assert row.is_path and row.cls == "phone" and row.state({}) == State.OPEN
    assert "fake phone" in row.choices and "markup" not in row.choices
    assert not review.keep([row], "ours", {})


def test_rows_of_high_confidence_are_accepted_together() -> None:
    rows = rows_by_name()
    decisions = review.accept_confident(rows.values(), {rows["members.iban"].name: "hash"})
    assert decisions[rows["members.iban"].name] == "hash", "a decision is not replaced"
    for row in rows.values():
        sure = row.confidence >= review.HIGH and row.suggested not in ("", "review")
        assert (row.name in decisions) == (sure or row is rows["members.iban"])
    assert any(row.name not in decisions and row.suggested not in ("", "review") for row in rows.values())


TYPES = {  # a type → treatments that it can have, and some that it cannot
    "varchar(8)": ({"hash", "null", "fake first_name"}, {"fake email", "fake name", "constant 0"}),
    "text": ({"fake email", "markup", "keep format iban"}, {"constant 0"}),
    "bigint": ({"hash", "constant 0"}, {"fake phone", "keep format"}),
    "date": ({"shift 180 by id", "null"}, {"hash", "fake text"}),
    "jsonb": ({"constant {}", "null"}, {"hash", "fake text"}),
    "inet": ({"fake ip", "null"}, {"hash"}),
    "boolean": ({"null"}, {"hash"}),
}


@pytest.mark.parametrize("type_", TYPES)
def test_the_choices_fit_the_type(type_: str) -> None:
    columns = (UnlistedColumn("public.people.id", "integer"), UnlistedColumn("public.people.x1", type_))
    row = rows_by_name('engine = "postgres"', SanitizingReport("1", (), columns))["people.x1"]
    valid, invalid = TYPES[type_]
    assert valid <= set(row.choices) and not invalid & set(row.choices)
    required = tuple(replace(column, required=True) for column in columns)
    row = rows_by_name('engine = "postgres"', SanitizingReport("1", (), required))["people.x1"]
    assert "null" not in row.choices


def test_columns_of_a_foreign_key_with_different_treatments_are_named() -> None:
    rows = rows_by_name()
    child, parent = rows["payments.payer"], rows["members.iban"]
    decisions = accepted(rows)
    assert review.split_keys(rows.values(), decisions) == []
    assert review.split_keys(rows.values(), decisions | {parent.name: "hash"}) == [(child, parent)]
    for fitting in ("null", "same as public.members.iban"):
        assert fitting in child.choices
        assert not review.split_keys(rows.values(), decisions | {parent.name: "hash", child.name: fitting})


def test_a_treatment_that_has_no_line_of_its_own_is_changed_by_hand() -> None:
    inline = 'engine = "postgres"\ntables = { people = { email = "keep", name = "hash" } }\n'
    rows = review.review_rows(inline, SanitizingReport("1", ()))
    with pytest.raises(InputError, match=r"Cannot find the line of people\.email"):
        review.reviewed_policy(inline, rows, {("people", "email"): "hash"})


@pytest.mark.parametrize("kind", FAKES)
def test_an_example_is_a_fake_of_its_kind(kind: str) -> None:
    example = EXAMPLES[kind]
    assert len(example) <= longest(kind)
    assert re.search(PATTERNS.get(kind, ""), example) and example in LISTED.get(kind, (example,))
