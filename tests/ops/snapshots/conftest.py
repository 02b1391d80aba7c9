"""A server of each engine for the tests of a module.

Of tests for both engines, those marked `each_engine` run on MariaDB in `make test` too: one for each
treatment that the engine's compiler writes in its own way. The others do in `make test-thorough`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.postgres import Postgres
from ops.embedded.rds.servers import Login
from tests.ops.snapshots.databases import ENGINES, PASSWORD, Database, Start
from tests.ops.snapshots.mysql import test_compiler as test_mysql
from tests.ops.snapshots.postgres import test_compiler as test_postgres


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        called = getattr(item, "callspec", None)
        engine = called and called.params.get("start")
        if engine == "mariadb" and not item.get_closest_marker("each_engine"):
            item.add_marker("thorough")


@pytest.fixture(scope="module", params=ENGINES)
def start(request: pytest.FixtureRequest, database_folder: Path) -> Iterator[Start]:
    """Return an empty database."""
    folder = database_folder / request.param
    servers = Postgres(folder, {}) if request.param == "postgres" else MariaDb(folder, {})
    port = servers.create("unique", "master", PASSWORD, "shop")
    if isinstance(servers, MariaDb):  # keys of so many rows lie in it
        servers.execute(port, "SET GLOBAL innodb_buffer_pool_size = 134217728")

    def start() -> Database:
        if isinstance(servers, Postgres):
            servers.execute(port, "DROP DATABASE shop")
            servers.execute(port, "CREATE DATABASE shop OWNER master")
            made = test_postgres.Database(servers, port, "shop")
            made.login = Login(port, "master", PASSWORD, "shop")
            return made
        servers.execute(port, "SET foreign_key_checks = 0; DROP DATABASE shop; CREATE DATABASE shop")
        return test_mysql.Database(servers, port)

    yield start
    servers.delete("unique")
