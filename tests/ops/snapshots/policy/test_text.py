"""Suggestions are added to the text of a policy."""

import pytest

from ops.snapshots.policy.model import parse_policy
from ops.snapshots.policy.suggest import Suggestion
from ops.snapshots.policy.text import with_suggestions

POLICY = """\
version = 2  # of May
unlisted = "fail"

[tables."public.customers"]  # people
id = "keep"
email = "fake email"

# What follows is about goods.
[tables.products]
id = "keep"

[allow]
"products.id" = ["phone"]
"""


def proposed(table: str, column: str, treatment: str = "fake name") -> Suggestion:
    return Suggestion(table, column, treatment, "because")


def test_a_column_is_added_to_its_table() -> None:
    changed = with_suggestions(POLICY, [proposed("customers", "name"), proposed("products", "maker")])
    lines = changed.splitlines()
    assert lines[lines.index('email = "fake email"') + 1] == '"name" = "fake name"  # because'
    assert lines[lines.index('"maker" = "fake name"  # because') - 1] == 'id = "keep"'
    assert "# What follows is about goods.\n[tables.products]" in changed
    policy = parse_policy(changed)
    assert [table.full_name for table in policy.tables] == ["public.customers", "public.products"]
    assert list(policy.tables[0].columns) == ["id", "email", "name"] and policy.allow


@pytest.mark.parametrize("table", ["orders", "billing.orders", 'odd "name', "crm:leads"])
def test_a_new_table_is_added_at_the_end(table: str) -> None:
    policy = parse_policy(with_suggestions(POLICY, [proposed(table, "name"), proposed(table, "id", "keep")]))
    found = [*policy.tables, *(each for other in policy.databases.values() for each in other.tables)]
    assert list(found[-1].columns) == ["name", "id"]
    assert found[-1].name == table.rpartition(":")[2].rpartition(".")[2]


def test_a_survey_becomes_a_policy() -> None:
    survey = 'version = 1\nengine = "mariadb"\n\n# [tables.customers]\n# id = "keep"\n'
    policy = parse_policy(with_suggestions(survey, [proposed("shop.customers", "name")]))
    assert [table.full_name for table in policy.tables] == ["shop.customers"]
