"""Filters of the page Audit."""

from dataclasses import replace

from app.audit.views import matching
from ops.audit import Record

DONE = Record("t", "ada", "page", "Plan [1]", "a", "Delete b", "AWS::S3::Bucket b", "1", "eu-west-1", "done")
STARTED = replace(DONE, result="started")
LOST = replace(STARTED, plan="Plan [2]")
FAILED = replace(DONE, actor="Bob", plan="Plan [3]", result="failed", reason="no access to B")
ALL = [FAILED, LOST, DONE, STARTED]


def test_start_of_a_finished_step_is_left_out() -> None:
    assert matching(ALL, "", []) == [FAILED, LOST, DONE]


def test_every_word_must_occur_in_some_field_in_any_case() -> None:
    assert matching(ALL, "bob ACCESS", []) == [FAILED]
    assert matching(ALL, "delete eu-west", ["done"]) == [DONE]
    assert matching(ALL, "nobody", []) == []


def test_results_are_filtered() -> None:
    assert matching(ALL, "", ["started"]) == [LOST, STARTED]
