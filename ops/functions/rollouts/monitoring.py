"""Reads alarms and metrics as evidence for the rules. What cannot be read counts as missing data."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ops.functions.rollouts import store
from ops.functions.rollouts.aws import target_client
from ops.functions.rollouts.hooks.calling import read_hooks
from ops.functions.shared.records import log
from ops.rollouts.rules.decisions import ManualControls, RolloutFacts, TargetState, required_points
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.evidence import ALARM, DataPoint, Observation
from ops.rollouts.rules.model import EvidenceMetric, RolloutTarget

Record = dict[str, Any]
AccountRegion = tuple[str, str]

AT_ONCE = 16
NAMES = 100  # alarms a call: CloudWatch API Reference, DescribeAlarms
POINTS = 1440  # data points a call: CloudWatch API Reference, GetMetricStatistics
MINUTE = 60


def read_facts(document: Document, *, only: RolloutTarget | None = None) -> RolloutFacts:
    """Return the current facts for the rules. With `only`, observe just this target and the neighbors."""
    known = read_stored_facts(document)
    observed = [only] if only else list(_monitored(document, known))
    return replace(known, observations=_observe(document, known, observed))


def read_stored_facts(document: Document) -> RolloutFacts:
    """Return the facts that are stored in the table, without observations."""
    run = store.get(document.run, "run")
    targets = {
        item["item"].removeprefix(store.TARGET): item
        for item in store.list_items(document.run, store.TARGET)
        if item.get("begun")
    }
    controls = json.loads(run.get("orders", "{}"))
    skips = {int(number): why for number, why in controls.pop("skips", {}).items()}
    freeze = store.get(store.FREEZE, "freeze").get("why", "")
    bake_started = {
        int(n): datetime.fromisoformat(at) for n, at in json.loads(run.get("baking", "{}")).items()
    }
    return RolloutFacts(
        now=store.now(),
        started={name: datetime.fromisoformat(item["begun"]) for name, item in targets.items()},
        states={name: TargetState(item["state"]) for name, item in targets.items()},
        bake_started=bake_started,
        baked=frozenset(json.loads(run.get("baked", "[]"))),
        stopped=run.get("stopped", ""),
        controls=ManualControls(**controls, freeze=freeze, skips=skips),
        asked={gate: datetime.fromisoformat(at) for gate, at in json.loads(run.get("asked", "{}")).items()},
        hooks=read_hooks(document.run),
    )


def _monitored(document: Document, known: RolloutFacts) -> Iterator[RolloutTarget]:
    """Yield the started targets and those of the next stage."""
    next_stage = next((n for n in range(len(document.stages)) if n not in known.baked), -1)
    for number, target in document.targets.values():
        if target.id in known.started or number == next_stage:
            yield target


def _observe(
    document: Document, known: RolloutFacts, targets: Sequence[RolloutTarget]
) -> dict[str, Observation]:
    rollout = document.rollout
    alarms: dict[AccountRegion, set[str]] = {}
    for target in targets:
        alarms.setdefault((target.account, target.region), set()).update(target.alarms)
    for neighbor in rollout.neighbors:
        alarms.setdefault((neighbor.account, neighbor.region), set()).add(neighbor.alarm)
    since = min(known.started.values(), default=known.now) - timedelta(seconds=1)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        read = pool.map(lambda item: _alarms(item[0], item[1], since), alarms.items())
        alarms_read = dict(zip(alarms, read, strict=True))
        points = list(pool.map(lambda target: _points(document, known, target), targets))
    observations = {
        target.id: _observe_target(
            document, known, target, alarms_read[target.account, target.region], target_points
        )
        for target, target_points in zip(targets, points, strict=True)
    }
    for neighbor in rollout.neighbors:
        states, fired = alarms_read[neighbor.account, neighbor.region]
        observations[neighbor.name] = Observation(
            neighbor.name,
            expected_alarms=(neighbor.alarm,),
            alarm_states=_only(states, (neighbor.alarm,)),
            fired=tuple((name, at) for name, at in fired if name == neighbor.alarm),
            is_target=False,
        )
    return observations


def _observe_target(
    document: Document,
    known: RolloutFacts,
    target: RolloutTarget,
    alarms_read: tuple[dict[str, str], list[tuple[str, datetime]]],
    points: tuple[DataPoint, ...],
) -> Observation:
    states, fired = alarms_read
    number, _ = document.targets[target.id]
    failed = known.states.get(target.id) is TargetState.FAILED
    baking = number in known.bake_started and number not in known.baked
    return Observation(
        target.id,
        required_points=required_points(document.stages[number], target, known) if baking else 0,
        data_points=points,
        expected_alarms=() if failed else target.alarms,
        alarm_states=_only(states, target.alarms),
        fired=tuple((name, at) for name, at in fired if name in target.alarms),
    )


def _only(states: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: states[name] for name in names if name in states}


def _alarms(
    place: AccountRegion, names: set[str], since: datetime
) -> tuple[dict[str, str], list[tuple[str, datetime]]]:
    """Return the alarm states by name, and when which alarm fired; nothing when they cannot be read."""
    try:
        alarms = describe_alarms(*place, sorted(names))
        fired = [
            (name, alarm["StateUpdatedTimestamp"])
            for name, alarm in alarms.items()
            if alarm["StateValue"] == ALARM
        ]
        fired += [(name, at) for name in alarms for at in _alarm_history(place, name, since)]
    except Exception as error:  # whatever the cause, the alarms' states are unknown
        log("WARNING", "Cannot read alarms", account=place[0], region=place[1], error=type(error).__name__)
        return {}, []
    return {name: alarm["StateValue"] for name, alarm in alarms.items()}, sorted(set(fired))


def describe_alarms(account: str, region: str, names: Sequence[str]) -> dict[str, Record]:
    """Return the existing metric and composite alarms by name."""
    alarms: dict[str, Record] = {}
    client = target_client("cloudwatch", account, region) if names else None
    for start in range(0, len(names), NAMES):
        response = client.describe_alarms(  # type: ignore[union-attr]
            AlarmNames=list(names[start : start + NAMES]),
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            MaxRecords=NAMES,
        )
        for alarm in (*response.get("MetricAlarms", []), *response.get("CompositeAlarms", [])):
            alarms[alarm["AlarmName"]] = alarm
    return alarms


def _alarm_history(place: AccountRegion, name: str, since: datetime) -> Iterator[datetime]:
    pages = (
        target_client("cloudwatch", *place)
        .get_paginator("describe_alarm_history")
        .paginate(
            AlarmName=name,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            HistoryItemType="StateUpdate",
            StartDate=since,
        )
    )
    for item in (entry for page in pages for entry in page["AlarmHistoryItems"]):
        if _entered_alarm(item):
            yield item["Timestamp"]


def _entered_alarm(item: Record) -> bool:
    if data := item.get("HistoryData"):
        return bool(json.loads(data).get("newState", {}).get("stateValue") == ALARM)
    return str(item.get("HistorySummary", "")).endswith(f"to {ALARM}")


def _points(document: Document, known: RolloutFacts, target: RolloutTarget) -> tuple[DataPoint, ...]:
    """Return the data points since the bake started; none when they are not needed or cannot be read."""
    number, _ = document.targets[target.id]
    metric = target.metric
    started = known.bake_started.get(number)
    if metric is None or started is None or number in known.baked:
        return ()
    try:
        return tuple(_measured(metric, target, started, known.now))
    except Exception as error:  # whatever the cause, the data points are missing
        log("WARNING", "Cannot read a metric", target=target.id, error=type(error).__name__)
        return ()


def _measured(
    metric: EvidenceMetric, target: RolloutTarget, bake_started: datetime, now: datetime
) -> Iterator[DataPoint]:
    """Yield data points of full minutes; the minute in which the bake started is included."""
    start = bake_started.replace(second=0, microsecond=0)
    minutes = max(1, int((now - start).total_seconds() // MINUTE) + 1)
    period = MINUTE * -(-minutes // POINTS)
    response = target_client("cloudwatch", target.account, target.region).get_metric_statistics(
        Namespace=metric.namespace,
        MetricName=metric.metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        StartTime=start,
        EndTime=now + timedelta(seconds=1),
        Period=period,
        Statistics=[metric.statistic],
    )
    for point in response["Datapoints"]:
        yield DataPoint(max(point["Timestamp"], bake_started), point[metric.statistic])
