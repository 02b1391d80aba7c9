"""Athena failing, throttling, refusing: each in words, with what to do."""

from types import SimpleNamespace
from typing import Any

import pytest
from awswrangler import exceptions
from botocore.exceptions import ClientError

from ops import errors
from ops.aws.athena import queries as athena
from ops.aws.athena.queries import AthenaTarget, FinishedQuery, QueryStopped, RunningQuery

PLACE = AthenaTarget("111111111111", "eu-west-1", "logs", "logs")
CLOUD: Any = SimpleNamespace(session=lambda account, region: None)


class Wrangler:
    """awswrangler's functions that are used, answering with the given states."""

    exceptions = exceptions

    def __init__(self, *states: Any) -> None:
        self.athena = self
        self.stopped = False
        self._states = list(states)

    def start_query_execution(self, sql: str, **_: Any) -> str:
        if isinstance(self._states[0], Exception):
            raise self._states[0]
        return "q1"

    def get_query_execution(self, id_: str, **_: Any) -> dict[str, Any]:
        found = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        if isinstance(found, Exception):
            raise found
        state, _, reason = found.partition(" ")
        return {
            "QueryExecutionId": id_,
            "Status": {"State": state, "StateChangeReason": reason},
            "Statistics": {"DataScannedInBytes": 7, "EngineExecutionTimeInMillis": 1500},
            "ResultConfiguration": {"OutputLocation": "s3://out/q1.csv"},
        }

    def stop_query_execution(self, id_: str, **_: Any) -> None:
        self.stopped = True


def run(monkeypatch: pytest.MonkeyPatch, wrangler: Wrangler, **others: Any) -> FinishedQuery:
    monkeypatch.setattr(athena, "_wrangler", lambda: wrangler)
    return athena.run(CLOUD, PLACE, "SELECT 1", sleep=lambda seconds: None, **others)


def throttled(operation: str) -> ClientError:
    return ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, operation)


@pytest.mark.parametrize(
    "states", [(throttled("StartQueryExecution"),), ("QUEUED", throttled("GetQueryExecution"))]
)
def test_throttling_is_reported(monkeypatch: pytest.MonkeyPatch, states: tuple[Any, ...]) -> None:
    with pytest.raises(errors.Throttled, match="Athena") as caught:
        run(monkeypatch, Wrangler(*states))
    assert caught.value.hint


@pytest.mark.parametrize(
    ("reason", "kind", "words"),
    [
        ("Bytes scanned limit was exceeded", errors.InputError, "exceeded the data limit of the workgroup"),
        ("COLUMN_NOT_FOUND: line 1:8: Column 'x'", errors.InputError, "rejected the query: COLUMN_NOT_FOUND"),
        ("Query exhausted resources at this scale factor", errors.AwsError, "ran out of resources"),
        ("GENERIC_INTERNAL: no", errors.AwsError, "The Athena query failed"),
        ("", errors.AwsError, "The Athena query failed"),
    ],
)
def test_a_failure_is_reported_with_a_hint(
    monkeypatch: pytest.MonkeyPatch, reason: str, kind: type[errors.SlipwayError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        run(monkeypatch, Wrangler("QUEUED", "RUNNING", f"FAILED {reason}"))
    assert caught.value.hint


def test_an_error_of_awswrangler_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(errors.AwsError, match="odd work group"):
        run(monkeypatch, Wrangler(exceptions.InvalidArgumentValue("odd work group")))
    with pytest.raises(ZeroDivisionError):  # what is nobody's is not dressed up
        run(monkeypatch, Wrangler(ZeroDivisionError()))


def test_progress_is_told_and_a_stop_reaches_athena(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[RunningQuery] = []
    finished = run(monkeypatch, Wrangler("QUEUED", "RUNNING", "SUCCEEDED"), report=seen.append)
    assert [one.state for one in seen] == ["QUEUED", "RUNNING", "SUCCEEDED"]
    assert (finished.scanned_bytes, finished.seconds, finished.reused) == (7, 1.5, False)
    wrangler = Wrangler("RUNNING")
    with pytest.raises(QueryStopped):
        run(monkeypatch, wrangler, cancelled=lambda: True)
    assert wrangler.stopped
    with pytest.raises(QueryStopped, match="by an admin"):
        run(monkeypatch, Wrangler("CANCELLED by an admin"))
