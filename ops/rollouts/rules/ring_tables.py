"""Reads the [[stage]] tables of a rollout file: its rings, in the order in which they are deployed.

[[stage]]
name = "beta"
where = { accounts = ["111111111111"], regions = ["eu-west-1"] }
bake = "1h"

[[stage]]
name = "one box"                      # judged by its own alarms and metric
where = { accounts = ["222222222222"], regions = ["eu-west-1"], stack = "shop-one-box", one_box = 5 }
bake = { time = "2h", points = 500, wait = "1h" }
alarms = ["{stack}-health"]           # {stack}, {account}, {region}, and {cell} are those of the target

[[stage]]
name = "production"
where = [                             # the targets that any of these selects
    { unit = "ou-ab12-11111111", tag = "tier=gold", regions = ["eu-west-1", "us-east-1"] },
    { accounts = ["333333333333"], regions = ["eu-west-1"], cells = ["c1", "c2"], stack = "shop-{cell}" },
]
bake = "12h"
waves = [10, 50, 100]                 # percent of each region; or "regions", or "double"
metrics = { namespace = "Shop", metric = "Requests", statistic = "Sum", dimensions = { Stack = "{stack}" } }
at_once = 20
failures = 1                          # failed targets tolerated in this stage
approval = { role = "administrator", expires = "2d" }   # before the first wave
hooks.before = [{ lambda = "slipway-hook-smoke" }]      # before the first wave
hooks.after = [{ url = "https://shop.example.com/health", failure = "pause" }]   # after the bake

[[stage.window]]                      # in addition to those of [blockers]
days = ["fri"]
from = "14:00"
to = "24:00"
zone = "local"                        # the time zone of each target's region
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from ops.rollouts.rules import tables
from ops.rollouts.rules.blockers import Blockers
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.gates.reading import approval, hooks
from ops.rollouts.rules.model import EvidenceMetric, Ring, TargetGroup, WaveOrder, WaveRule
from ops.rollouts.rules.windows import reading
from ops.text.toml_tables import TomlTable

BAKE = timedelta(hours=2)
KEYS = (
    *("name", "where", "bake", "waves", "alarms", "metrics", "at_once", "failures", "window"),
    *("approval", "hooks"),
)
INSTEAD = {
    "where": "each [[stage]] has its own where.",
    "order": "the stages are deployed in the order of the file.",
    "bake": "each [[stage]] has its own bake.",
}
_NAME = {"like": r"[A-Za-z0-9][-A-Za-z0-9_ ]{0,39}", "means": "a name of letters, digits, spaces, - and _"}
_CELL = {"like": r"[A-Za-z0-9][-A-Za-z0-9]{0,31}", "means": "a name of letters, digits, and -"}


@dataclass(frozen=True)
class Defaults:
    """What a stage has if it does not say otherwise: the values of the whole rollout.

    Without a `metric`, `unmeasured` is whether the file gives a reason.
    """

    at_once: int
    failures: int
    metric: EvidenceMetric | None
    unmeasured: bool
    blockers: Blockers


def rings(root: TomlTable, defaults: Defaults) -> tuple[tuple[Ring, ...], tuple[TargetGroup, ...]]:
    """Return the rings and the groups of their targets, each with the index of its ring."""
    found = root.tables("stage")
    if not found:
        raise root.mistake("stage", "lists no stage.", "Add [[stage]] with where and bake.")
    what = root.table("what")
    stack = tables.stack_name(what, like=r"[A-Za-z](\{cell\}|[-A-Za-z0-9])*", means="a stack name")
    rings: list[Ring] = []
    groups: list[TargetGroup] = []
    for number, table in enumerate(found):
        table.check_keys(*KEYS)
        name = table.text("name", f"stage {number + 1}", **_NAME)
        if name in (ring.name for ring in rings):
            raise table.mistake("name", f"is {name!r}, as that of another stage.", "Give each its own name.")
        metric = _metric(table, defaults)
        own = [_group(where, stack, what.pairs("parameters"), metric, number) for where in _wheres(table)]
        if "alarms" in table:
            alarms = tables.trigger_names(table, "alarms")
            own = [replace(group, alarms=alarms) if group.alarms is None else group for group in own]
        groups += own
        any_metric = metric or next((group.metric for group in own if group.metric), None)
        rings.append(
            Ring(
                name=name,
                bake=_bake(table, any_metric),
                at_once=table.whole("at_once", defaults.at_once, low=1, high=1000),
                failures=table.whole("failures", defaults.failures, low=0, high=1000),
                blockers=reading.with_windows(defaults.blockers, table),
                waves=_waves(table),
                line=table.line,
                approval=approval(table),
                hooks=hooks(table, name),
            )
        )
    return tuple(rings), tuple(groups)


def _wheres(table: TomlTable) -> tuple[TomlTable, ...]:
    if "where" not in table:
        raise table.mistake("where", "is missing.", "Add where with accounts and regions.")
    one = isinstance(table.values["where"], dict)
    found = (table.table("where"),) if one else table.tables("where")
    if not found:
        raise table.mistake("where", "selects nothing.", "Write where = { accounts = […], regions = […] }.")
    return found


def _group(
    table: TomlTable, stack: str, parameters: Mapping[str, str], metric: EvidenceMetric | None, ring: int
) -> TargetGroup:
    table.check_keys(
        *("accounts", "unit", "tag", "regions", "cells"),
        *("stack", "parameters", "one_box", "alarms", "metrics"),
    )
    if not any(key in table for key in ("accounts", "unit", "tag")):
        raise table.mistake(
            "", "selects no account.", "Add accounts, unit, or tag; of several, all must select an account."
        )
    cells = table.texts("cells", **_CELL)
    if "cells" in table and not cells:
        raise table.mistake("cells", "is empty.", "Add a cell, or remove the key.")
    stack = table.text("stack", stack)
    for cell in (cells or ("",)) if stack else ():
        name = stack.replace("{cell}", cell) if cell else stack
        TomlTable(table.file, table.path, {"stack": name}).text("stack", **tables.STACK)
    if len(cells) > 1 and "{cell}" not in stack:
        raise table.mistake(
            "cells", "would all be one stack.", f'Write stack = "{stack or "shop"}-{{cell}}".'
        )
    return TargetGroup(
        accounts=tables.accounts(table),
        unit=table.text("unit", "", **tables.UNIT),
        tag=table.text("tag", "", **tables.TAG),
        regions=tables.regions(table),
        stack=stack,
        parameters={**parameters, **table.pairs("parameters")},
        one_box=tables.one_box(table),
        line=table.line,
        cells=cells or ("",),
        alarms=tables.trigger_names(table, "alarms") if "alarms" in table else None,
        metric=tables.evidence(table.table("metrics"))[0] if "metrics" in table else metric,
        ring=ring,
    )


def _metric(table: TomlTable, defaults: Defaults) -> EvidenceMetric | None:
    if "metrics" in table:
        return tables.evidence(table.table("metrics"))[0]
    if defaults.metric is None and not defaults.unmeasured:
        raise table.mistake(
            "metrics",
            "is missing, and the file has no [evidence].",
            'Add the metric, or metrics = { none = "why there is no metric" }.',
        )
    return defaults.metric


def _bake(table: TomlTable, metric: EvidenceMetric | None) -> Bake:
    """Return the bake, which the file may shorten to its time."""
    if isinstance(table.values.get("bake"), str):
        values = TomlTable(table.file, (*table.path, "bake"), {"time": table.values["bake"]})
        return tables.bake(values, BAKE, metric)
    return tables.bake(table.table("bake"), BAKE, metric)


def _waves(table: TomlTable) -> WaveRule:
    if "waves" not in table:
        return WaveRule(WaveOrder.SHARES)
    value = table.values["waves"]
    if value in (WaveOrder.REGIONS, WaveOrder.DOUBLE):
        return WaveRule(WaveOrder(value))
    shares = value if isinstance(value, list) else []
    whole = all(type(share) is int and 0 < share <= 100 for share in shares)
    if not whole or shares != sorted(set(shares)) or shares[-1:] != [100]:
        raise table.mistake(
            "waves",
            f"is {value!r}.",
            'Write rising percentages up to 100, such as [10, 50, 100], or "regions", or "double".',
        )
    return WaveRule(WaveOrder.SHARES, tuple(shares))
