"""Which records a search of the audit shows."""

from dataclasses import replace

from app.audit.views import matching
from ops.audit import Record

DONE = Record("t", "ada", "page", "Plan [1]", "a", "Delete b", "AWS::S3::Bucket b", "1", "eu-west-1", "done")
STARTED = replace(DONE, result="started")
LOST = replace(STARTED, plan="Plan [2]")
FAILED = replace(DONE, actor="Bob", plan="Plan [3]", result="failed", reason="no access to B")
ALL = [FAILED, LOST, DONE, STARTED]


def test_a_step_that_has_ended_is_shown_by_its_end_and_one_that_has_not_by_its_start() -> None:
    assert matching(ALL, "", []) == [FAILED, LOST, DONE]


def test_every_word_is_looked_for_in_every_field_whatever_its_case() -> None:
    assert matching(ALL, "bob ACCESS", []) == [FAILED]
    assert matching(ALL, "delete eu-west", ["done"]) == [DONE]
    assert matching(ALL, "nobody", []) == []


def test_results_can_be_asked_for() -> None:
    assert matching(ALL, "", ["started"]) == [LOST, STARTED]
