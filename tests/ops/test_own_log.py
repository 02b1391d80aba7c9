"""Slipway's own log: formats, level, ids of failures, and nothing that a user typed or read."""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops import own_log
from ops.cli import main
from ops.errors import (
    AccessDenied,
    NotAllowed,
    NotFound,
    PlanRefused,
    QueryError,
    SessionExpired,
    SlipwayError,
)
from ops.own_log import JsonLines, Level, Text, configure, record_failure

SECRET = "hunter2-of-a-customer"
log = logging.getLogger("ops.of_a_test")


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Undo what `configure` does to the process."""
    root, hook = logging.getLogger(), threading.excepthook
    level = root.level
    yield
    own_log._recorded.clear()
    threading.excepthook = hook
    root.setLevel(level)
    for handler in [each for each in root.handlers if isinstance(each, own_log.Output)]:
        root.removeHandler(handler)
    for name in own_log.OWN:
        logging.getLogger(name).setLevel(logging.NOTSET)


def raised(make: Callable[[], BaseException]) -> BaseException:
    """Return the error as it is after it was raised because of another one with a secret."""
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise make() from cause
    except BaseException as error:
        return error


def records(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert SECRET not in captured.err
    return [json.loads(line) for line in captured.err.splitlines()]


def test_json_lines_have_the_fields_of_their_records(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Level.INFO, as_json=True)
    log.info("Step started", extra={"step": 'a "step"\nof two lines', "attempts": 2})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith('{"level": "INFO", ')  # a log search looks for the level at the start
    record = json.loads(line)
    assert record.pop("time").endswith("+00:00")
    assert record == {
        "level": "INFO",
        "logger": "ops.of_a_test",
        "message": "Step started",
        "step": 'a "step"\nof two lines',
        "attempts": 2,
    }


def test_text_is_one_line_in_which_no_value_looks_like_another_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure(Level.INFO, as_json=False)
    log.info("Step started", extra={"step": "x\nlevel=ERROR", "region": "eu-west-1"})
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(' INFO ops.of_a_test: Step started step="x\\nlevel=ERROR" region=eu-west-1')


@pytest.mark.parametrize("level", Level)
def test_the_level_is_that_of_slipway_s_own_records(level: Level, capsys: pytest.CaptureFixture[str]) -> None:
    configure(level, as_json=True)
    for each in Level:
        log.log(logging.getLevelNamesMapping()[each.upper()], each)
    logging.getLogger("botocore.endpoint").info("Making request with %s", {"password": SECRET})
    expected = list(Level)[list(Level).index(level) :]
    assert [record["message"] for record in records(capsys)] == expected


def test_the_level_can_be_written_in_capitals_and_another_one_is_invalid() -> None:
    assert Level("INFO") is Level.INFO
    with pytest.raises(ValueError, match="loud"):
        Level("loud")


def test_configuring_again_does_not_log_twice(capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        configure(Level.INFO, as_json=True)
    log.info("Once")
    assert len(records(capsys)) == 1


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    "error", [ValueError(SECRET), NotFound(SECRET, hint=SECRET, detail=SECRET)], ids=repr
)
def test_a_failure_is_logged_with_its_id_and_its_frames_but_no_message(
    error: Exception, as_json: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(Level.WARNING, as_json=as_json)
    id = record_failure(raised(lambda: error))
    written = capsys.readouterr().err
    assert len(id) == 8 and id in written
    assert type(error).__name__ in written and "KeyError" in written and " in raised" in written
    assert SECRET not in written


def test_an_error_of_aws_is_logged_with_its_code_and_operation(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Level.WARNING, as_json=True)
    error = AccessDenied(SECRET, code="AccessDenied", operation="DescribeStacks", detail=SECRET)
    id = record_failure(raised(lambda: error))
    (record,) = records(capsys)
    assert (record["id"], record["error"]) == (id, "AccessDenied")
    assert (record["code"], record["operation"]) == ("AccessDenied", "DescribeStacks")


def test_the_same_failure_has_one_id_and_is_logged_once_a_minute(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(Level.WARNING, as_json=True)

    def fail(number: int) -> str:
        return record_failure(raised(lambda: NotFound(f"Stack {number} does not exist")))

    assert fail(1) == fail(1) != fail(2)
    assert len(records(capsys)) == 2
    monkeypatch.setattr(own_log, "REPEAT_S", 0.0)
    fail(1)
    assert len(records(capsys)) == 1


@pytest.mark.parametrize("kind", [QueryError, NotAllowed, SessionExpired, PlanRefused])
def test_an_answer_to_what_a_user_did_is_no_failure(
    kind: Callable[..., SlipwayError], capsys: pytest.CaptureFixture[str]
) -> None:
    configure(Level.DEBUG, as_json=True)
    more = {"text": SECRET} if kind is QueryError else {}
    assert record_failure(kind(SECRET, **more)) == ""
    assert records(capsys) == []


def test_a_library_s_record_of_an_error_does_not_quote_it(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Level.WARNING, as_json=True)
    error = raised(lambda: ValueError(SECRET))
    logging.getLogger("asyncio").error("Task failed\nexception=%r", error, exc_info=error)
    (record,) = records(capsys)
    assert (record["message"], record["error"]) == ("Task failed", "ValueError")


def test_a_failed_thread_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure(Level.WARNING, as_json=True)
    thread = threading.Thread(target=lambda: int(SECRET))
    thread.start()
    thread.join()
    (record,) = records(capsys)
    assert (record["level"], record["error"]) == ("ERROR", "ValueError")


def test_the_command_line_logs_to_stderr_and_only_if_verbose(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPWAY_CLOUD", "aws")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    command = ["snapshots", "databases", "--account", "unknown", "--json"]
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert main(command) == 1
    quiet = capsys.readouterr()
    assert json.loads(quiet.out)["error"]["type"] == "Unreachable"
    assert quiet.err == ""
    assert main([*command, "--verbose"]) == 1
    verbose = capsys.readouterr()
    assert verbose.out == quiet.out
    assert (
        "INFO ops.aws.client.call_log: AWS call failed service=sts operation=GetCallerIdentity" in verbose.err
    )
    assert "INFO ops.cli: Command failed error=Unreachable" in verbose.err
    assert SECRET not in verbose.err


def test_formatters_have_the_same_fields() -> None:
    record = logging.makeLogRecord({"msg": "x", "name": "ops", "levelname": "INFO", "a": 1})
    assert json.loads(JsonLines().format(record))["a"] == 1
    assert Text().format(record).endswith(" a=1")
