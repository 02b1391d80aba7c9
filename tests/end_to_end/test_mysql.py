"""MariaDB and MySQL in the complete pipeline: from a suggested policy to the restored database in QA."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pymysql
import pytest

from ops.aws.cloud import Cloud
from ops.embedded.rds import mariadb
from ops.embedded.rds.mariadb import MariaDb
from ops.embedded.rds.servers import Login
from ops.errors import InputError
from ops.snapshots.compiler import METHODS, REBUILD
from ops.snapshots.pipeline import catalog
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.suggest import suggest_treatments, suggestions_as_toml
from ops.snapshots.runs import control as runs
from tests.end_to_end.workbench import PASSWORD, Workbench

SAKILA = Path("../shared/data/databases/mysql")

pytestmark = pytest.mark.skipif(mariadb.find_server() is None, reason="mariadbd is not installed")


@pytest.fixture(scope="session")
def workbench(cloud: Cloud, data: Path) -> Workbench:
    return Workbench(cloud, data)


class Server:
    """An instance, accessed as its master user."""

    def __init__(self, workbench: Workbench, place: Any, name: str) -> None:
        found = workbench.available(place, name)
        self._address = {"host": found["Endpoint"]["Address"], "port": found["Endpoint"]["Port"]}

    def rows(self, query: str, password: str = PASSWORD) -> list[tuple[Any, ...]]:
        with closing(
            pymysql.connect(**self._address, user="master", password=password, autocommit=True)
        ) as connection:
            cursor = connection.cursor()
            cursor.execute(query)
            return list(cursor.fetchall())

    def load(self, workbench: Workbench, *files: Path) -> None:
        """Run SQL with the client, which supports DELIMITER."""
        servers = MariaDb(workbench.data / "embedded/mariadb", {})
        servers.load(
            Login(self._address["port"], "master", PASSWORD),
            [file.read_text("utf-8") + "\n" for file in files],
        )


def restored_in_qa(workbench: Workbench, made: catalog.SanitizedSnapshot) -> Iterator[Server]:
    name, rds = f"qa-{uuid.uuid4().hex[:6]}", workbench.rds(workbench.qa)
    rds.restore_db_instance_from_db_snapshot(
        DBInstanceIdentifier=name, DBSnapshotIdentifier=made.snapshot.arn
    )
    workbench.available(workbench.qa, name)
    rds.modify_db_instance(DBInstanceIdentifier=name, MasterUserPassword=PASSWORD, ApplyImmediately=True)
    yield Server(workbench, workbench.qa, name)
    rds.delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


@pytest.mark.thorough
@pytest.mark.skipif(not SAKILA.is_dir(), reason=f"the Sakila dump is not at {SAKILA}")
@pytest.mark.parametrize("method", METHODS)
def test_sakila_on_a_suggested_policy_leaves_no_original_value(workbench: Workbench, method: str) -> None:
    name = f"sakila-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, Engine="mariadb", DBName="sakila")
    production = Server(workbench, workbench.production, name)
    production.load(workbench, SAKILA / "sakila-schema.sql", SAKILA / "sakila-data.sql")
    pipeline = workbench.deploy(workbench.pipeline(name, 'version = 1\nengine = "mariadb"'))
    survey = workbench.run(pipeline)
    assert survey.execution.status == "FAILED" and workbench.left(pipeline) == []
    report = runs.report_from_lines(runs.task_log(workbench.cloud, pipeline, survey.task))
    policy = adjusted(suggestions_as_toml(suggest_treatments(report)))

    pipeline = workbench.deploy(workbench.pipeline(name, policy, method=method))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert workbench.left(pipeline) == []
    (made,) = workbench.sanitized(pipeline)
    assert catalog.read_report(workbench.cloud, pipeline, made).failed == ()
    for restored in restored_in_qa(workbench, made):
        compare(production, restored, policy)
    workbench.rds(workbench.production).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def adjusted(suggested: str) -> str:
    """Adjust the suggestions as a reviewer does, and sample rows."""
    text = suggested.replace('[tables."sakila.film_text"]', '[tables."sakila.film_text"]\n"*" = "truncate"')
    text = text.replace('[tables."sakila.rental"]', '[tables."sakila.rental"]\n"*" = "sample 25"')
    assert text.count('"*"') == 2 and "fake city" in text
    return f'version = 2\nengine = "mariadb"\n{text}'


def compare(production: Server, restored: Server, policy: str) -> None:
    """Compare every treated value, the numbers of rows, and the foreign keys."""
    compared = 0
    for table in parse_policy(policy).tables:
        where = f"`{table.schema}`.`{table.name}`"
        counted = f"SELECT COUNT(*) FROM {where}"
        ((before,),), ((after,),) = production.rows(counted), restored.rows(counted)
        if table.rows == "truncate":
            assert (before > 0, after) == (True, 0)
        elif table.name in ("rental", "payment"):  # a payment goes with its rental
            assert 0.2 * before < after < 0.3 * before
        else:
            assert after == before, table.name
        key = next(iter(table.columns))
        for column, treatment in table.treated.items() if table.rows == "keep" else ():
            values = f"SELECT `{key}`, BINARY `{column}` FROM {where} WHERE `{column}` <> ''"
            originals, left = dict(production.rows(values)), dict(restored.rows(values))
            unchanged = [key for key, value in originals.items() if left.get(key) == value]
            if str(treatment) == "fake postcode":  # 100,000 fakes: a row may get its own value
                assert len(unchanged) <= 3, column
            else:
                assert not unchanged and not set(originals.values()) & set(left.values()), column
            compared += len(originals)
    assert compared > 3000
    orphans = """SELECT (SELECT COUNT(*) FROM sakila.payment p LEFT JOIN sakila.rental r USING (rental_id)
        WHERE p.rental_id IS NOT NULL AND r.rental_id IS NULL) + (SELECT COUNT(*) FROM sakila.customer c
        LEFT JOIN sakila.address a USING (address_id) WHERE a.address_id IS NULL)"""
    assert restored.rows(orphans) == [(0,)]
    triggers = "SELECT TRIGGER_NAME, ACTION_STATEMENT FROM information_schema.TRIGGERS ORDER BY 1"
    assert restored.rows(triggers) == production.rows(triggers) != []


@pytest.mark.thorough
def test_a_rebuilt_snapshot_has_new_values_and_the_rest_of_the_schema(workbench: Workbench) -> None:
    name = f"rebuilt-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, Engine="mariadb")
    production = Server(workbench, workbench.production, name)
    production.rows("CREATE TABLE app.people (id INT PRIMARY KEY, email VARCHAR(40) UNIQUE)")
    production.rows("INSERT INTO app.people SELECT seq, CONCAT('p', seq, '@real.test') FROM app.seq_1_to_50")
    production.rows("CREATE TRIGGER app.fold BEFORE INSERT ON app.people FOR EACH ROW SET NEW.email = 'x'")
    policy = 'engine = "mariadb"\n[tables.people]\nid = "keep"\nemail = "fake email"\n'
    pipeline = workbench.deploy(workbench.pipeline(name, policy, method=REBUILD))
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    assert workbench.left(pipeline) == []
    (made,) = workbench.sanitized(pipeline)
    counted = "SELECT COUNT(DISTINCT email), SUM(email LIKE '%@example.com') FROM app.people"
    triggers = "SELECT TRIGGER_NAME FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = 'app'"
    for restored in restored_in_qa(workbench, made):
        assert restored.rows(counted) == [(50, 50)]
        assert restored.rows(triggers) == [("fold",)]
    workbench.rds(workbench.production).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)


def test_an_instance_of_mysql_is_sanitized_and_a_policy_for_another_engine_is_refused(
    workbench: Workbench,
) -> None:
    name = f"mysql-{uuid.uuid4().hex[:6]}"
    workbench.make_database(name, Engine="mysql")
    production = Server(workbench, workbench.production, name)
    production.rows("CREATE TABLE app.people (id INT PRIMARY KEY, email VARCHAR(40))")
    production.rows("INSERT INTO app.people SELECT seq, CONCAT('p', seq, '@real.test') FROM app.seq_1_to_50")
    policy = '[tables.people]\nid = "keep"\nemail = "fake email"\n'
    with pytest.raises(InputError, match="policy is for postgres"):
        workbench.deploy(workbench.pipeline(name, policy))
    pipeline = workbench.deploy(workbench.pipeline(name, f'engine = "mysql"\n{policy}'))
    assert pipeline.stack.parameters["Engine"] == "mysql"
    watched = workbench.run(pipeline)
    assert watched.execution.status == "SUCCEEDED", watched.execution.cause
    (made,) = workbench.sanitized(pipeline)
    for restored in restored_in_qa(workbench, made):
        assert restored.rows("SELECT COUNT(*), SUM(email LIKE '%real%') FROM app.people") == [(50, 0)]
    workbench.rds(workbench.production).delete_db_instance(DBInstanceIdentifier=name, SkipFinalSnapshot=True)
