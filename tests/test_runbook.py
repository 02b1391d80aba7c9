"""The runbook lists exactly the alarms of the templates and the errors of the code."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
RUNBOOK = (ROOT / "docs/runbook.md").read_text()


def named(part: str) -> set[str]:
    """Return the first cells of the section's table."""
    section = RUNBOOK.split(f"## {part}\n")[1].split("\n## ")[0]
    return set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))


def errors() -> set[str]:
    """Return SlipwayError and its subclasses in ops and app."""
    bases: dict[str, set[str]] = {}
    for path in [*(ROOT / "ops").rglob("*.py"), *(ROOT / "app").rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                bases.setdefault(node.name, set()).update(map(ast.unparse, node.bases))
    found = {"SlipwayError"}
    while more := {name for name, parents in bases.items() if parents & found} - found:
        found |= more
    return found


def alarms() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "tests/data/templates").glob("*.json")):
        for title, resource in json.loads(path.read_text())["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                yield title, resource["Properties"]["AlarmDescription"]


def test_every_alarm_is_in_the_runbook() -> None:
    assert {title for title, _ in alarms()} == named("Alarms")


def test_every_error_is_in_the_runbook() -> None:
    assert errors() == named("Error messages")


def test_every_rule_that_it_names_is_there() -> None:
    templates = "".join(path.read_text() for path in sorted((ROOT / "tests/data/templates").glob("*.json")))
    for rule in re.findall(r"rules? `(\w+)`", RUNBOOK):
        assert f'"{rule}": ' in templates
