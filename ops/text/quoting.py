"""Quote names and texts for SQL, in the dialect of a database: `postgres`, `mysql`, `trino`, or `duckdb`."""


def identifier(name: str, dialect: str) -> str:
    """Return the name as a quoted identifier."""
    from sqlglot import exp  # takes long to import

    return exp.to_identifier(name, quoted=True).sql(dialect)


def literal(text: str, dialect: str) -> str:
    """Return the text as a string literal."""
    from sqlglot import exp

    return exp.Literal.string(text).sql(dialect)


def nested(sql: str) -> str:
    """Return SQL that is written inside a string literal, without the quotes around it."""
    return sql.replace("'", "''")
