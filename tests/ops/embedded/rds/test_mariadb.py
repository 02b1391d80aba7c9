"""MariaDB servers of the embedded cloud: one for each folder, with a master user, copied while running."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

from ops.embedded.ports import HOST
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.servers import Login
from ops.errors import EmbeddedError

PASSWORD = "correct-horse-1"

pytestmark = pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")


@pytest.fixture(scope="module")
def servers() -> Iterator[MariaDb]:
    folder = Path(tempfile.mkdtemp(prefix="slipway-mariadb-"))
    folder.chmod(0o755)
    mariadb_servers = MariaDb(folder / "mariadb", {})
    yield mariadb_servers
    for server_folder in mariadb_servers.root.iterdir():
        if server_folder.is_dir():
            mariadb_servers.delete(server_folder.name)
    shutil.rmtree(folder)


def rows(port: int, query: str, password: str = PASSWORD) -> list[tuple[object, ...]]:
    with (
        pymysql.connect(host=HOST, port=port, user="master", password=password, database="app") as connection,
        connection.cursor() as cursor,
    ):
        cursor.execute(query)
        return list(cursor.fetchall())


def test_a_server_has_its_master_user_and_database(servers: MariaDb) -> None:
    port = servers.create("first", "master", PASSWORD, "app")
    assert rows(port, "SELECT DATABASE(), CURRENT_USER()") == [("app", "master@%")]
    grants = " ".join(str(row) for row in rows(port, "SHOW GRANTS"))
    assert "SUPER" not in grants and "TRIGGER" in grants and "WITH GRANT OPTION" in grants


def test_a_copy_of_a_running_server_has_the_committed_rows(servers: MariaDb) -> None:
    port = servers.create("source", "master", PASSWORD, "app")
    login = Login(port, "master", PASSWORD, "app")
    servers.load(
        login, ["CREATE TABLE t (id INT PRIMARY KEY);", "INSERT INTO t SELECT seq FROM seq_1_to_5000"]
    )
    servers.back_up(port, "copy")
    servers.load(login, ["DELETE FROM t"])
    other = servers.start("copy")
    servers.set_password(other, "master", "another-1")
    assert rows(other, "SELECT COUNT(*) FROM t", "another-1") == [(5000,)]
    assert rows(port, "SELECT COUNT(*) FROM t") == [(0,)]
    servers.stop("source")
    assert rows(servers.start("source", port), "SELECT COUNT(*) FROM t") == [(0,)]


def test_the_logs_are_rotated_as_on_rds(servers: MariaDb) -> None:
    port = servers.create("logs", "master", PASSWORD, "app")
    servers.execute(port, "SET GLOBAL general_log = ON")
    rows(port, "SELECT 'jane@corp.test'")
    servers.execute(port, "SET GLOBAL general_log = OFF")
    assert rows(port, "SELECT COUNT(*) > 0 FROM mysql.general_log") == [(1,)]
    rows(port, "CALL mysql.rds_rotate_general_log")
    assert rows(port, "SELECT COUNT(*) FROM mysql.general_log") == [(0,)]


def test_a_missing_mariadb_is_reported_with_its_installation(
    servers: MariaDb, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mariadb, "find_server", lambda: None)
    with pytest.raises(EmbeddedError, match="apt-get install mariadb-server"):
        servers.create("none", "master", PASSWORD, "app")
