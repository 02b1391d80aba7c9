"""Sanitizing reports as they are stored."""

import json

from ops.snapshots.report import ReportCheck, SanitizingReport, report_from_json

KEPT = {
    "policy": 3,
    "seconds": {"01-drift.check.sql": 0.5, "02-treat.gen.tell.sql": 4, "03-scan.gen.check.sql": 2},
    "checks": [
        {"check": "drift", "policy": 3, "ok": True, "unlisted": [], "missing": []},
        {"check": "truncated", "table": "public.log", "column": "*", "rows": 0, "bad": 0, "ok": True},
    ],
}


def test_a_report_has_the_durations_of_treatment_and_verification() -> None:
    report = report_from_json(json.dumps(KEPT))
    assert (report.policy, report.durations, len(report.treated)) == ("3", (4, 2.5), 1)


def test_an_older_report_has_no_durations() -> None:
    report = report_from_json(json.dumps({key: value for key, value in KEPT.items() if key != "seconds"}))
    assert report.seconds == {} and report.durations == (0, 0)


def test_what_fails_before_the_treatment_hides_what_follows_from_it() -> None:
    early = ReportCheck("inventory", False, "large objects", detail="object", rows=1, bad=1)
    report = SanitizingReport("1", (early, ReportCheck("treated", False, "public.a", "b"), early))
    assert report.failed == (early,)
    assert early.message == ("large objects: object found; remove it, or keep it with a reason in [objects]")
    lost = ReportCheck("rows", False, "public.a", "*", rows=50, bad=10)
    assert lost.message == "the table public.a has 50 rows, 10 more or fewer than in the copy"
    kept = ReportCheck("inventory", True, "large objects", detail="keep because they are logos", rows=1)
    assert kept.message == "large objects: keep because they are logos"
