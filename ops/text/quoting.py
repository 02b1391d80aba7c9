"""Quote names and texts for SQL, in the dialect of a database: `postgres`, `mysql`, `trino`, or `duckdb`."""


def identifier(name: str, dialect: str) -> str:
    """Return the name as a quoted identifier."""
    from sqlglot import exp  # takes long to import

    return exp.to_identifier(name, quoted=True).sql(dialect)


def literal(text: str, dialect: str) -> str:
    """Return the text as a string literal."""
    from sqlglot import exp

    return exp.Literal.string(text).sql(dialect)


def plain_literal(text: str) -> str:
    """Return the text as a string literal of the SQL standard, which DuckDB and Trino read as it is.

    For parts of a query that are built in large numbers, and where sqlglot is not loaded.
    """
    return f"'{nested(text)}'"


def nested(sql: str) -> str:
    """Return SQL that is written inside a string literal, without the quotes around it."""
    return sql.replace("'", "''")
