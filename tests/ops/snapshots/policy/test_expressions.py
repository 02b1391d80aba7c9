"""Expressions of a policy: one value of the row, and no side effect."""

import pytest

from ops.snapshots.policy.expressions import parse_expression

COLUMNS = ("id", "name", "Born", "doc")


@pytest.mark.parametrize(
    ("engine", "text", "columns"),
    [
        ("postgres", "upper(left(name, 1)) || '.'", ("name",)),
        ("postgres", "case when id % 2 = 0 then name end", ("name", "id")),
        ("postgres", "date_trunc('year', \"Born\")::date", ("Born",)),
        ("postgres", "doc #>> '{a,b}'", ("doc",)),
        ("postgres", "regexp_replace(NAME, '[0-9]', 'x', 'g')", ("name",)),
        ("mariadb", "concat(left(name, 1), '--', '/*')", ("name",)),
        ("mariadb", "date_format(`born`, '%Y-01-01')", ("Born",)),
        ("mariadb", "name REGEXP 'a' AND id IN (1, 2)", ("name", "id")),
        ("mariadb", "json_unquote(json_extract(doc, '$.a'))", ("doc",)),
    ],
)
def test_what_an_expression_may(engine: str, text: str, columns: tuple[str, ...]) -> None:
    expression = parse_expression(text, engine, COLUMNS)
    assert expression.sql == text
    assert set(expression.columns) == set(columns)


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
@pytest.mark.parametrize(
    "text",
    [
        "name; DROP TABLE people",
        "name, id",
        "name AS other",
        "*",
        "",
        "name FROM people",
        "name WHERE true",
        "name INTO OUTFILE '/tmp/x'",
        "(SELECT max(name) FROM people)",
        "EXISTS (SELECT 1 FROM people)",
        "id IN (SELECT id FROM people)",
        "count(*)",
        "row_number() OVER ()",
        "pg_sleep(9)",
        "sleep(9)",
        "benchmark(9, md5(name))",
        "get_lock('a', 9)",
        "load_file('/etc/passwd')",
        "pg_read_file('/etc/passwd')",
        "nextval('ids')",
        "set_config('a', 'b', false)",
        "pg_catalog.upper(name)",
        "random()",
        "rand()",
        "uuid()",
        "now()",
        "current_user",
        "@a := 1",
        "@@version",
        ":name",
        "name /* x */",
        "name /*!80000 , sleep(9) */",
        "name -- x",
        "people.name",
        "missing",
    ],
)
def test_what_an_expression_may_not(engine: str, text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_expression(text, engine, COLUMNS)


def test_a_subquery_reads_only_tables_that_the_policy_names() -> None:
    text = "(SELECT max(p.label) FROM plans p WHERE p.id = doc)"
    with pytest.raises(ValueError, match=r"reads the table plans; if it may, add sql_tables"):
        parse_expression(text, "postgres", COLUMNS)
    assert parse_expression(text, "postgres", COLUMNS, ("plans",)).columns == ("doc",)
    with pytest.raises(ValueError, match=r"calls lo_import"):
        parse_expression("(SELECT lo_import(label) FROM plans)", "postgres", COLUMNS, ("plans",))
