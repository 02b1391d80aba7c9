"""Suggested treatments, from a report: name, type, nullability, neighbors, and findings of a column."""

import pytest

from ops.errors import InputError
from ops.snapshots.policy.fakes import LISTED, longest
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.suggest import open_reviews, suggest_treatments, suggestions_as_toml
from ops.snapshots.report import ReportCheck, SanitizingReport, UnlistedColumn

CASES = {
    ("ip_address", "character varying(39)"): "fake ip",
    ("ip", "inet"): "fake ip",
    ("ship_address", "text"): "fake address",
    ("mac_address", "varchar(20)"): "hash",
    ("email_address", "text"): "fake email",
    ("email_sent_at", "timestamp"): "keep",
    ("poc_1_cell", "varchar(64)"): "fake phone",
    ("cancelled", "text"): "keep",
    ("login", "varchar(50)"): "fake username",
    ("login_block", "varchar(50)"): "keep",
    ("location_lat", "varchar(16)"): "null",
    ("tax_id", "bigint"): "hash",
    ("tax_id", "varchar(20)"): "keep format",
    ("iban", "varchar(34)"): "keep format iban",
    ("owner_id", "bigint"): "keep",
    ("birth_date", "date"): "shift 180 by id",
    ("birth_date", "timestamp with time zone"): "shift 180 by id",
    ("photo", "bytea"): "null",
    ("name", "text"): "fake name",
    ("city", "text"): "fake city",
    ("job_title", "text"): "null",
    ("notes", "text"): "fake text",
    ("file_content", "bytea"): "review",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: " ".join(case))
def test_a_name_and_a_type_suggest_a_treatment(case: tuple[str, str]) -> None:
    columns = (
        UnlistedColumn("public.people.id", "integer", required=True),
        UnlistedColumn(f"public.people.{case[0]}", case[1]),
    )
    (_, suggested) = suggest_treatments(SanitizingReport("1", (), columns))
    assert suggested.treatment == CASES[case]


EMPTIED = {
    "varchar(16)": "constant ",
    "decimal(12,2)": "constant 0",
    "jsonb": "constant {}",
    "text[]": "constant {}",
    "bytea": "constant ",
}


@pytest.mark.parametrize("type_", EMPTIED)
def test_a_required_column_is_not_set_to_null(type_: str) -> None:
    (suggested,) = suggest_treatments(
        SanitizingReport("1", (), (UnlistedColumn("public.people.salary", type_, required=True),))
    )
    assert suggested.treatment == EMPTIED[type_]


def test_findings_of_the_scan_take_precedence_over_the_name() -> None:
    found = ReportCheck("scan", False, "public.people", "owner_id", "email", rows=5, bad=2)
    (suggested,) = suggest_treatments(
        SanitizingReport("1", (found,), (UnlistedColumn("public.people.owner_id", "text"),))
    )
    assert (suggested.treatment, suggested.reason) == ("fake email", "the scan found: email")


def test_a_finding_in_a_few_rows_makes_a_column_free_text() -> None:
    found = ReportCheck("scan", False, "public.orders", "extras", "phone", rows=500, bad=2)
    (suggested,) = suggest_treatments(
        SanitizingReport("1", (found,), (UnlistedColumn("public.orders.extras", "text"),))
    )
    assert (suggested.treatment, suggested.cls) == ("fake text", "free_text")


def test_the_policy_states_class_confidence_and_reason() -> None:
    text = suggestions_as_toml(
        suggest_treatments(SanitizingReport("1", (), (UnlistedColumn("public.people.email", "text"),)))
    )
    assert text == (
        '[tables.people]\n"email" = "fake email"  # email, 95%: named like an email address: email\n'
    )


def test_a_policy_with_an_open_review_is_refused_and_names_the_columns() -> None:
    columns = tuple(UnlistedColumn(f"public.files.{name}", "bytea") for name in ("content", "checksum"))
    suggestions = suggest_treatments(SanitizingReport("1", (), columns))
    assert open_reviews(suggestions) == ["files.content"]
    policy = 'engine = "postgres"\n' + suggestions_as_toml(suggestions)
    with pytest.raises(
        InputError, match=r"The policy has 1 open review: public\.files\.content\."
    ) as refused:
        parse_policy(policy)
    assert 'replace "review" by a treatment' in refused.value.hint
    decided = parse_policy(policy.replace('"review"', '"null"'))
    assert str(decided.tables[0].columns["content"]) == "null"


def test_a_key_follows_the_column_that_it_refers_to() -> None:
    """By its own type, the reference would be removed: both columns of a key need the same treatment."""
    columns = (
        UnlistedColumn("public.members.iban", "varchar(34)", required=True),
        UnlistedColumn("public.payments.payer", "varchar(34)", references="public.members.iban"),
        UnlistedColumn("public.refunds.member_photo", "varchar(34)", references="public.payments.payer"),
    )
    suggested = suggest_treatments(SanitizingReport("1", (), columns))
    assert [each.treatment for each in suggested] == ["keep format iban"] * 3


SHORT = {  # a column → its treatment, and what the reason says of its length
    ("email", "varchar(8)"): ("hash", "fake email has up to 29 characters, the column 8"),
    ("email", "varchar(29)"): ("fake email", ""),
    ("last_name", "varchar(8)"): ("fake first_name", "fake last_name has up to 13 characters, the column 8"),
    ("city", "varchar(8)"): ("null", "fake city has up to 10 characters, the column 8"),
    ("phone", "varchar(12)"): ("fake phone", "fake phone has up to 14 characters, the column 12"),
    ("phone", "varchar(6)"): ("hash", "fake phone has up to 14 characters, the column 6"),
}


@pytest.mark.parametrize("case", SHORT, ids=lambda case: " ".join(case))
def test_a_fake_that_is_longer_than_its_column_is_named(case: tuple[str, str]) -> None:
    report = SanitizingReport("1", (), (UnlistedColumn(f"public.people.{case[0]}", case[1]),))
    (suggested,) = suggest_treatments(report)
    treatment, said = SHORT[case]
    assert suggested.treatment == treatment
    assert suggested.reason.partition("; ")[2] == said


def test_the_length_of_the_longest_fake_is_that_of_the_longest_word() -> None:
    assert {kind: longest(kind) for kind in LISTED} == {
        kind: max(map(len, words)) for kind, words in LISTED.items()
    }
    assert longest("card") == 16 and longest("url") == len("https://example.com/") + 16
