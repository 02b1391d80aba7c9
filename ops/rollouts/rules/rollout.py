"""The rollout file, `rollouts/<name>.toml`: what is deployed where, in which order, and watched by what.

[what]
stack = "shop"
template = "shop.template.json"       # or from a cloud assembly: assembly = "cdk.out", artifact = "Shop"
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
zone = "Europe/Berlin"
holidays = [2026-12-25]

[[blockers.window]]                   # closed weekly; or once: start and end, as 2026-11-26T00:00:00
days = ["fri"]
from = "14:00"
to = "24:00"

[emergency]
reason = "Fixes a vulnerability that is being exploited."   # blockers are ignored
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import PurePath
from typing import Any

from ops.errors import InputError
from ops.rollouts.rules.blockers import DAYS, Blockers, OneTimeWindow, WeeklyWindow
from ops.rollouts.rules.evidence import Bake
from ops.text.toml_tables import TomlTable, read_toml

MAX_ONE_BOX_PERCENT = 10  # percent of a region's traffic
MAX_ALARMS = 5  # CloudFormation API Reference, RollbackConfiguration: at most 5 rollback triggers
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
STATISTICS = ("SampleCount", "Sum")
BAKES = {"one_box": timedelta(hours=1), "first": timedelta(hours=12), "later": timedelta(hours=2)}

_ACCOUNT = {"like": r"\d{12}", "means": "a 12-digit account id"}
_REGION = {"like": r"[a-z]{2}(-[a-z]+)+-\d", "means": "a region such as eu-west-1"}
_STACK = {"like": r"[A-Za-z][-A-Za-z0-9]{0,127}", "means": "a stack name"}
_CLOCK = {"like": r"([01]\d|2[0-3]):[0-5]\d|24:00", "means": "a time such as 09:30"}


@dataclass(frozen=True)
class StackSource:
    """Where the template comes from: its path, or the path of a cloud assembly and the stack's artifact."""

    template: str
    assembly: str
    artifact: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class TargetGroup:
    """Accounts (by id, organizational unit, or tag) × regions. `one_box` is a percentage, or 0."""

    accounts: tuple[str, ...]
    unit: str
    tag: str
    regions: tuple[str, ...]
    stack: str
    parameters: Mapping[str, str]
    one_box: int
    line: int


@dataclass(frozen=True)
class Override:
    """What differs in an account, a region, or both; None means not overridden."""

    account: str
    region: str
    parameters: Mapping[str, str]
    alarms: tuple[str, ...] | None
    points: int | None
    line: int


@dataclass(frozen=True)
class EvidenceMetric:
    """The metric whose data points are evidence, in the account and region of each target."""

    namespace: str
    metric: str
    statistic: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class NeighborAlarm:
    """An alarm of another service that stops the rollout."""

    account: str
    region: str
    alarm: str

    @property
    def name(self) -> str:
        return f"{self.account}/{self.region}/{self.alarm}"


@dataclass(frozen=True)
class Rollout:
    """The content of a rollout file.

    `waves` is empty when they are computed. Without a `metric`, `unmeasured` is the reason.
    """

    file: str
    source: StackSource
    groups: tuple[TargetGroup, ...]
    overrides: tuple[Override, ...]
    first: str
    waves: tuple[tuple[str, ...], ...]
    at_once: int
    failures: int
    one_box_bake: Bake
    first_bake: Bake
    later_bake: Bake
    metric: EvidenceMetric | None
    unmeasured: str
    alarms: tuple[str, ...]
    neighbors: tuple[NeighborAlarm, ...]
    blockers: Blockers
    order_line: int

    @property
    def name(self) -> str:
        return PurePath(self.file).stem

    def mistake(self, line: int, message: str, hint: str) -> InputError:
        """Return the error for a mistake that only the resolved targets show."""
        return InputError(f"{self.file}, line {line}: {message}", field="rollout", hint=hint)


def parse(text: str, file: str) -> Rollout:
    """Parse a rollout file. Raises InputError with the line and the mistake."""
    root = read_toml(text, file, partial(InputError, field="rollout"))
    root.check_keys(
        "what", "where", "override", "order", "limits", "bake", "evidence", "alarms", "blockers", "emergency"
    )
    what, order, limits, bake = (root.table(name) for name in ("what", "order", "limits", "bake"))
    order.check_keys("first", "waves")
    limits.check_keys("at_once", "failures")
    bake.check_keys(*BAKES)
    metric, unmeasured = _evidence(root.table("evidence"))
    alarms, neighbors = _alarms(root.table("alarms"))
    one_box, first, later = (_bake(bake.table(name), BAKES[name], metric) for name in BAKES)
    return Rollout(
        file=file,
        source=_source(what),
        groups=_groups(root),
        overrides=tuple(_override(table, metric) for table in root.tables("override")),
        first=order.text("first", **_REGION),
        waves=_waves(order),
        at_once=limits.whole("at_once", 10, low=1, high=1000),
        failures=limits.whole("failures", 0, low=0, high=1000),
        one_box_bake=one_box,
        first_bake=first,
        later_bake=later,
        metric=metric,
        unmeasured=unmeasured,
        alarms=alarms,
        neighbors=neighbors,
        blockers=_blockers(root),
        order_line=order.line(),
    )


def _source(table: TomlTable) -> StackSource:
    table.check_keys("stack", "template", "assembly", "artifact", "capabilities", "parameters")
    if ("template" in table) == ("assembly" in table):
        raise table.mistake("", "needs either template or assembly.", 'Write template = "stack.json".')
    capabilities = table.texts("capabilities")
    if unknown := next((name for name in capabilities if name not in CAPABILITIES), ""):
        raise table.mistake(
            "capabilities", f"has {unknown!r}.", f"CloudFormation's capabilities: {', '.join(CAPABILITIES)}."
        )
    if "template" in table:
        return StackSource(table.text("template"), "", "", capabilities)
    return StackSource("", table.text("assembly"), table.text("artifact"), capabilities)


def _groups(root: TomlTable) -> tuple[TargetGroup, ...]:
    tables = root.tables("where")
    if not tables:
        raise root.mistake("where", "is missing.", "Add [[where]] with accounts and regions.")
    what = root.table("what")
    stack, parameters = what.text("stack", **_STACK), what.pairs("parameters")
    return tuple(_group(table, stack, parameters) for table in tables)


def _group(table: TomlTable, stack: str, parameters: Mapping[str, str]) -> TargetGroup:
    table.check_keys("accounts", "unit", "tag", "regions", "stack", "parameters", "one_box")
    if sum(key in table for key in ("accounts", "unit", "tag")) != 1:
        raise table.mistake(
            "", "needs exactly one of accounts, unit, and tag.", 'Write accounts = ["111111111111"].'
        )
    accounts, regions = table.texts("accounts", **_ACCOUNT), table.texts("regions", **_REGION)
    if "accounts" in table and not accounts:
        raise table.mistake("accounts", "is empty.", "Add an account, or remove the group.")
    if not regions:
        raise table.mistake("regions", "lists no region.", 'Write regions = ["eu-west-1"].')
    return TargetGroup(
        accounts=accounts,
        unit=table.text("unit", "", like=r"(ou-|r-)[-a-z0-9]+", means="the id of an organizational unit"),
        tag=table.text("tag", "", like=r"[^=]+=.*", means="a tag as key=value"),
        regions=regions,
        stack=table.text("stack", stack, **_STACK),
        parameters={**parameters, **table.pairs("parameters")},
        one_box=table.whole("one_box", 1, low=1, high=MAX_ONE_BOX_PERCENT) if "one_box" in table else 0,
        line=table.line(),
    )


def _override(table: TomlTable, metric: EvidenceMetric | None) -> Override:
    table.check_keys("account", "region", "parameters", "alarms", "points")
    if "account" not in table and "region" not in table:
        raise table.mistake("", "has neither account nor region.", "Add account, region, or both.")
    return Override(
        account=table.text("account", "", **_ACCOUNT),
        region=table.text("region", "", **_REGION),
        parameters=table.pairs("parameters"),
        alarms=_trigger_names(table, "alarms") if "alarms" in table else None,
        points=_points(table, metric) if "points" in table else None,
        line=table.line(),
    )


def _waves(order: TomlTable) -> tuple[tuple[str, ...], ...]:
    """Return the waves after the first, as written."""
    waves = order.values.get("waves", [])
    if not isinstance(waves, list) or not all(isinstance(wave, list) and wave for wave in waves):
        raise order.mistake("waves", "is not a list of lists.", 'Write [["eu-west-1"], ["us-east-1"]].')
    regions = [region for wave in waves for region in wave]
    flat = TomlTable(order.file, order.path, {"waves": regions}).texts("waves", **_REGION)
    if order.values.get("first") in flat:
        raise order.mistake("waves", "contains the first region.", "List only the other regions.")
    return tuple(tuple(wave) for wave in waves)


def _bake(table: TomlTable, default: timedelta, metric: EvidenceMetric | None) -> Bake:
    table.check_keys("time", "points", "wait")
    time_ = table.duration("time", default)
    if not time_:
        raise table.mistake(
            "time", "is zero.", "Write a duration such as 1h: a bake needs time to show problems."
        )
    return Bake(time_, _points(table, metric), table.duration("wait", default))


def _points(table: TomlTable, metric: EvidenceMetric | None) -> int:
    points = table.whole("points", 1 if metric else 0, low=1 if metric else 0, high=10**12)
    if points and not metric:
        raise table.mistake("points", "needs a metric.", "Add the metric to [evidence].")
    return points


def _evidence(table: TomlTable) -> tuple[EvidenceMetric | None, str]:
    table.check_keys("namespace", "metric", "statistic", "dimensions", "none")
    if "none" in table:
        if len(table.values) > 1:
            raise table.mistake("none", "is set together with a metric.", "Keep one of the two.")
        return None, table.text("none", like=r".*\S.*", means="a reason")
    if "metric" not in table:
        raise table.mistake("metric", "is missing.", 'Add the metric, or none = "why there is no metric".')
    statistic = table.text("statistic", STATISTICS[0])
    if statistic not in STATISTICS:
        raise table.mistake("statistic", f"is {statistic!r}.", f"Write {' or '.join(STATISTICS)}.")
    names = table.text("namespace"), table.text("metric")
    return EvidenceMetric(*names, statistic, table.pairs("dimensions")), ""


def _alarms(table: TomlTable) -> tuple[tuple[str, ...], tuple[NeighborAlarm, ...]]:
    # "neighbours" is the key that existing files have.
    table.check_keys("target", "neighbours")
    means = "an alarm as account/region/name"
    names = table.texts("neighbours", like=f"{_ACCOUNT['like']}/{_REGION['like']}/.+", means=means)
    return _trigger_names(table, "target"), tuple(NeighborAlarm(*name.split("/", 2)) for name in names)


def _trigger_names(table: TomlTable, key: str) -> tuple[str, ...]:
    names = table.texts(key, means="an alarm name")
    if len(names) > MAX_ALARMS:
        raise table.mistake(
            key,
            f"has {len(names)} alarms; CloudFormation allows {MAX_ALARMS} rollback triggers.",
            "Combine them in a composite alarm.",
        )
    return names


def _blockers(root: TomlTable) -> Blockers:
    table, emergency = root.table("blockers"), root.table("emergency")
    table.check_keys("zone", "holidays", "window")
    emergency.check_keys("reason")
    zone = table.zone("zone", "UTC")
    holidays = table.values.get("holidays", [])
    if not isinstance(holidays, list) or not all(type(day) is date for day in holidays):
        raise table.mistake("holidays", "is not a list of dates.", "Write [2026-12-25], without quotes.")
    windows = [_window(window, zone) for window in table.tables("window")]
    has_emergency = "emergency" in root
    return Blockers(
        weekly=tuple(window for window in windows if isinstance(window, WeeklyWindow)),
        periods=tuple(window for window in windows if isinstance(window, OneTimeWindow)),
        holidays=frozenset(holidays),
        zone=zone,
        override=emergency.text("reason", like=r".*\S.*", means="a reason") if has_emergency else "",
    )


def _window(table: TomlTable, zone: str) -> WeeklyWindow | OneTimeWindow:
    if "start" in table:
        table.check_keys("start", "end", "zone")
        start, end = (_local_time(table, key) for key in ("start", "end"))
        if end <= start:
            raise table.mistake("end", "is not after start.", "Swap the two, or correct one.")
        return OneTimeWindow(start, end, table.zone("zone", zone))
    table.check_keys("days", "from", "to", "zone")
    days = table.texts("days", like="|".join(DAYS), means=f"one of {', '.join(DAYS)}")
    if not days:
        raise table.mistake("days", "lists no day.", 'Write days = ["fri"], or start and end.')
    start_text, end_text = (table.text(key, **_CLOCK) for key in ("from", "to"))
    if start_text == "24:00":
        raise table.mistake(
            "from", "is '24:00', which is only valid as an end.", "Write 00:00 of the next day."
        )
    end_time = time.fromisoformat("00:00" if end_text == "24:00" else end_text)
    numbers = tuple(sorted(DAYS.index(day) for day in days))
    return WeeklyWindow(numbers, time.fromisoformat(start_text), end_time, table.zone("zone", zone))


def _local_time(table: TomlTable, key: str) -> datetime:
    """Return a date and time in the local time of the window's zone."""
    value: Any = table.values.get(key)
    if not isinstance(value, datetime) or value.tzinfo:
        raise table.mistake(
            key,
            "is not a local date and time.",
            "Write a value such as 2026-11-26T08:00:00, without quotes or an offset.",
        )
    return value
