"""Errors of a failed task, and the progress, on the page of a run."""

from datetime import UTC, datetime, timedelta

from app.snapshots.run import SHOWN_ERRORS, errors_of, progress

POSTGRES = """\
10:00:00  Running 06-treat.gen.tell.sql
10:00:01  psql:06-treat.gen.tell.sql.generated:12: ERROR:  null value in column "passwd" is null
10:00:01  psql:06-treat.gen.tell.sql.generated:12: STATEMENT:  UPDATE"""
MYSQL = """\
10:00:00  Running 05-treat.gen.tell.sql
10:00:01  ERROR 1048 (23000) at line 7: Column 'passwd' cannot be null"""


def test_the_errors_of_both_clients_are_found() -> None:
    assert [line.partition("  ")[2][:12] for line in errors_of(POSTGRES)] == ["psql:06-trea"]
    assert errors_of(MYSQL) == [MYSQL.splitlines()[1]]
    assert errors_of("10:00:00  Running 01-errors.check.sql") == []
    assert len(errors_of(f"{MYSQL}\n" * 9)) == SHOWN_ERRORS


def test_the_progress_names_the_expected_end() -> None:
    now = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
    part, text = progress(timedelta(seconds=30), timedelta(seconds=90), 3, now)
    assert part == 0.25
    assert text == "About 1 min 30 s left, until 12:01:30 UTC (usual of the last 3 successful runs)"


def test_a_run_that_takes_longer_is_not_complete() -> None:
    part, text = progress(timedelta(seconds=30), timedelta(0), 1, datetime.now(UTC))
    assert (part, text) == (0.99, "Longer than previous runs")
