"""SQL of the treatment "keep format" in MySQL and MariaDB: `ops.snapshots.policy.formats` explains it.

An expression has no loop, so stored functions of the pipeline's database compute it. A script creates and
drops them.
"""

import re
from importlib.resources import files

from ops.snapshots.mysql.text import literal, quoted
from ops.snapshots.mysql.unique import columns_in_keys
from ops.snapshots.policy.formats import parse_format
from ops.snapshots.policy.model import Policy
from ops.snapshots.policy.table import TablePolicy
from ops.snapshots.policy.treatment import FORMAT, Treatment


def create_functions(policy: Policy) -> str:
    """Return SQL that prints how to create the functions; empty if no column keeps its format."""
    if not _keeps_formats(policy):
        return ""
    return f"SELECT {literal(f'DELIMITER //slipway//{chr(10)}{_functions()}DELIMITER ;')};"


def drop_functions(policy: Policy) -> str:
    """Return SQL that prints how to drop the functions; empty if no column keeps its format."""
    if not _keeps_formats(policy):
        return ""
    names = re.findall(r"CREATE FUNCTION (\w+)", _functions())
    return f"SELECT {literal(''.join(f'DROP FUNCTION {name};{chr(10)}' for name in names))};"


def _functions() -> str:
    return files("ops.snapshots.mysql").joinpath("formats.sql").read_text("utf-8")


def _keeps_formats(policy: Policy) -> bool:
    return any(
        each.kind == FORMAT
        for table in policy.tables
        for item in table.treated.values()
        for each in (item, *(inner for _, inner in item.paths))
    )


def formatted(treatment: Treatment, text: str) -> str:
    """Return the new value. `text` is the SQL of the old one, as a text."""
    kept = parse_format(treatment.argument)
    return f"slipway_formatted({text}, {literal(kept.kind)}, {kept.prefix}, @salt)"


def is_permuted(table: TablePolicy) -> str:
    """Return whether the column p is in a unique key, and its new values can be old ones of other rows."""
    if not any(item.kind == FORMAT for item in table.treated.values()):
        return "FALSE"
    return f"COALESCE(v.kind_ = '{FORMAT}' AND LOCATE(p.quoted, ({columns_in_keys(table)})) > 0, FALSE)"


def refilled(then: str) -> str:
    """Return SQL that generates the statements that empty a table and insert its rows with new values.

    An UPDATE would conflict with rows that it has not reached. Without foreign key checks, nothing cascades.
    `then` is the second step on the new values.
    """
    new = f"CONCAT({quoted('schema_name')}, '.slipway_new')"
    columns = "GROUP_CONCAT(quoted ORDER BY place SEPARATOR ', ')"
    second = (
        "COALESCE(CONCAT('\\nUPDATE ', qualified, ' SET ', GROUP_CONCAT(IF(COALESCE(then_, '') = '', NULL, "
        f"CONCAT(quoted, ' = ', {then})) SEPARATOR ', '), ';'), '')"
    )
    return f"""\
CONCAT('CREATE TABLE ', {new}, ' LIKE ', qualified, ';\\nINSERT INTO ', {new}, ' (', {columns},
            ') SELECT ', GROUP_CONCAT(new ORDER BY place SEPARATOR ', '), ' FROM ', qualified,
            ';\\nDELETE FROM ', qualified, ';\\nINSERT INTO ', qualified, ' (', {columns}, ') SELECT ',
            {columns}, ' FROM ', {new}, ';\\nDROP TABLE ', {new}, ';', {second})"""
