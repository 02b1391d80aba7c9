"""Fakes in short columns, on real servers of every engine: they fit, or are refused by name."""

import pytest

from ops.snapshots.policy import review
from ops.snapshots.policy.fakes import SHORTEST, longest
from ops.snapshots.policy.suggest import suggest_treatments, suggestions_as_toml
from ops.snapshots.policy.treatment import FAKES
from ops.snapshots.report import SanitizingReport, UnlistedColumn, report_from_log
from tests.ops.snapshots.databases import Database, Start, passes, treated

VALUES = ("a", "b")


def with_columns(start: Start, types: dict[str, str]) -> Database:
    database = start()
    columns = ", ".join(f"{name} {type_}" for name, type_ in types.items())
    database.run(f"CREATE TABLE people (id INT PRIMARY KEY, {columns})")
    for number, value in enumerate(VALUES):
        values = ", ".join(f"'{value}'" for _ in types)
        database.run(f"INSERT INTO people VALUES ({number}, {values})")
    return database


@pytest.mark.each_engine
def test_a_fake_that_does_not_fit_is_refused_by_name_before_anything_is_treated(start: Start) -> None:
    database = with_columns(
        start, {f"c_{kind}": f"varchar({length - 1})" for kind, length in SHORTEST.items()}
    )
    lines = "\n".join(f'c_{kind} = "fake {kind}"' for kind in SHORTEST)
    done = treated(database, f'[tables.people]\nid = "keep"\n{lines}')
    assert done.status
    report = report_from_log(done.log.splitlines())
    assert {check.column: check.message.partition(": ")[2] for check in report.failed} == {
        f"c_{kind}": f"fake {kind} does not fit into {length - 1} characters, not even truncated: "
        "use another treatment, such as hash"
        for kind, length in SHORTEST.items()
    }
    assert [row[1] for row in database.rows("SELECT * FROM people ORDER BY id")] == list(VALUES)


@pytest.mark.each_engine
def test_a_truncated_fake_passes_the_verification(start: Start) -> None:
    lengths = {kind: max(SHORTEST.get(kind, 1), longest(kind) // 2) for kind in FAKES}
    database = with_columns(start, {f"c_{kind}": f"varchar({length})" for kind, length in lengths.items()})
    lines = "\n".join(f'c_{kind} = "fake {kind}"' for kind in FAKES)
    passes(treated(database, f'[tables.people]\nid = "keep"\n{lines}'))


@pytest.mark.each_engine
def test_suggestions_and_choices_for_short_columns_pass_the_verification(start: Start) -> None:
    names = (
        "email",
        "last_name",
        "first_name",
        "city",
        "phone",
        "postcode",
        "username",
        "ip_address",
        "notes",
    )
    columns = (
        UnlistedColumn("public.people.id", "integer", required=True),
        *(UnlistedColumn(f"public.people.{name}", "varchar(8)") for name in names),
    )
    report = SanitizingReport("1", (), columns)
    suggested = suggestions_as_toml(suggest_treatments(report))
    assert "fake email has up to 29 characters, the column 8" in suggested
    types = dict.fromkeys(names, "varchar(8)")
    database = with_columns(start, types)
    passes(treated(database, suggested))
    row = next(row for row in review.review_rows("", report) if row.column == "email")
    database = with_columns(start, {f"c{number}": "varchar(8)" for number in range(len(row.choices))})
    lines = "\n".join(f'c{number} = "{choice}"' for number, choice in enumerate(row.choices))
    passes(treated(database, f'[tables.people]\nid = "keep"\n{lines}'))
