"""The report for people and for scripts."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from ops.prove.report import FAILED, NOT_RUN, PASSED, ProofReport, ReportedStep, as_json, as_markdown

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
DONE = ReportedStep("Rollouts", "Roll out", PASSED, 3.0, "2 of 2 targets", "", "", "")
WORDS = "User: arn:aws:sts::1 is not authorized to perform: kms:CreateKey | ```"
REFUSED = ReportedStep(
    "Support stacks", "Deploy", FAILED, 1.0, "", "Refused a|b\x1b[31m", WORDS, "AccessDenied"
)
REPORT = ProofReport(
    "ab12cd", "0.2.0", START, START + timedelta(minutes=61), ("sandbox eu-west-1",), (DONE,), 0.1234, ()
)


def test_a_proof_passes_only_if_every_step_passed_and_nothing_is_left() -> None:
    not_run = replace(DONE, result=NOT_RUN)
    left = (("AWS::S3::Bucket", "b", "111111111111", "eu-west-1"),)
    assert REPORT.passed
    assert not replace(REPORT, steps=(DONE, not_run)).passed
    assert not replace(REPORT, steps=(DONE, REFUSED)).passed
    assert not replace(REPORT, left=left).passed


def test_the_markdown_has_the_verdict_the_cost_and_what_was_refused() -> None:
    text = as_markdown(REPORT)
    assert text.startswith("# Proof ab12cd: passed\n") and "about $0.12 (" in text and "61 min" in text
    assert "Failed steps" not in text and "Still there" not in text
    text = as_markdown(replace(REPORT, steps=(DONE, REFUSED)))
    assert text.startswith("# Proof ab12cd: not passed\n") and "1 passed, 1 failed, 0 not run" in text
    assert "| Refused a\\|b [31m |" in text
    assert "kms:CreateKey | '''" in text


def test_what_is_left_is_listed_with_the_command_that_deletes_it() -> None:
    left = (("AWS::S3::Bucket", "b", "111111111111", "eu-west-1"),)
    text = as_markdown(replace(REPORT, left=left))
    assert "- AWS::S3::Bucket `b` in 111111111111, eu-west-1" in text and "--clean-up" in text


def test_the_json_has_the_same() -> None:
    document = json.loads(as_json(replace(REPORT, steps=(DONE, REFUSED))))
    assert document["passed"] is False and document["dollars"] == 0.1234
    assert document["started"] == "2026-05-04T12:00:00+00:00"
    assert document["steps"][1]["detail"] == WORDS
