"""What is kept of a run's proof."""

import json

from ops.snapshots.report import from_json

KEPT = {
    "policy": 3,
    "seconds": {"01-drift.check.sql": 0.5, "02-treat.gen.tell.sql": 4, "03-scan.gen.check.sql": 2},
    "checks": [
        {"check": "drift", "policy": 3, "ok": True, "unlisted": [], "missing": []},
        {"check": "truncated", "table": "public.log", "column": "*", "rows": 0, "bad": 0, "ok": True},
    ],
}


def test_a_report_tells_how_long_treating_and_proving_took() -> None:
    report = from_json(json.dumps(KEPT))
    assert (report.policy, report.took, len(report.treated)) == ("3", (4, 2.5), 1)


def test_a_report_of_before_has_no_times() -> None:
    report = from_json(json.dumps({key: value for key, value in KEPT.items() if key != "seconds"}))
    assert report.seconds == {} and report.took == (0, 0)
