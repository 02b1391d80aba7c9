"""Which queries are saved, by whom, and what is never overwritten."""

from pathlib import Path

import pytest

from ops.audit import Actor, FileAudit
from ops.errors import Conflict, InputError, NotAllowed, QueryError
from ops.logs.search.saved.queries import FOLDER, load_queries
from ops.logs.search.saved.saving import MAX_BYTES, save_call
from ops.plan import perform
from ops.roles import Role

SQL = "SELECT count(*) AS events FROM events"


def save(folder: Path, name: str, sql: str = SQL, *, replaces: str = "", role: Role = Role.OPERATOR) -> Path:
    audit = FileAudit(folder / "audit")
    call = save_call(folder / "queries", name, sql, replaces=replaces)
    return perform(call, actor=Actor("ada", "test", role), audit=audit)


def test_a_saved_query_is_found_and_audited(tmp_path: Path) -> None:
    path = save(tmp_path, "mine")
    queries, errors = load_queries([FOLDER, path.parent])
    assert next(query for query in queries if query.name == "mine").sql == SQL and not errors
    assert FileAudit(tmp_path / "audit").read(1)[0].parameters == {"sql": SQL}


def test_a_viewer_saves_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotAllowed):
        save(tmp_path, "mine", role=Role.VIEWER)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", [*(path.stem for path in FOLDER.glob("*.sql")), "top_templates"])
def test_slipways_own_queries_are_never_replaced(tmp_path: Path, name: str) -> None:
    with pytest.raises(Conflict, match="one of Slipway's own queries"):
        save(tmp_path, name, role=Role.ADMINISTRATOR)
    (tmp_path / f"{name}.sql").write_text("SELECT 1 AS replaced\n")
    queries, _ = load_queries([FOLDER, tmp_path])
    if (FOLDER / f"{name}.sql").exists():
        assert "replaced" not in next(query for query in queries if query.name == name).sql


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a" * 61, "a.sql", "ä", "a\n", ".."])
def test_a_name_that_is_no_file_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is not valid"):
        save(tmp_path, name)


@pytest.mark.parametrize(("sql", "error"), [("", InputError), ("\0", InputError), ("SELECT $x", QueryError)])
def test_what_is_no_query_is_refused(tmp_path: Path, sql: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        save(tmp_path, "mine", sql)


def test_a_query_that_is_too_long_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at most 100,000"):
        save(tmp_path, "mine", SQL + " " * MAX_BYTES)


def test_a_query_is_replaced_only_by_somebody_who_has_seen_it(tmp_path: Path) -> None:
    save(tmp_path, "mine")
    with pytest.raises(Conflict, match="already exists"):
        save(tmp_path, "mine", "SELECT 2 AS two FROM events")
    assert (
        save(tmp_path, "mine", "SELECT 3 AS three FROM events", replaces=SQL)
        .read_text()
        .startswith("SELECT 3")
    )
    with pytest.raises(Conflict):
        save(tmp_path, "mine", "SELECT 4 AS four FROM events", replaces=SQL)
