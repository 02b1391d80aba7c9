"""Paths in JSON documents, and the errors of a policy that has them."""

import pytest

from ops.errors import InputError
from ops.snapshots.policy.documents import EACH, overlap, parse_path, path_text
from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.treatment import Treatment

HEAD = '[tables.people]\nid = "keep"\n'


def test_a_path_has_members_and_elements() -> None:
    steps = parse_path('$.contact."first name"[0].straße[*]')
    assert steps == ("contact", "first name", 0, "straße", EACH)
    assert path_text(steps) == '$."contact"."first name"[0]."straße"[*]'
    assert parse_path(path_text(steps)) == steps


@pytest.mark.parametrize(
    "text", ["$", "$.", "$..email", "$.a.*", "$[-1]", "$[x]", "email", "$.a b", '$."a', "$.a["]
)
def test_what_is_not_a_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_path(text)


@pytest.mark.parametrize(
    ("one", "two", "meet"),
    [
        ("$.a", "$.a.b", True),
        ("$.a[*]", "$.a[3].b", True),
        ("$.a[*].b", "$.a[*].c", False),
        ("$.a[0]", "$.a[1]", False),
        ("$.a", "$.ab", False),
    ],
)
def test_paths_that_overlap(one: str, two: str, meet: bool) -> None:
    assert bool(overlap(map(parse_path, (one, two)))) == meet
    assert bool(overlap(map(parse_path, (two, one)))) == meet


def test_the_treatments_of_a_document() -> None:
    (table,) = parse_policy(
        HEAD + 'doc = "json or null"\n"doc $.a.b" = "fake email"\n"doc $.c" = "shift 3 by id"\n'
    ).tables
    doc = table.columns["doc"]
    assert doc.paths == (('$."a"."b"', Treatment("fake", "email")), ('$."c"', Treatment("shift", "3", "id")))
    assert (doc.otherwise, doc.by, doc.is_replaced) == (Treatment("null"), "id", False)
    assert table.replaced == ()
    (kept,) = parse_policy(HEAD + 'doc = "keep"\n"doc $.a" = "hash"\n').tables
    assert kept.columns["doc"].otherwise is None


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ('"doc $..email" = "fake email"', r"line 3: .*which is not a path"),
        ('doc = "null"\n"doc $.a" = "hash"', r"line 3: .*but a path of it is treated too"),
        ('"doc $.a" = "hash"\n"doc $.a.b" = "hash"', r"line 4: .*overlaps with"),
        ('"doc $.a" = "keep"', r"line 3: .*not a treatment of a value in a document"),
        ('"doc $.a" = "sql 1"', r"line 3: .*not a treatment of a value in a document"),
        ('"doc $.a" = "shift 3 by born"', r"line 3: .*shifted by born, which is not a column"),
        ('"doc $.a" = "shift 3 by id"\nborn = "keep"\n"doc $.b" = "shift 3 by born"', r"another column"),
        ('doc = "json"', r"line 3: .*has no path"),
        ('"doc $.a" = "review"', r"1 open review: public.people.doc"),
        ('name = "sql sleep(1)"', r"line 3: .*calls sleep"),
        ('"*" = "delete where nam = 1"', r"line 3: .*reads nam, which is not a column"),
        ('name = "same as persons.name"', r"line 3: .*which is not in the policy"),
        ('name = "same as people.mail"\nmail = "same as people.name"', r"line 3: .*same as itself"),
        ('name = "same as people.mail"\nmail = "sql lower(name)"', r"line 3: .*same as a column with sql"),
    ],
)
def test_an_error_names_the_line(lines: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_policy(f"{HEAD}{lines}\n")
