"""Tests of the generated files themselves; they have no row."""

import ast
from pathlib import Path

from tests.conformance import extract, table


def test_the_table_is_up_to_date() -> None:
    assert table.page() == table.PAGE.read_text(), "run `make golden`"


def test_the_reference_is_up_to_date() -> None:
    assert extract.reference() == extract.TARGET.read_text(), "run `make golden`"
    assert extract.handlers() == extract.HANDLERS.read_text(), "run `make golden`"
    assert extract.schemas() == extract.SCHEMAS.read_text(), "run `make golden`"


def test_every_test_cites_a_page_of_aws() -> None:
    files = [path for path in Path(__file__).parent.glob("test_*.py") if path != Path(__file__)]
    tests = [
        node.name
        for path in files
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]
    assert len(tests) == len(table.rows()) - len(table.NOT_ENFORCED)
    assert len(set(tests)) == len(tests)
