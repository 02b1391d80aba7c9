"""The scheduled compaction in AWS: readers see every event exactly once, whatever fails."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ops.aws.cloud import Cloud
from ops.embedded.lifecycle import RunningCloud
from ops.errors import NotFound
from ops.logs.compaction.athena import find_compactor
from ops.logs.compaction.local import CompactionFailed, compact_hours, plan_compaction
from ops.logs.engines import duckdb as duckdb_engine
from ops.logs.lake.layout import LogFormat
from ops.logs.search import exploration
from ops.logs.search.language.parser import parse
from ops.logs.search.model import Search
from ops.logs.search.saved.queries import FOLDER, load_queries
from ops.plan import Readiness, Running
from tests.end_to_end.compacting import BEGINS, Disturbed, Export, Hour, Killed, Put, an_hour
from tests.ops.embedded.overlay import client
from tests.ops.functions.source import Context
from tests.ops.logs.made_events import rows

QUERIES, _ = load_queries([FOLDER])
NASTY = [
    "", "two\nlines", "tab\t and \\t", "\\", "it's; DROP TABLE events; --", "emoji \U0001f69a 12ab",
    "größe12 é1a 1aé ab12é", "12 34 56 78 deadbeef 7 x9f a_1b", "3f2a-17 took 0x1F ms", "ERROR é 12",
]  # fmt: skip
LONG = Context(900)
SEARCHES = [
    "cannot -11", "level:error", "group:/app* -level:fatal", "/reach \\d+/", '"took 0x1F"', "12ab",
    "/(?i)REACH/c", "größe12", 'pattern:"ERROR cannot reach *"',
    'template:"ERROR cannot reach *"', "3f2a", "deadbeef", "id:n3", "a_1b",
]  # fmt: skip


def thorough(value: object) -> Any:
    return pytest.param(value, marks=pytest.mark.thorough)


FORMATS = [LogFormat.JSON, thorough(LogFormat.RAW)]


@pytest.fixture(scope="module")
def export(embedded: RunningCloud, cloud: Cloud) -> Iterator[Export]:
    export = Export(embedded, cloud)
    yield export
    export.close()


@pytest.fixture
def hour(export: Export, tmp_path: Path) -> Iterator[Hour]:
    with an_hour(export, tmp_path / "cache") as hour:
        yield hour


@pytest.fixture
def module(export: Export) -> Any:
    return export.module()


def made() -> list[Put]:
    """Return events for the saved queries, and unusual ones, within the hour."""
    told = [
        Put(message, number, f"{number:03}", group) for number, (group, _, message, _) in enumerate(rows())
    ]
    return told + [Put(message, 100 + n, f"n{n}") for n, message in enumerate(NASTY)]


def put_some(hour: Hour, kind: LogFormat = LogFormat.JSON) -> None:
    hour.put(kind, [Put("one 1", 1, "1"), Put("two 2", 2, "2")])
    hour.put(kind, [Put("three 3", 3, "3")])


@pytest.mark.parametrize("kind", FORMATS)
def test_the_scheduled_compaction_does_not_change_results(hour: Hour, kind: LogFormat) -> None:
    events = made()
    for start in (0, 7, 14):
        hour.put(kind, events[start : start + 7])
    hour.put(kind, events[21:])
    if kind is LogFormat.JSON:
        hour.put(kind, [*events[:3], Put("only here", 50, "only")])  # delivered twice
    everything, on_athena = hour.rows(), hour.athena_rows()
    answers = {query.name: hour.rows(query.sql, **query.bound({})) for query in QUERIES}
    sources = hour.keys(kind)

    answer, failed = hour.export.call({})
    assert not failed, answer["errorMessage"]
    assert hour.standing() == (len(sources), 0)
    assert (answer["failed"], answer["not_begun"]) == ({}, 0)
    assert answer["events"] >= len(everything)
    assert hour.rows() == everything == on_athena == hour.athena_rows()
    assert {query.name: hour.rows(query.sql, **query.bound({})) for query in QUERIES} == answers
    assert hour.keys(kind) == sources

    answer, failed = hour.export.call(hour.event)
    assert (failed, answer["hours"], answer["events"]) == (False, 0, 0), "nothing is left to do"


@pytest.mark.thorough
@pytest.mark.parametrize("many", [20_000, 0], ids=["by patterns", "directly"])
def test_a_search_finds_the_same_before_and_after(
    hour: Hour, module: Any, many: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(duckdb_engine, "MANY_PATTERNS", many)
    for start in (0, 12):
        hour.put(LogFormat.JSON, made()[start : start + 12])
    hour.put(LogFormat.JSON, made()[24:])
    before = {text: found(hour, text) for text in SEARCHES}
    assert all(before.values())
    module.handler(hour.event, LONG)
    assert hour.standing() == (3, 0)
    assert {text: found(hour, text) for text in SEARCHES} == before


def found(hour: Hour, text: str) -> list[str]:
    events = exploration.newest(hour.engine, Search(hour.scope, parse(text)), 100)
    return [event.key for event in events]


def test_the_schedule_invokes_it_and_its_role_cannot_change_sources(
    embedded: RunningCloud, hour: Hour
) -> None:
    events, iam = client(embedded, "events"), client(embedded, "iam")
    arn = hour.export.lambda_.get_function_configuration(FunctionName=hour.export.outputs["Compactor"])
    targets = [
        target["Arn"]
        for rule in events.list_rules(NamePrefix=hour.export.name)["Rules"]
        if rule.get("ScheduleExpression") == "rate(1 hour)"
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
    ]
    assert arn["FunctionArn"] in targets
    document = iam.get_role_policy(RoleName=arn["Role"].rpartition("/")[2], PolicyName="compact")
    writes = {
        resource
        for statement in document["PolicyDocument"]["Statement"]
        if {"s3:PutObject", "s3:DeleteObject"} & set(statement["Action"])
        for resource in statement["Resource"]
    }
    where = f"arn:aws:s3:::{hour.export.bucket}/logs/"
    assert writes == {f"{where}compacted/*", f"{where}results/*"}


def test_late_events_become_another_part_without_duplicates(hour: Hour, module: Any) -> None:
    put_some(hour)
    module.handler(hour.event, LONG)
    hour.put(LogFormat.JSON, [Put("two 2", 2, "2"), Put("late", 4, "4")])
    wanted = ["late", "one 1", "three 3", "two 2"]
    assert hour.messages() == wanted
    assert module.handler(hour.event, LONG)["events"] == 1
    assert hour.standing() == (3, 0)
    assert hour.messages() == wanted


@pytest.mark.thorough
def test_many_objects_are_compacted_in_batches_without_duplicates(hour: Hour, module: Any) -> None:
    for number in range(5):
        hour.put(LogFormat.JSON, [Put(f"event {number}", number, str(number)), Put("the same", 9, "same")])
    module.BATCH_BYTES = 1
    module.handler(hour.event, LONG)
    assert hour.standing() == (5, 0)
    assert len(hour.parts) == 5
    assert hour.messages() == [*(f"event {n}" for n in range(5)), "the same"]


def test_parts_of_the_local_compaction_are_kept(hour: Hour, module: Any) -> None:
    put_some(hour)
    (partition,) = {obj.partition for obj in hour.engine.list(hour.scope, fresh=True).fresh}
    objects = list(hour.engine.list(hour.scope, fresh=True).fresh)
    compact_hours(hour.engine.loader, hour.export.location, {partition: objects})
    hour.put(LogFormat.JSON, [Put("two 2", 2, "2"), Put("late", 4, "4")])
    module.handler(hour.event, LONG)
    assert hour.standing() == (3, 0)
    hour.put(LogFormat.JSON, [Put("late", 4, "4"), Put("later", 5, "5")])
    fresh = list(hour.engine.list(hour.scope, fresh=True).fresh)
    compact_hours(hour.engine.loader, hour.export.location, {partition: fresh})
    assert hour.standing() == (4, 0)
    assert hour.messages() == ["late", "later", "one 1", "three 3", "two 2"]


def test_an_incomplete_hour_and_other_formats_are_not_compacted(hour: Hour, module: Any) -> None:
    put_some(hour)
    hour.put(LogFormat.CLOUDWATCH, [Put("by arrival", 5, "5")], name=f"{hour.account}.gz")
    now = module.datetime.now(module.UTC)
    event = {**hour.event, "first": f"{now:%Y-%m-%dT%H}", "last": f"{now:%Y-%m-%dT%H}"}
    assert module.handler(event, LONG)["events"] == 0
    module.handler(hour.event, LONG)
    assert hour.messages() == ["by arrival", "one 1", "three 3", "two 2"]
    hour.export.store.delete(f"{hour.folder(LogFormat.CLOUDWATCH)}{hour.account}.gz")


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_object_is_not_compacted_and_is_reported(hour: Hour, module: Any, kind: LogFormat) -> None:
    put_some(hour, kind)
    line = Put("good", 4, "4").encoded(kind, hour.account)
    bad = hour.put_bytes(kind, f"{line}\nno event\n".encode(), name="bad")
    cut = hour.put_bytes(kind, b"\x1f\x8b\x08 this is no gzip", name="cut.gz")
    before = hour.rows()
    report = module.handler(hour.event, LONG)
    assert sorted(text.partition(":")[0] for text in report["left"]) == sorted([bad, cut])
    assert hour.standing() == (2, 2)
    assert hour.rows() == before


def disturb(module: Any, before: Any) -> None:
    module.s3, module.athena = (Disturbed(one, before) for one in (module.s3, module.athena))


def crash_before(hour: Hour, export: Export, crash: int) -> bool:
    """Crash before a call: results stay, and the next run succeeds. Return whether the call was reached."""
    before = hour.rows()
    calls: Counter[str] = Counter()

    def die(name: str) -> None:
        if name != "get_query_execution":  # the number of polls depends on timing
            calls["all"] += 1
        if calls["all"] >= crash:
            raise Killed

    module = export.module()
    disturb(module, die)
    try:
        module.handler(hour.event, LONG)
        survived = True
    except Killed:
        survived = False
    assert hour.rows() == before, crash
    module = export.module()
    module.handler(hour.event, LONG)
    assert hour.standing() == (2, 0), crash
    assert hour.rows() == before, crash
    left = [part for part in hour.parts if part.split("/")[-2] not in named(hour)]
    assert len(left) <= 1
    module.ABANDONED = module.timedelta(0)
    module.handler(hour.event, LONG)
    assert {part.split("/")[-2] for part in hour.parts} == named(hour), crash
    for key in hour.keys(LogFormat.COMPACTED):
        export.store.delete(key)
    return not survived


@pytest.mark.parametrize("crash", [thorough(2), 8, thorough(14)])
def test_a_crash_does_not_change_results_and_the_next_run_succeeds(
    hour: Hour, export: Export, crash: int
) -> None:
    put_some(hour)
    assert crash_before(hour, export, crash)


@pytest.mark.thorough
def test_a_crash_between_any_two_calls_does_not_change_results(hour: Hour, export: Export) -> None:
    put_some(hour)
    crash = next(crash for crash in range(1, 100) if not crash_before(hour, export, crash))
    assert crash > 15, "there are that many calls"


def named(hour: Hour) -> set[str]:
    """Return the folders of the parts that the manifest names."""
    manifest = json.loads(hour.export.store.read(f"{hour.folder(LogFormat.COMPACTED)}_manifest.json"))
    return {part["name"].partition("/")[0] for part in manifest["parts"]}


@pytest.mark.parametrize("query", [thorough(1), 2, thorough(3)], ids=["counted", "unloaded", "counted again"])
@pytest.mark.parametrize("what", ["another object", thorough("the same object again")])
def test_an_object_that_arrives_during_compaction_is_never_lost(
    hour: Hour, module: Any, query: int, what: str
) -> None:
    put_some(hour)
    run, asked = module.run, []

    def meanwhile(sql: str, deadline: float) -> Any:
        answer = run(sql, deadline)
        asked.append(sql)
        if len(asked) == query:
            name = "between.gz" if what == "another object" else "0001.gz"
            hour.put(
                LogFormat.JSON, [Put("one 1", 1, "1"), Put("two 2", 2, "2"), Put("new", 3, "9")], name=name
            )
        return answer

    module.run = meanwhile
    if what == "another object":
        module.handler(hour.event, LONG)
    else:
        with pytest.raises(module.HoursNotCompacted, match=r"were counted|changed during compaction"):
            module.handler(hour.event, LONG)
        assert hour.parts == []
    assert hour.messages() == ["new", "one 1", "three 3", "two 2"]
    module.run = run
    module.handler(hour.event, LONG)
    assert hour.standing()[1] == 0
    assert hour.messages() == ["new", "one 1", "three 3", "two 2"]


@pytest.mark.parametrize("fault", ["fails", *map(thorough, ("throttles", "refuses", "takes too long"))])
@pytest.mark.parametrize(
    "query",
    [thorough(1), 2, thorough(3)],
    ids=["count", "unload", "count again"],
)
def test_if_athena_fails_the_hour_is_unchanged_and_nothing_is_left(
    hour: Hour, module: Any, fault: str, query: int
) -> None:
    put_some(hour)
    before = hour.rows()
    run, asked = module.run, []

    def faulty(sql: str, deadline: float) -> Any:
        asked.append(sql)
        if len(asked) != query:
            return run(sql, deadline)
        if fault == "fails":
            return run(sql.replace("log_group", "no_such_column").replace("path", "no_such_path"), deadline)
        if fault == "takes too long":
            return run(sql, 0.0)
        code = "TooManyRequestsException" if fault == "throttles" else "AccessDeniedException"
        raise ClientError({"Error": {"Code": code, "Message": "not now"}}, "StartQueryExecution")

    module.run = faulty
    with pytest.raises(module.HoursNotCompacted) as raised:
        module.handler(hour.event, LONG)
    told = json.loads(str(raised.value))
    assert list(told["failed"]) == [hour.folder(LogFormat.JSON)]
    assert (hour.rows(), hour.parts) == (before, [])
    module.run = run
    module.handler(hour.event, LONG)
    assert hour.standing() == (2, 0)
    assert hour.rows() == before


@pytest.mark.parametrize("other", ["the schedule", "the command"])
def test_of_two_concurrent_runs_one_succeeds(hour: Hour, module: Any, export: Export, other: str) -> None:
    put_some(hour)
    before = hour.rows()
    run, asked = module.run, []

    def meanwhile(sql: str, deadline: float) -> Any:
        answer = run(sql, deadline)
        asked.append(sql)
        if len(asked) == 3 and other == "the schedule":
            export.module().handler(hour.event, LONG)
        elif len(asked) == 3:
            objects = list(hour.engine.list(hour.scope, fresh=True).fresh)
            compact_hours(hour.engine.loader, export.location, {objects[0].partition: objects})
        return answer

    module.run = meanwhile
    assert module.handler(hour.event, LONG)["events"] == 0
    assert len(hour.parts) == 1
    assert hour.standing() == (2, 0)
    assert hour.rows() == before


def test_a_write_whose_response_was_lost_is_kept(hour: Hour, module: Any) -> None:
    put_some(hour)
    write = module.write_manifest

    def lost(*arguments: Any) -> bool:
        write(*arguments)
        return bool(write(*arguments))  # botocore retries the call

    module.write_manifest = lost
    assert module.handler(hour.event, LONG)["events"] == 3
    assert hour.standing() == (2, 0)
    assert hour.messages() == ["one 1", "three 3", "two 2"]


@pytest.mark.thorough
def test_hours_without_time_left_are_for_the_next_run(hour: Hour, module: Any) -> None:
    put_some(hour)
    report = module.handler(hour.event, Context(120))
    assert (report["not_begun"], report["events"], hour.parts) == (1, 0, [])


def test_a_missing_part_is_made_again(hour: Hour, module: Any) -> None:
    put_some(hour)
    module.handler(hour.event, LONG)
    (part,) = hour.parts
    hour.export.store.delete(part)
    assert hour.messages() == ["one 1", "three 3", "two 2"]
    module.handler(hour.event, LONG)
    assert hour.standing() == (2, 0)
    assert hour.messages() == ["one 1", "three 3", "two 2"]


def test_the_command_compacts_with_the_function(hour: Hour, cloud: Cloud) -> None:
    put_some(hour)
    before = hour.rows()
    said: list[str] = []
    plan = plan_compaction(hour.engine, hour.scope, maker=find_compactor(cloud, hour.export.location))
    assert [step.actions for step in plan.steps] == [("lambda:InvokeFunction",)]
    plan.steps[0].act(Running(said.append, {}))
    assert said == ["Compacted hours: 1, events: 3"]
    assert plan.steps[0].check().readiness is Readiness.DONE
    assert hour.rows() == before
    assert plan_compaction(hour.engine, hour.scope).steps == ()


@pytest.mark.thorough
def test_the_command_reports_the_functions_failure(hour: Hour, cloud: Cloud) -> None:
    put_some(hour)
    hour.put_bytes(LogFormat.COMPACTED, b'{"version": 7, "parts": []}', name="_manifest.json")
    maker = find_compactor(cloud, hour.export.location)
    (step,) = plan_compaction(hour.engine, hour.scope, maker=maker).steps
    with pytest.raises(CompactionFailed, match=r"Hours that failed: 1\. .* has version 7"):
        step.act(Running(print, {}))
    with pytest.raises(NotFound, match="has a compactor function"):
        find_compactor(cloud, replace(hour.export.location, bucket="another"))


def test_an_invalid_manifest_is_reported_and_kept(hour: Hour, module: Any) -> None:
    put_some(hour)
    hour.put_bytes(LogFormat.COMPACTED, b'{"version": 7, "parts": []}', name="_manifest.json")
    with pytest.raises(module.HoursNotCompacted, match="has version 7"):
        module.handler(hour.event, LONG)
    assert hour.messages() == ["one 1", "three 3", "two 2"]
    assert BEGINS.minute == 0
