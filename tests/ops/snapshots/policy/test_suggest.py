"""Suggested treatments, by name, type, and nullability of a column."""

import pytest

from ops.snapshots.policy.suggest import suggest_treatments
from ops.snapshots.report import ReportCheck, SanitizingReport, UnlistedColumn

CASES = {
    ("ip_address", "character varying(39)"): "fake ip",
    ("ip", "inet"): "fake ip",
    ("mac_address", "varchar(20)"): "hash",
    ("email_address", "text"): "fake email",
    ("poc_1_cell", "varchar(64)"): "fake phone",
    ("cancelled", "text"): "keep",
    ("login", "varchar(50)"): "fake username",
    ("login_block", "varchar(50)"): "keep",
    ("user_name_attribute", "text"): "keep",
    ("location_lat", "varchar(16)"): "null",
    ("tax_id", "bigint"): "hash",
    ("owner_id", "bigint"): "keep",
    ("birth_date", "date"): "shift 180 by id",
    ("photo", "bytea"): "null",
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
    "date": "constant 1970-01-01",
    "timestamp with time zone": "constant 1970-01-01",
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


def test_binary_data_is_reported_as_not_scanned() -> None:
    (suggested,) = suggest_treatments(
        SanitizingReport("1", (), (UnlistedColumn("app.files.content", "longblob", required=True),))
    )
    assert suggested.treatment == "keep" and "not scanned" in suggested.reason
