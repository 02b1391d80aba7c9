"""An alert as an object, its SQL, and the rules for what can be created."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.aws.athena.queries import GlueTable
from ops.errors import InputError, QueryError
from ops.logs.alerts import model
from ops.logs.alerts.model import Alert, AlertRule, decode, encode, new_document, parse_alert
from ops.logs.alerts.query import alert_query
from ops.logs.engines.athena_relation import events
from ops.logs.lake.layout import Scope
from ops.logs.lake.lines.rules import Rule
from ops.logs.search.language.parser import parse
from tests.ops.functions.source import load

NOW = datetime(2026, 11, 24, 10, 7, tzinfo=UTC)
RULE = AlertRule("errors", "level:error", timedelta(minutes=5), "over", 5, "arn:topic")
TABLES = [
    GlueTable("logs_json", "s3://b/logs/json/", (), ("account", "region", "date", "hour"), (
        ("projection.account.type", "injected"), ("projection.region.type", "injected"),
    )),
    GlueTable("logs_cloudwatch", "s3://b/logs/cloudwatch/", (), ("date", "hour"), ()),
]  # fmt: skip


def document(**other: Any) -> dict[str, Any]:
    return new_document(replace(RULE, **other), "s3://b/logs/", {"sql": [], "parameters": []}, NOW)


def test_an_alert_is_the_same_after_it_was_written_and_read() -> None:
    alert = parse_alert(decode("alerts/errors.json", encode(document())))
    assert alert == Alert(RULE, False, datetime(2026, 11, 24, 9, 30, tzinfo=UTC))
    assert (alert.status, alert.is_late(NOW), alert.is_late(NOW + timedelta(hours=1))) == (
        "Not started",
        False,
        True,
    )


@pytest.mark.parametrize("body", [b"[", b"{}", b"[]", b'{"version": 2}', json.dumps({"version": 1}).encode()])
def test_an_object_that_is_not_an_alert_is_an_error(body: bytes) -> None:
    with pytest.raises(InputError):
        decode("alerts/x.json", body)


def test_resuming_never_goes_back() -> None:
    paused = model.paused(document())
    paused["state"]["judged_until"] = "2026-11-24T10:00:00Z"
    assert model.resumed(paused, NOW)["state"]["judged_until"] == "2026-11-24T10:00:00Z"
    later = model.resumed(paused, NOW + timedelta(hours=5))
    assert later["state"]["judged_until"] == "2026-11-24T14:30:00Z"
    assert model.resumed(document(), NOW + timedelta(hours=5)) == document(), "it was not paused"


@pytest.mark.parametrize(
    "other",
    [
        {"name": "../x"}, {"name": ""}, {"name": "A"}, {"window": timedelta(minutes=7)}, {"threshold": -1},
        {"comparison": "under", "threshold": 0}, {"search": "x" * 2001},
    ],
)  # fmt: skip
def test_what_cannot_be_judged_cannot_be_created(other: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        replace(RULE, **other).check()
    RULE.check()


def test_the_values_of_a_search_are_bound() -> None:
    hostile = "it's \x01'); DROP TABLE x; --"
    query = alert_query(parse(json.dumps(hostile)), TABLES)
    texts = "".join(piece for piece in query["sql"] if isinstance(piece, str))
    assert "DROP" not in texts and query["sql"][-1].count("?") == len(query["parameters"])
    assert any("it''s" in parameter for parameter in query["parameters"])
    names = [piece["name"] for piece in query["sql"] if not isinstance(piece, str)]
    assert sorted(names) == ["cloudwatch", "end", "json", "start"]


def test_a_rule_for_levels_cannot_add_a_piece() -> None:
    with pytest.raises(InputError, match="NUL"):
        alert_query(parse("x"), TABLES, [Rule("x", "\0(?P<token>a)", "whole")])
    query = alert_query(parse("x"), TABLES, [Rule("x", "SEV:(?P<token>a)", "whole")])
    assert query["rules"].endswith("-own")


def test_what_athena_cannot_run_is_refused() -> None:
    with pytest.raises((InputError, QueryError)):
        alert_query(parse('"' + "x" * 1100 + '"'), TABLES)


@pytest.mark.parametrize("minutes", [5, 60, 1440])
@pytest.mark.parametrize("start", ["2026-11-24T23:55:00", "2026-11-24T10:00:00", "2026-11-23T12:00:00"])
def test_the_function_reads_the_hours_that_a_search_reads(start: str, minutes: int) -> None:
    """The function adds to the SQL what a search of the same time range has, in the same or other words."""
    settings = {"BUCKET": "b", "PREFIX": "logs/", "DATABASE": "d", "WORK_GROUP": "d", "TOPICS": ""}
    module = load("log_alerts", **settings)
    begin = datetime.fromisoformat(start).replace(tzinfo=UTC)
    end = begin + timedelta(minutes=minutes)
    lake = module.Lake()
    lake.places = {"json": (["1"], ["r"])}
    whole = module.statement(alert_query(parse("x"), TABLES)["sql"], module.Window(begin, end), lake)
    searched = events(TABLES, Scope(begin, end), ["1"], ["r"])
    assert hours_of(whole) == hours_of(searched)
    first, last = (f"TIMESTAMP '{moment:%Y-%m-%d %H:%M:%S}.000'" for moment in (begin, end))
    assert f"ts >= {first} AND ts < {last}" in whole
    assert "account IN ('1') AND region IN ('r')" in whole


def hours_of(sql: str) -> list[set[str]]:
    """Return the hours around the time range that the partitions of each table's SELECT include."""
    import duckdb

    found = []
    for part in sql.split('FROM "logs_')[1:]:
        where = part.partition("WHERE ")[2].removeprefix("messagetype = 'DATA_MESSAGE' AND ")
        condition = where.partition(" UNION ALL")[0].partition(") AS delivered")[0]
        rows = (
            duckdb.connect()
            .execute(
                "SELECT strftime(one, '%Y-%m-%d %H') FROM (SELECT one, strftime(one, '%Y-%m-%d') AS date, "
                "strftime(one, '%H') AS hour, '1' AS account, 'r' AS region FROM generate_series("
                "TIMESTAMP '2026-11-22', TIMESTAMP '2026-11-27', INTERVAL 1 HOUR) AS s(one)) "
                f"WHERE {condition}"
            )
            .fetchall()
        )
        found.append({row[0] for row in rows})
    assert found and all(found)
    return found
