"""Quoted names and texts come back as they were, however hostile they are."""

import duckdb
import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from ops.text.quoting import identifier, literal, nested, plain_literal

TEXTS = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)


@pytest.mark.parametrize("dialect", ["postgres", "mysql", "trino", "duckdb"])
@given(TEXTS)
def test_a_text_is_one_literal(dialect: str, text: str) -> None:
    parsed = sqlglot.parse_one(f"SELECT {literal(text, dialect)}", dialect=dialect).expressions
    assert [item.this for item in parsed] == [text] and isinstance(parsed[0], exp.Literal)


@pytest.mark.parametrize("dialect", ["postgres", "mysql", "trino", "duckdb"])
@given(TEXTS.filter(bool))
def test_a_name_is_one_identifier(dialect: str, name: str) -> None:
    (column,) = sqlglot.parse_one(f"SELECT {identifier(name, dialect)}", dialect=dialect).expressions
    assert column.name == name and isinstance(column, exp.Column)


@given(TEXTS)
def test_duckdb_reads_the_same_text(text: str) -> None:
    assert duckdb.execute(f"SELECT {literal(text, 'duckdb')}").fetchone() == (text,)


@pytest.mark.parametrize("dialect", ["trino", "duckdb"])
@given(TEXTS)
def test_a_plain_literal_is_the_dialect_s_own(dialect: str, text: str) -> None:
    assert plain_literal(text) == literal(text, dialect)


def test_sql_inside_a_literal_keeps_its_literals() -> None:
    assert duckdb.execute("SELECT '" + nested("x = 'y'") + "'").fetchone() == ("x = 'y'",)
