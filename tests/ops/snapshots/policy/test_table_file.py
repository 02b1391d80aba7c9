"""Columns of a CSV file are classified without a database."""

import csv
import io

import pytest

from ops.errors import InputError
from ops.snapshots.policy.classifier.table_file import RESULT, as_csv, classified, read_columns
from ops.snapshots.policy.model import parse_policy
from tests.ops.snapshots.policy.columns import read

FILE = """\
table,column,type,values
customers,id,int,
customers,email,text,"[""jane@corp.test"", null]"
customers,birth_date,timestamp,
orders,ship_address,text,
orders,total,numeric,"[1, 2.5]"
"""


def test_every_row_gets_a_class_and_a_treatment_in_the_same_order() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(classified(read_columns(FILE))))))
    assert tuple(rows[0]) == RESULT
    assert [(row["column"], row["class"], row["treatment"]) for row in rows] == [
        ("id", "none", "keep"),
        ("email", "email", "fake email"),
        ("birth_date", "birth_date", "shift 180 by id"),
        ("ship_address", "address", "fake address"),
        ("total", "none", "keep"),
    ]
    assert all(0 < float(row["confidence"]) <= 1 and row["reason"] for row in rows)


def test_a_table_that_begins_again_is_another_one() -> None:
    people = "accounts,name,text\naccounts,last_name,text\n"
    workspaces = "accounts,name,text\naccounts,plan,text\n"
    text = f"table,column,type\n{people}roles,name,text\nroles,code,text\n{workspaces}"
    names = [row["class"] for row in classified(read_columns(text)) if row["column"] == "name"]
    assert names == ["person_name", "none", "none"]


def test_every_treatment_is_one_of_the_policy() -> None:
    treatments = {item["treatment"] for item in classified(each.column for each in read("development"))}
    assert len(treatments) > 15 and "review" in treatments
    for treatment in treatments - {"review"}:
        key = treatment.partition(" by ")[2] or "id"
        policy = f'engine = "postgres"\n[tables.t]\n"{key}" = "keep"\n"a" = "null"\n"b" = "{treatment}"\n'
        assert str(parse_policy(policy).tables[0].columns["b"]) == treatment.strip()


WRONG = {
    "": "its header lacks table, column, type",
    "table,column\n": "its header lacks type",
    "table,column,type,comment\n": "its header has the unknown column 'comment'",
    "table,column,type,type\n": "its header names a column twice",
    "table,column,type\na,b\n": "line 2 has 2 cells instead of 3",
    "table,column,type\na,,text\n": "line 2 has no column name",
    "table,column,type,values\na,b,text,x\n": "the values in line 2 are not valid JSON",
    'table,column,type,values\na,b,text,"{}"\n': "the values in line 2 are not a list",
    'table,column,type\na,"b,text\n': "is not valid CSV",
}


@pytest.mark.parametrize("text", WRONG, ids=WRONG.values())
def test_a_wrong_file_is_refused_in_words(text: str) -> None:
    with pytest.raises(InputError, match="Cannot read the columns: ") as refused:
        read_columns(text)
    assert WRONG[text] in str(refused.value)
    assert "table,column,type" in refused.value.hint
