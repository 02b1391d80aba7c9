"""Tests of the generated files themselves; they have no row."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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


def test_python_reads_every_pattern_of_the_schemas() -> None:
    def patterns(schema: Any, *, names: bool = False) -> Iterator[str]:
        if isinstance(schema, dict):
            if not names:
                yield from [schema["pattern"]] if "pattern" in schema else []
                yield from schema.get("patternProperties", {})
            for name, member in schema.items():
                yield from patterns(member, names=not names and name in extract.NAMED)
        elif isinstance(schema, list):
            for member in schema:
                yield from patterns(member)

    types = json.loads(extract.SCHEMAS.read_text())
    found = {pattern for entry in types.values() for pattern in patterns(entry["schema"])}
    assert len(found) > 100
    for pattern in found:
        re.compile(pattern)
