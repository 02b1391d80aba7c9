"""SQL of the treatment "keep format" in PostgreSQL: `ops.snapshots.policy.formats` explains it."""

from importlib.resources import files

from ops.snapshots.policy.formats import parse_format
from ops.snapshots.policy.treatment import Treatment
from ops.snapshots.postgres.text import literal

# An UPDATE of a unique column conflicts with rows that it has not reached. A new value that is also an old
# one is written in other characters (`pg_temp.aside`) and put back in a second UPDATE. The placeholders are
# those of `format`: table, column, new value; and table, column, column, column.
SET_ASIDE = """\
(SELECT CASE WHEN EXISTS (SELECT FROM %s slipway_o WHERE slipway_o.%I = slipway_new)
    THEN pg_temp.aside(slipway_new::text) ELSE slipway_new END
    FROM (SELECT %s AS slipway_new OFFSET 0) slipway_f)"""
PUT_BACK = """
UPDATE %s SET %I = pg_temp.put_back(%I::text) WHERE pg_temp.is_aside(%I::text);"""


def format_functions() -> str:
    """Return the SQL functions, for the start of a script. They follow `text.functions`."""
    return files("ops.snapshots.postgres").joinpath("formats.sql").read_text("utf-8")


def formatted(treatment: Treatment, text: str) -> str:
    """Return the new value. `text` is the SQL of the old one, as a text."""
    kept = parse_format(treatment.argument)
    salt = "(SELECT current_setting('slipway.salt'))"
    return f'pg_temp.formatted({text} COLLATE "default", {literal(kept.kind)}, {kept.prefix}, {salt})'
