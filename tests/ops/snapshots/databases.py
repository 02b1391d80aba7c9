"""Databases of every engine for tests that treat and verify, and what the tests have in common."""

from collections.abc import Callable

from ops.embedded.rds import mariadb
from ops.snapshots.compiler import compile_policy
from ops.snapshots.policy.model import parse_policy
from tests.ops.snapshots.mysql import test_compiler as test_mysql
from tests.ops.snapshots.postgres import test_compiler as test_postgres
from tests.ops.snapshots.sanitizer import SALT, Sanitized, sanitize

PASSWORD = "correct-horse-1"
ENGINES = ["postgres", *(["mariadb"] if mariadb.find_server() else [])]

Database = test_postgres.Database | test_mysql.Database
Start = Callable[[], Database]


def numbers(database: Database, count: int) -> str:
    """Return a table expression with the numbers `n` from 1 to `count`."""
    if isinstance(database, test_postgres.Database):
        return f"(SELECT n FROM generate_series(1, {count}) n) s"
    return f"(SELECT seq AS n FROM seq_1_to_{count}) s"


def treated(database: Database, policy: str, case: str = "fold", salt: str = SALT) -> Sanitized:
    is_postgres = isinstance(database, test_postgres.Database)
    head = f'engine = "{"postgres" if is_postgres else "mariadb"}"\ncase = "{case}"\n'
    scripts = compile_policy(parse_policy(head + policy))
    return sanitize(database.login, scripts, "psql" if is_postgres else "mysql", salt)


def passes(done: Sanitized) -> None:
    assert (done.status, done.failed()) == (0, []), done.log
