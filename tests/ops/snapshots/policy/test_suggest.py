"""What is proposed for a column, from its name, its type and whether it may be empty."""

import pytest

from ops.snapshots.policy.suggest import suggest
from ops.snapshots.report import Check, Column, Report

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
        Column("public.people.id", "integer", required=True),
        Column(f"public.people.{case[0]}", case[1]),
    )
    (_, suggested) = suggest(Report("1", (), columns))
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
def test_a_column_that_must_hold_a_value_is_not_made_null(type_: str) -> None:
    (suggested,) = suggest(Report("1", (), (Column("public.people.salary", type_, required=True),)))
    assert suggested.treatment == EMPTIED[type_]


def test_what_the_scan_has_found_goes_before_the_name() -> None:
    found = Check("scan", False, "public.people", "owner_id", "email", rows=5, bad=2)
    (suggested,) = suggest(Report("1", (found,), (Column("public.people.owner_id", "text"),)))
    assert (suggested.treatment, suggested.reason) == ("fake email", "holds what looks like email")


def test_bytes_are_said_to_be_unread() -> None:
    (suggested,) = suggest(Report("1", (), (Column("app.files.content", "longblob", required=True),)))
    assert suggested.treatment == "keep" and "no scan reads" in suggested.reason
