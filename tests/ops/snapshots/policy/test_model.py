"""Parsing of policies, and the errors of invalid ones."""

import pytest

from ops.errors import InputError
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import Treatment

GOOD = """
version = 7
scan_rows = 10
allow_domains = ["corp.test"]

[tables.people]
id = "keep"
email = "fake email"
born = "shift 30 by id"
motto = "constant be kind"

[tables."crm.leads"]
"*" = "sample 12.5"
id = "keep"

[allow]
"people.motto" = ["phone"]
"""


def test_a_policy_is_parsed() -> None:
    policy = parse_policy(GOOD)
    assert (policy.version, policy.engine, policy.unlisted, policy.scan_rows) == (7, "postgres", "fail", 10)
    people, leads = policy.tables
    assert people.full_name == "public.people"
    assert people.treated == {
        "email": Treatment("fake", "email"),
        "born": Treatment("shift", "30", "id"),
        "motto": Treatment("constant", "be kind"),
    }
    assert leads == TablePolicy("crm", "leads", {"id": Treatment("keep")}, "sample", 12.5)
    assert policy.allow == {"public.people.motto": ("phone",)}
    assert "corp.test" in policy.allow_domains and "example.com" in policy.allow_domains


@pytest.mark.parametrize("text", ["keep", "null", "hash", "constant a b", "fake card", "shift 3 by id"])
def test_a_treatment_is_written_as_it_was_read(text: str) -> None:
    policy = parse_policy(f"[tables.t]\nid = 'keep'\nx = '{text}'\ny = 'null'")
    assert str(policy.tables[0].columns["x"]) == text


WRONG = {
    "not TOML": ("[tables", "not valid TOML"),
    "unknown key": ("tabels = 1", "line 1: tabels is not a known key"),
    "no treatment": ("[tables.t]\nx = 'scramble'", "line 2: tables.t.x is 'scramble'"),
    "no such fake": ("[tables.t]\nx = 'fake nose'", "t.x is 'fake nose'"),
    "no such column": ("[tables.t]\nx = 'shift 3 by y'", "t.x is shifted by y"),
    "no days": ("[tables.t]\nid = 'keep'\nx = 'shift 0 by id'", "t.x is 'shift 0 by id'"),
    "no rows": ("[tables.t]\n'*' = 'some'", "is 'some'"),
    "all of a sample": ("[tables.t]\n'*' = 'sample 100'", "is 'sample 100'"),
    "empty table": ("[tables.t]", "t has no columns"),
    "twice": ("[tables.t]\nx = 'null'\n[tables.'public.t']\nx = 'null'", "lists the table public.t twice"),
    "nothing treated": ("[tables.t]\nx = 'keep'", "has no treatment"),
    "another engine": ("engine = 'oracle'", "engine is 'oracle'"),
    "no version": ("version = 0", "version is 0"),
    "no whole version": ("version = true", "version is True"),
    "no string": ("after = 5", "after has 5, which is not SQL"),
    "no table": ("[tables]\nt = 'null'", "tables.t is not a table"),
    "database of another engine": ("engine = 'mysql'\n[databases.crm]", "line 2: databases.crm is not valid"),
    "no database name": ("[databases.'a/b']", "databases.a/b is not a valid database name"),
    "unknown key of a database": (
        "[databases.crm]\nversion = 1",
        "line 2: databases.crm.version is not a known key",
    ),
    "unknown finding": ("[tables.t]\nx = 'null'\n[allow]\n't.x' = ['nose']", "line 4: allow.t.x has 'nose'"),
    "no column": ("[tables.t]\nx = 'null'\n[allow]\n't' = ['phone']", "allow.t is not a column"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_invalid_policy_is_rejected_with_a_hint(case: str) -> None:
    text, message = WRONG[case]
    with pytest.raises(InputError, match=message) as caught:
        parse_policy(text)
    assert caught.value.field == "policy" and caught.value.hint


def test_a_policy_without_tables_is_a_survey() -> None:
    assert parse_policy("version = 1").tables == ()
    with pytest.raises(InputError, match="has no treatment"):
        parse_policy("unlisted = 'keep'")
