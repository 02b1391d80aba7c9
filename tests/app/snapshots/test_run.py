"""Errors of a failed task on the page of a run."""

from app.snapshots.run import SHOWN_ERRORS, errors_of

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
