"""A rebuild on real servers: the new database has the same rows as a copy that was treated in place."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ops.embedded.ports import HOST
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.servers import Login
from ops.snapshots.compiler import REBUILD, compile_policy
from ops.snapshots.policy.model import parse_policy
from tests.ops.snapshots.effects.constructions import TOKEN, planted_in_mysql
from tests.ops.snapshots.sanitizer import Sanitized, sanitize

PASSWORD = "correct-horse-1"
# The planted values are in rows of every kind, and in rows that are deleted.
SHOP = """
CREATE TABLE people (
    id INT AUTO_INCREMENT PRIMARY KEY, email VARCHAR(40) UNIQUE, name VARCHAR(60) NOT NULL, card TEXT,
    code INT UNIQUE, born DATE, notes TEXT, doc JSON, photo BLOB, ratio FLOAT, flags BIT(5), place POINT,
    state ENUM('open', 'paid'), seen TIMESTAMP NULL, latin VARCHAR(20) CHARACTER SET latin1,
    initial VARCHAR(1) AS (LEFT(name, 1)) STORED);
INSERT INTO people (email, name, card, code, born, notes, doc, photo, ratio, flags, place, state, seen, latin)
    SELECT CONCAT('Zorvane', seq, '@real.test'), CONCAT('Zorvane ', seq), '4539578763621486', seq,
        '1980-01-01' + INTERVAL seq DAY,
        IF(seq % 3 > 0, CONCAT('Zorvane\\t', seq, '\\n\\\\''\\r', CHAR(0)), NULL),
        JSON_OBJECT('mail', CONCAT('Zorvane', seq, '@real.test'), 'size', seq),
        IF(seq % 2, CONCAT('Zorvane', CHAR(255 USING latin1)), ''), seq / 7, seq % 32, POINT(seq, seq / 3),
        IF(seq % 2, 'open', NULL), '2024-03-31 02:30:00' + INTERVAL seq HOUR, 'süß'
    FROM seq_1_to_300;
CREATE TABLE `or``ders` (id INT PRIMARY KEY, person INT, email VARCHAR(60),
    FOREIGN KEY (person) REFERENCES people (id) ON DELETE CASCADE);
INSERT INTO `or``ders` SELECT seq, 1 + seq % 300, CONCAT('Zorvane', 1 + seq % 300, '@real.test')
    FROM seq_1_to_900;
CREATE TABLE history (line TEXT);
INSERT INTO history VALUES ('Zorvane');
CREATE VIEW emails AS SELECT email FROM people;
CREATE PROCEDURE total(OUT n INT) SELECT COUNT(*) INTO n FROM people;
CREATE TRIGGER logging AFTER INSERT ON people FOR EACH ROW INSERT INTO history VALUES (NEW.email);
"""
POLICY = """
engine = "mariadb"
[tables.people]
"*" = "delete where id % 50 = 7"
id = "keep"
email = "fake email"
name = "fake name"
card = "keep format card"
code = "hash"
born = "shift 30 by id"
notes = "sql left(md5(notes), 6)"
"doc $.mail" = "fake email"
photo = "null"
ratio = "keep"
flags = "keep because they are switches"
place = "keep because it is a map"
state = "keep"
seen = "keep"
latin = "keep"
[tables.'or`ders']
id = "keep"
person = "keep"
email = "fake email"
[tables.history]
"*" = "truncate"
"""
QUERIES = (
    "SELECT * FROM people ORDER BY id",
    "SELECT * FROM `or``ders` ORDER BY id",
    "SELECT COUNT(*) FROM history",
    "SELECT * FROM emails ORDER BY 1",
    "SELECT trigger_name, event_manipulation, action_statement FROM information_schema.triggers "
    "WHERE trigger_schema = 'shop'",
    "SELECT routine_name, routine_definition FROM information_schema.routines WHERE routine_schema = 'shop'",
    "SELECT table_name, column_name, constraint_name FROM information_schema.key_column_usage "
    "WHERE table_schema = 'shop' ORDER BY 1, 2, 3",
)

pytestmark = pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")


class Servers:
    """A copy with production data, its twin that is treated in place, and a new server."""

    def __init__(self, servers: MariaDb) -> None:
        self.servers = servers
        self.ports = {
            "copy": servers.create("copy", "master", PASSWORD, "shop"),
            "new": servers.create("new", "master", PASSWORD, ""),
        }

    def rebuild(self, policy: str) -> Sanitized:
        scripts = compile_policy(parse_policy(policy), REBUILD)
        return sanitize(self.login("copy"), scripts, "mysql", new_port=self.ports["new"])

    def login(self, server: str) -> Login:
        return Login(self.ports[server], "master", PASSWORD, "shop")

    def rows(self, server: str, query: str) -> list[tuple[Any, ...]]:
        with closing(
            pymysql.connect(
                host=HOST, port=self.ports[server], user="master", password=PASSWORD, database="shop"
            )
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    def planted(self, server: str) -> list[str]:
        return list(planted_in_mysql(self.ports[server], (self.servers.root / "rdsadmin").read_text()))

    def files_with(self, server: str, text: str) -> list[str]:
        """Return the files in the data folder of a server that contain the text, after all is written."""
        self.servers.stop(server)
        found = subprocess.run(
            ["grep", "-rlia", text, str(self.servers.root / server)], capture_output=True, text=True
        )
        assert found.returncode < 2, found.stderr
        self.ports[server] = self.servers.start(server)
        return found.stdout.splitlines()


@pytest.fixture
def servers(database_folder: Path) -> Iterator[Servers]:
    started = Servers(MariaDb(database_folder / "rebuild", {}))
    yield started
    for name in ("copy", "new", "twin"):
        started.servers.delete(name)


def test_a_rebuild_has_the_rows_of_the_treatment_in_place(servers: Servers) -> None:
    servers.servers.load(servers.login("copy"), [SHOP])
    assert servers.planted("copy") and servers.files_with("copy", TOKEN)
    servers.servers.back_up(servers.ports["copy"], "twin")
    servers.ports["twin"] = servers.servers.start("twin")
    in_place = sanitize(servers.login("twin"), compile_policy(parse_policy(POLICY)), "mysql")
    assert (in_place.status, in_place.failed()) == (0, []), in_place.log
    done = servers.rebuild(POLICY)
    assert (done.status, done.failed()) == (0, []), done.log
    for query in QUERIES:
        assert servers.rows("new", query) == servers.rows("twin", query), query
    assert servers.planted("new") == []
    assert servers.files_with("new", TOKEN) == []
