"""Alarms and metrics as the rules judge them. What cannot be read is missing data: that is not healthy."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from ops.functions.rollouts import store
from ops.functions.rollouts.aws import there
from ops.rollouts.rules.decisions import Facts, Orders, State, needed_points
from ops.rollouts.rules.document import Document
from ops.rollouts.rules.evidence import ALARM, DataPoint, Seen
from ops.rollouts.rules.rollout import Metric
from ops.rollouts.rules.waves import Target

Record = dict[str, Any]
Place = tuple[str, str]

AT_ONCE = 16
NAMES = 100  # alarms a call
POINTS = 1440  # data points a call: CloudWatch API Reference, GetMetricStatistics
MINUTE = 60


def facts(document: Document, *, only: Target | None = None) -> Facts:
    """The moment as the rules see it. With `only`, alarms of this target and of the neighbours alone."""
    known = remembered(document)
    wanted = [only] if only else list(_watched(document, known))
    return replace(known, seen=_look(document, known, wanted))


def remembered(document: Document) -> Facts:
    """What the table says, without a look at the targets."""
    run = store.get(document.run, "run")
    targets = {
        item["item"].removeprefix(store.TARGET): item
        for item in store.items(document.run, store.TARGET)
        if item.get("begun")
    }
    orders = json.loads(run.get("orders", "{}"))
    skips = {int(number): why for number, why in orders.pop("skips", {}).items()}
    freeze = store.get(store.FREEZE, "freeze").get("why", "")
    baking = {int(n): datetime.fromisoformat(at) for n, at in json.loads(run.get("baking", "{}")).items()}
    return Facts(
        now=store.now(),
        begun={name: datetime.fromisoformat(item["begun"]) for name, item in targets.items()},
        states={name: State(item["state"]) for name, item in targets.items()},
        baking=baking,
        baked=frozenset(json.loads(run.get("baked", "[]"))),
        stopped=run.get("stopped", ""),
        orders=Orders(**orders, freeze=freeze, skips=skips),
    )


def _watched(document: Document, known: Facts) -> Iterator[Target]:
    """Every target that was begun, and those that are next."""
    following = next((n for n in range(len(document.stages)) if n not in known.baked), -1)
    for number, target in document.targets.values():
        if target.id in known.begun or number == following:
            yield target


def _look(document: Document, known: Facts, targets: Sequence[Target]) -> dict[str, Seen]:
    rollout = document.rollout
    wanted: dict[Place, set[str]] = {}
    for target in targets:
        wanted.setdefault((target.account, target.region), set()).update(target.alarms)
    for neighbour in rollout.neighbours:
        wanted.setdefault((neighbour.account, neighbour.region), set()).add(neighbour.alarm)
    since = min(known.begun.values(), default=known.now) - timedelta(seconds=1)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        read = dict(
            zip(wanted, pool.map(lambda each: _alarms(each[0], each[1], since), wanted.items()), strict=True)
        )
        points = list(pool.map(lambda target: _points(document, known, target), targets))
    found = {
        target.id: _seen(document, known, target, read[target.account, target.region], counted)
        for target, counted in zip(targets, points, strict=True)
    }
    for each in rollout.neighbours:
        states, fired = read[each.account, each.region]
        found[each.name] = Seen(
            each.name,
            expected=(each.alarm,),
            states=_only(states, (each.alarm,)),
            fired=tuple((name, at) for name, at in fired if name == each.alarm),
            is_target=False,
        )
    return found


def _seen(
    document: Document,
    known: Facts,
    target: Target,
    read: tuple[dict[str, str], list[tuple[str, datetime]]],
    points: tuple[DataPoint, ...],
) -> Seen:
    states, fired = read
    number, _ = document.targets[target.id]
    failed = known.states.get(target.id) is State.FAILED
    baking = number in known.baking and number not in known.baked
    return Seen(
        target.id,
        needed=needed_points(document.stages[number], target, known) if baking else 0,
        points=points,
        expected=() if failed else target.alarms,
        states=_only(states, target.alarms),
        fired=tuple((name, at) for name, at in fired if name in target.alarms),
    )


def _only(states: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: states[name] for name in names if name in states}


def _alarms(
    place: Place, names: set[str], since: datetime
) -> tuple[dict[str, str], list[tuple[str, datetime]]]:
    """States by name, and when which went into alarm; nothing where the place does not answer."""
    try:
        found = describe_alarms(*place, sorted(names))
        fired = [
            (name, alarm["StateUpdatedTimestamp"])
            for name, alarm in found.items()
            if alarm["StateValue"] == ALARM
        ]
        fired += [(name, at) for name in found for at in _fired(place, name, since)]
    except Exception as error:  # whatever it is: its alarms are not known
        print(f"{place[0]} {place[1]}: alarms cannot be read: {error!r}")
        return {}, []
    return {name: alarm["StateValue"] for name, alarm in found.items()}, sorted(set(fired))


def describe_alarms(account: str, region: str, names: Sequence[str]) -> dict[str, Record]:
    """The alarms that there are, metric and composite ones, by name."""
    found: dict[str, Record] = {}
    client = there("cloudwatch", account, region) if names else None
    for start in range(0, len(names), NAMES):
        answer = client.describe_alarms(  # type: ignore[union-attr]
            AlarmNames=list(names[start : start + NAMES]),
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            MaxRecords=NAMES,
        )
        for alarm in (*answer.get("MetricAlarms", []), *answer.get("CompositeAlarms", [])):
            found[alarm["AlarmName"]] = alarm
    return found


def _fired(place: Place, name: str, since: datetime) -> Iterator[datetime]:
    pages = (
        there("cloudwatch", *place)
        .get_paginator("describe_alarm_history")
        .paginate(
            AlarmName=name,
            AlarmTypes=["MetricAlarm", "CompositeAlarm"],
            HistoryItemType="StateUpdate",
            StartDate=since,
        )
    )
    for item in (each for page in pages for each in page["AlarmHistoryItems"]):
        if _went_into_alarm(item):
            yield item["Timestamp"]


def _went_into_alarm(item: Record) -> bool:
    if data := item.get("HistoryData"):
        return bool(json.loads(data).get("newState", {}).get("stateValue") == ALARM)
    return str(item.get("HistorySummary", "")).endswith(f"to {ALARM}")


def _points(document: Document, known: Facts, target: Target) -> tuple[DataPoint, ...]:
    """Data points since its stage began to bake; none where none are needed or the place does not answer."""
    number, _ = document.targets[target.id]
    metric = document.rollout.metric
    began = known.baking.get(number)
    if metric is None or began is None or number in known.baked:
        return ()
    try:
        return tuple(_measured(metric, target, began, known.now))
    except Exception as error:  # whatever it is: its data are missing
        print(f"{target.id}: {metric.metric} cannot be read: {error!r}")
        return ()


def _measured(metric: Metric, target: Target, began: datetime, now: datetime) -> Iterator[DataPoint]:
    """CloudWatch counts by full minutes: the one in which the bake began counts whole."""
    start = began.replace(second=0, microsecond=0)
    minutes = max(1, int((now - start).total_seconds() // MINUTE) + 1)
    period = MINUTE * -(-minutes // POINTS)
    answer = there("cloudwatch", target.account, target.region).get_metric_statistics(
        Namespace=metric.namespace,
        MetricName=metric.metric,
        Dimensions=[{"Name": name, "Value": value} for name, value in metric.dimensions.items()],
        StartTime=start,
        EndTime=now + timedelta(seconds=1),
        Period=period,
        Statistics=[metric.statistic],
    )
    for point in answer["Datapoints"]:
        yield DataPoint(max(point["Timestamp"], began), point[metric.statistic])
