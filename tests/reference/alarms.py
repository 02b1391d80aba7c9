"""The reference of the alarms that the templates create, and of the metrics that they watch."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TEMPLATES = Path("tests/data/templates")
COMPARISONS = {
    "GreaterThanThreshold": ">",
    "GreaterThanOrEqualToThreshold": "≥",
    "LessThanThreshold": "<",
    "LessThanOrEqualToThreshold": "≤",
}
INTRODUCTION = (
    "# Alarms and metrics\n",
    "`make golden` generates this page from the templates. What to do about an alarm is in the "
    "[runbook](../runbook.md#alarms).\n",
    "| Template | Alarm | Metric | In alarm if | Description |",
    "|---|---|---|---|---|",
)


def page() -> str:
    return "\n".join([*INTRODUCTION, *_rows()])


def _rows() -> Iterator[str]:
    for path in sorted(TEMPLATES.glob("*.json")):
        for title, resource in json.loads(path.read_text())["Resources"].items():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                yield _row(path.stem, title, resource["Properties"])


def _row(template: str, title: str, alarm: dict[str, Any]) -> str:
    metric = f"`{alarm['Namespace']}` `{alarm['MetricName']}`"
    condition = (
        f"{alarm['Statistic']} {COMPARISONS[alarm['ComparisonOperator']]} {_value(alarm['Threshold'])}, "
        f"{int(alarm['EvaluationPeriods'])} × {int(alarm['Period']) // 60} min"
    )
    return f"| {template} | `{title}` | {metric} | {condition} | {alarm['AlarmDescription']} |"


def _value(threshold: Any) -> str:
    return f"{threshold:,}" if isinstance(threshold, int | float) else str(threshold)
