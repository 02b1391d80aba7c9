"""A rollout is a file, `rollouts/<name>.toml`: what goes where, in which order, watched by what.

[what]
stack = "shop"
template = "shop.template.json"       # or of a cloud assembly: assembly = "cdk.out", artifact = "Shop"
capabilities = ["CAPABILITY_IAM"]
parameters = { Size = "large" }

[[where]]                             # a target that two groups name belongs to the first of them
accounts = ["111111111111"]
regions = ["eu-north-1"]
stack = "shop-one-box"
one_box = 10                          # percent of its region's traffic that each of these targets takes

[[where]]
unit = "ou-ab12-11111111"             # or tag = "stage=production"
regions = ["eu-north-1", "eu-west-1", "us-east-1"]

[[override]]                          # for the targets of that account, that region, or both
region = "us-east-1"
parameters = { Size = "small" }
alarms = ["shop-health-us"]
points = 20

[order]
first = "eu-north-1"                  # the quiet region
waves = [["eu-west-1"], ["us-east-1"]]   # the others; else 1, 2, 4, … of them as they are named

[limits]
at_once = 10
failures = 0                          # tolerated once the first wave has baked

[bake.first]                          # also one_box and later
time = "12h"
points = 1000
wait = "6h"                           # how much longer missing evidence is awaited

[evidence]                            # or none = "why nothing can be measured"
namespace = "Shop"
metric = "Requests"
statistic = "Sum"                     # or SampleCount
dimensions = { Service = "api" }

[alarms]
target = ["shop-health"]              # in each target's account and region
neighbours = ["333333333333/eu-west-1/billing-health"]

[blockers]
zone = "Europe/Berlin"
holidays = [2026-12-25]

[[blockers.window]]                   # closed; or once: start and end as 2026-11-26T00:00:00
days = ["fri"]
from = "14:00"
to = "24:00"

[emergency]
reason = "Closes a hole that is being used."   # blockers no longer hold
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import PurePath
from typing import Any

from ops.errors import InputError
from ops.rollouts.rules import reader
from ops.rollouts.rules.blockers import DAYS, Blockers, Period, Weekly
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.reader import Table

MOST_ONE_BOX = 10  # percent of a region's traffic
MOST_ALARMS = 5  # CloudFormation watches no more rollback triggers
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
STATISTICS = ("SampleCount", "Sum")
BAKES = {"one_box": timedelta(hours=1), "first": timedelta(hours=12), "later": timedelta(hours=2)}

_ACCOUNT = {"like": r"\d{12}", "means": "an account's 12 digits"}
_REGION = {"like": r"[a-z]{2}(-[a-z]+)+-\d", "means": "a region such as eu-west-1"}
_STACK = {"like": r"[A-Za-z][-A-Za-z0-9]{0,127}", "means": "a stack's name"}
_CLOCK = {"like": r"([01]\d|2[0-3]):[0-5]\d|24:00", "means": "a time such as 09:30"}


@dataclass(frozen=True)
class What:
    """A template's path, or a cloud assembly's with the artifact in it that is a stack."""

    template: str
    assembly: str
    artifact: str
    capabilities: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """Accounts by list, organizational unit or tag × regions. `one_box` is a percentage, or 0."""

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
    """What differs in an account, a region, or an account's region; None is not overridden."""

    account: str
    region: str
    parameters: Mapping[str, str]
    alarms: tuple[str, ...] | None
    points: int | None
    line: int


@dataclass(frozen=True)
class Metric:
    """What counts as a data point, in each target's account and region."""

    namespace: str
    metric: str
    statistic: str
    dimensions: Mapping[str, str]


@dataclass(frozen=True)
class Neighbour:
    """An alarm of another service."""

    account: str
    region: str
    alarm: str

    @property
    def name(self) -> str:
        return f"{self.account}/{self.region}/{self.alarm}"


@dataclass(frozen=True)
class Rollout:
    """The file. `waves` is empty when they are to be computed; without `metric`, `unmeasured` says why."""

    file: str
    what: What
    groups: tuple[Group, ...]
    overrides: tuple[Override, ...]
    first: str
    waves: tuple[tuple[str, ...], ...]
    at_once: int
    failures: int
    one_box_bake: Bake
    first_bake: Bake
    later_bake: Bake
    metric: Metric | None
    unmeasured: str
    alarms: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]
    blockers: Blockers
    order_line: int

    @property
    def name(self) -> str:
        return PurePath(self.file).stem

    def wrong(self, line: int, message: str, hint: str) -> InputError:
        """The error for what only the resolved targets show."""
        return reader.wrong(self.file, line, message, hint)


def parse(text: str, file: str) -> Rollout:
    """The rollout that the TOML describes. Raises InputError that names the line and what is wrong."""
    root = reader.read(text, file)
    root.check_keys(
        "what", "where", "override", "order", "limits", "bake", "evidence", "alarms", "blockers", "emergency"
    )
    what, order, limits, bake = (root.table(name) for name in ("what", "order", "limits", "bake"))
    order.check_keys("first", "waves")
    limits.check_keys("at_once", "failures")
    bake.check_keys(*BAKES)
    metric, unmeasured = _evidence(root.table("evidence"))
    alarms, neighbours = _alarms(root.table("alarms"))
    one_box, first, later = (_bake(bake.table(name), BAKES[name], metric) for name in BAKES)
    return Rollout(
        file=file,
        what=_what(what),
        groups=_groups(root),
        overrides=tuple(_override(each, metric) for each in root.tables("override")),
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
        neighbours=neighbours,
        blockers=_blockers(root.table("blockers"), root.table("emergency")),
        order_line=order.line(),
    )


def _what(table: Table) -> What:
    table.check_keys("stack", "template", "assembly", "artifact", "capabilities", "parameters")
    if ("template" in table) == ("assembly" in table):
        raise table.wrong("", "needs either template or assembly.", 'Write template = "stack.json".')
    capabilities = table.texts("capabilities")
    if unknown := next((each for each in capabilities if each not in CAPABILITIES), ""):
        raise table.wrong(
            "capabilities", f"names {unknown!r}.", f"CloudFormation knows {', '.join(CAPABILITIES)}."
        )
    if "template" in table:
        return What(table.text("template"), "", "", capabilities)
    return What("", table.text("assembly"), table.text("artifact"), capabilities)


def _groups(root: Table) -> tuple[Group, ...]:
    tables = root.tables("where")
    if not tables:
        raise root.wrong("where", "is missing.", "Write [[where]] with accounts and regions below.")
    what = root.table("what")
    stack, parameters = what.text("stack", **_STACK), what.pairs("parameters")
    return tuple(_group(table, stack, parameters) for table in tables)


def _group(table: Table, stack: str, parameters: Mapping[str, str]) -> Group:
    table.check_keys("accounts", "unit", "tag", "regions", "stack", "parameters", "one_box")
    if sum(key in table for key in ("accounts", "unit", "tag")) != 1:
        raise table.wrong("", "needs one of accounts, unit and tag.", 'Write accounts = ["111111111111"].')
    accounts, regions = table.texts("accounts", **_ACCOUNT), table.texts("regions", **_REGION)
    if "accounts" in table and not accounts:
        raise table.wrong("accounts", "is empty.", "Name an account, or remove the group.")
    if not regions:
        raise table.wrong("regions", "names no region.", 'Write regions = ["eu-west-1"].')
    return Group(
        accounts=accounts,
        unit=table.text("unit", "", like=r"(ou-|r-)[-a-z0-9]+", means="an organizational unit's id"),
        tag=table.text("tag", "", like=r"[^=]+=.*", means="a tag as key=value"),
        regions=regions,
        stack=table.text("stack", stack, **_STACK),
        parameters={**parameters, **table.pairs("parameters")},
        one_box=table.whole("one_box", 1, low=1, high=MOST_ONE_BOX) if "one_box" in table else 0,
        line=table.line(),
    )


def _override(table: Table, metric: Metric | None) -> Override:
    table.check_keys("account", "region", "parameters", "alarms", "points")
    if "account" not in table and "region" not in table:
        raise table.wrong("", "names neither account nor region.", "Say which targets it is for.")
    return Override(
        account=table.text("account", "", **_ACCOUNT),
        region=table.text("region", "", **_REGION),
        parameters=table.pairs("parameters"),
        alarms=_trigger_names(table, "alarms") if "alarms" in table else None,
        points=_points(table, metric) if "points" in table else None,
        line=table.line(),
    )


def _waves(order: Table) -> tuple[tuple[str, ...], ...]:
    """The waves after the first, as written."""
    found = order.values.get("waves", [])
    if not isinstance(found, list) or not all(isinstance(each, list) and each for each in found):
        raise order.wrong("waves", "is not a list of lists.", 'Write [["eu-west-1"], ["us-east-1"]].')
    regions = [region for each in found for region in each]
    flat = Table(order.file, order.path, {"waves": regions}, order.lines).texts("waves", **_REGION)
    if order.values.get("first") in flat:
        raise order.wrong("waves", "names the first region again.", "It holds the other regions.")
    return tuple(tuple(each) for each in found)


def _bake(table: Table, default: timedelta, metric: Metric | None) -> Bake:
    table.check_keys("time", "points", "wait")
    time_ = table.duration("time", default)
    if not time_:
        raise table.wrong("time", "is no time at all.", "Without time nothing is noticed.")
    return Bake(time_, _points(table, metric), table.duration("wait", default))


def _points(table: Table, metric: Metric | None) -> int:
    points = table.whole("points", 1 if metric else 0, low=1 if metric else 0, high=10**12)
    if points and not metric:
        raise table.wrong("points", "counts a metric that is not named.", "Name it in [evidence].")
    return points


def _evidence(table: Table) -> tuple[Metric | None, str]:
    table.check_keys("namespace", "metric", "statistic", "dimensions", "none")
    if "none" in table:
        if len(table.values) > 1:
            raise table.wrong("none", "stands beside a metric.", "Keep one of both.")
        return None, table.text("none", like=r".*\S.*", means="a reason")
    if "metric" not in table:
        raise table.wrong("metric", "is missing.", 'Name the metric, or write none = "why there is none".')
    statistic = table.text("statistic", STATISTICS[0])
    if statistic not in STATISTICS:
        raise table.wrong("statistic", f"is {statistic!r}.", f"It is {' or '.join(STATISTICS)}.")
    names = table.text("namespace"), table.text("metric")
    return Metric(*names, statistic, table.pairs("dimensions")), ""


def _alarms(table: Table) -> tuple[tuple[str, ...], tuple[Neighbour, ...]]:
    table.check_keys("target", "neighbours")
    means = "an alarm as account/region/name"
    names = table.texts("neighbours", like=f"{_ACCOUNT['like']}/{_REGION['like']}/.+", means=means)
    return _trigger_names(table, "target"), tuple(Neighbour(*name.split("/", 2)) for name in names)


def _trigger_names(table: Table, key: str) -> tuple[str, ...]:
    names = table.texts(key, means="an alarm's name")
    if len(names) > MOST_ALARMS:
        raise table.wrong(
            key,
            f"names {len(names)} alarms; CloudFormation watches {MOST_ALARMS}.",
            "Join them into a composite alarm.",
        )
    return names


def _blockers(table: Table, emergency: Table) -> Blockers:
    table.check_keys("zone", "holidays", "window")
    emergency.check_keys("reason")
    zone = table.zone("zone", "UTC")
    holidays = table.values.get("holidays", [])
    if not isinstance(holidays, list) or not all(type(each) is date for each in holidays):
        raise table.wrong("holidays", "is not a list of dates.", "Write [2026-12-25], without quotes.")
    windows = [_window(each, zone) for each in table.tables("window")]
    given = bool(emergency.values) or emergency.path in emergency.lines
    return Blockers(
        weekly=tuple(each for each in windows if isinstance(each, Weekly)),
        periods=tuple(each for each in windows if isinstance(each, Period)),
        holidays=frozenset(holidays),
        zone=zone,
        override=emergency.text("reason", like=r".*\S.*", means="a reason") if given else "",
    )


def _window(table: Table, zone: str) -> Weekly | Period:
    if "start" in table:
        table.check_keys("start", "end", "zone")
        start, end = (_shown(table, key) for key in ("start", "end"))
        if end <= start:
            raise table.wrong("end", "is not after the start.", "Swap both, or mend one.")
        return Period(start, end, table.zone("zone", zone))
    table.check_keys("days", "from", "to", "zone")
    days = table.texts("days", like="|".join(DAYS), means=f"one of {', '.join(DAYS)}")
    if not days:
        raise table.wrong("days", "names no day.", 'Write days = ["fri"], or start and end.')
    opens, closes = (table.text(key, **_CLOCK) for key in ("from", "to"))
    if opens == "24:00":
        raise table.wrong("from", "is '24:00', which begins no day.", "Write 00:00 and the next day.")
    end_of_day = time.fromisoformat("00:00" if closes == "24:00" else closes)
    numbers = tuple(sorted(DAYS.index(day) for day in days))
    return Weekly(numbers, time.fromisoformat(opens), end_of_day, table.zone("zone", zone))


def _shown(table: Table, key: str) -> datetime:
    """A date and time as the clocks of the window's zone show it."""
    found: Any = table.values.get(key)
    if not isinstance(found, datetime) or found.tzinfo:
        raise table.wrong(
            key, "is not a local date and time.", "Write 2026-11-26T08:00:00: without quotes and offset."
        )
    return found
