"""The rollout file, `rollouts/<name>.toml`: what is deployed where, in which order, and watched by what.

[what]
stack = "shop"
template = "shop.template.json"       # or a CDK app: assembly = "cdk.out", artifact = ["Prod/*"]
capabilities = ["CAPABILITY_IAM"]
parameters = { Size = "large" }

[[where]]                             # a target in two groups belongs to the first
accounts = ["111111111111"]
regions = ["eu-north-1"]
stack = "shop-one-box"
one_box = 10                          # percent of the region's traffic that each of these targets takes

[[where]]
unit = "ou-ab12-11111111"             # or tag = "stage=production"
regions = ["eu-north-1", "eu-west-1", "us-east-1"]

[[override]]                          # for the targets of an account, a region, or both
region = "us-east-1"
parameters = { Size = "small" }
alarms = ["shop-health-us"]
points = 20

[order]
first = "eu-north-1"                  # the region with the least traffic
waves = [["eu-west-1"], ["us-east-1"]]   # the other regions; default: 1, 2, 4, … in the order listed

[limits]
at_once = 10
failures = 0                          # failed targets tolerated once the first wave has baked

[bake.first]                          # also one_box and later
time = "12h"
points = 1000
wait = "6h"                           # how much longer to wait for missing evidence

[evidence]                            # or none = "why there is no metric"
namespace = "Shop"
metric = "Requests"
statistic = "Sum"                     # or SampleCount
dimensions = { Service = "api" }

[alarms]
target = ["shop-health"]              # in the account and region of each target
neighbours = ["333333333333/eu-west-1/billing-health"]

[blockers]
zone = "Europe/Berlin"                # or "local": the time zone of each target's region
holidays = [2026-12-25]

[[blockers.window]]                   # closed weekly; or once: start and end, as 2026-11-26T00:00:00
days = ["fri"]
from = "14:00"
to = "24:00"

[emergency]
reason = "Fixes a vulnerability that is being exploited."   # blockers are ignored
"""

from datetime import timedelta
from functools import partial

from ops.errors import InputError
from ops.rollouts.rules import ring_tables, tables
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.model import (
    EvidenceMetric,
    NeighborAlarm,
    Override,
    Rollout,
    StackSource,
    TargetGroup,
)
from ops.rollouts.rules.tables import MAX_ONE_BOX_PERCENT, REGION, STACK
from ops.rollouts.rules.windows import reading, zones
from ops.text.toml_tables import TomlTable, read_toml

__all__ = ["MAX_ONE_BOX_PERCENT", "EvidenceMetric", "NeighborAlarm", "Rollout", "StackSource", "parse"]

BAKES = {"one_box": timedelta(hours=1), "first": timedelta(hours=12), "later": timedelta(hours=2)}
COMMON = ("what", "override", "limits", "evidence", "alarms", "blockers", "emergency")
NO_BAKE = Bake(timedelta(0), 0, timedelta(0))


def parse(text: str, file: str) -> Rollout:
    """Parse a rollout file. Raises InputError with the line and the mistake."""
    root = read_toml(text, file, partial(InputError, field="rollout"))
    rollout = _parse_stages(root, file) if "stage" in root else _parse_order(root, file)
    zones.check_zones(rollout)
    return rollout


def _parse_order(root: TomlTable, file: str) -> Rollout:
    """Parse a file with [[where]], [order], and [bake]."""
    root.check_keys(*COMMON, "where", "order", "bake", "stage")
    order, bake = root.table("order"), root.table("bake")
    order.check_keys("first", "waves")
    bake.check_keys(*BAKES)
    metric, unmeasured = tables.evidence(root.table("evidence"))
    alarms, neighbors = tables.alarms(root.table("alarms"))
    groups = _groups(root, metric)
    one_box, first, later = (
        tables.bake(bake.table(name), BAKES[name], _any_metric(groups, metric)) for name in BAKES
    )
    limits = _limits(root)
    return Rollout(
        file=file,
        source=tables.source(root.table("what")),
        groups=groups,
        overrides=_overrides(root, groups, metric),
        first=order.text("first", **REGION),
        waves=_waves(order),
        at_once=limits[0],
        failures=limits[1],
        one_box_bake=one_box,
        first_bake=first,
        later_bake=later,
        metric=metric,
        unmeasured=unmeasured,
        alarms=alarms,
        neighbors=neighbors,
        blockers=reading.blockers(root),
        order_line=order.line,
    )


def _parse_stages(root: TomlTable, file: str) -> Rollout:
    """Parse a file with [[stage]] tables, which take the place of [[where]], [order], and [bake]."""
    for key in ("where", "order", "bake"):
        if key in root:
            raise root.mistake(
                key, "cannot be used with [[stage]].", f"Remove it: {ring_tables.INSTEAD[key]}"
            )
    root.check_keys(*COMMON, "stage")
    metric, unmeasured = tables.evidence(root.table("evidence")) if "evidence" in root else (None, "")
    alarms, neighbors = tables.alarms(root.table("alarms"))
    blockers = reading.blockers(root)
    at_once, failures = _limits(root)
    rings, groups = ring_tables.rings(
        root, ring_tables.Defaults(at_once, failures, metric, bool(unmeasured), blockers)
    )
    return Rollout(
        file=file,
        source=tables.source(root.table("what")),
        groups=groups,
        overrides=_overrides(root, groups, metric),
        first="",
        waves=(),
        at_once=at_once,
        failures=failures,
        one_box_bake=NO_BAKE,
        first_bake=NO_BAKE,
        later_bake=NO_BAKE,
        metric=metric,
        unmeasured=unmeasured,
        alarms=alarms,
        neighbors=neighbors,
        blockers=blockers,
        order_line=rings[0].line,
        rings=rings,
    )


def _limits(root: TomlTable) -> tuple[int, int]:
    limits = root.table("limits")
    limits.check_keys("at_once", "failures")
    return limits.whole("at_once", 10, low=1, high=1000), limits.whole("failures", 0, low=0, high=1000)


def _groups(root: TomlTable, metric: EvidenceMetric | None) -> tuple[TargetGroup, ...]:
    found = root.tables("where")
    if not found:
        raise root.mistake("where", "is missing.", "Add [[where]] with accounts and regions.")
    what = root.table("what")
    stack, parameters = tables.stack_name(what, **STACK), what.pairs("parameters")
    return tuple(tables.group(table, stack, parameters, metric) for table in found)


def _any_metric(groups: tuple[TargetGroup, ...], metric: EvidenceMetric | None) -> EvidenceMetric | None:
    return metric or next((group.metric for group in groups if group.metric), None)


def _overrides(
    root: TomlTable, groups: tuple[TargetGroup, ...], metric: EvidenceMetric | None
) -> tuple[Override, ...]:
    known = _any_metric(groups, metric)
    return tuple(tables.override(table, known) for table in root.tables("override"))


def _waves(order: TomlTable) -> tuple[tuple[str, ...], ...]:
    """Return the waves after the first, as written."""
    waves = order.values.get("waves", [])
    if not isinstance(waves, list) or not all(isinstance(wave, list) and wave for wave in waves):
        raise order.mistake("waves", "is not a list of lists.", 'Write [["eu-west-1"], ["us-east-1"]].')
    regions = [region for wave in waves for region in wave]
    flat = TomlTable(order.file, order.path, {"waves": regions}).texts("waves", **REGION)
    if order.values.get("first") in flat:
        raise order.mistake("waves", "contains the first region.", "List only the other regions.")
    return tuple(tuple(wave) for wave in waves)
