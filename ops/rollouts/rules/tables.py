"""Reads the tables of a rollout file that say what is deployed where, and what is monitored."""

from collections.abc import Mapping
from datetime import timedelta

from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.model import EvidenceMetric, NeighborAlarm, Override, StackSource, TargetGroup
from ops.text.toml_tables import TomlTable

MAX_ONE_BOX_PERCENT = 10  # percent of a region's traffic
MAX_ALARMS = 5  # CloudFormation API Reference, RollbackConfiguration: at most 5 rollback triggers
CAPABILITIES = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")
STATISTICS = ("SampleCount", "Sum")

ACCOUNT = {"like": r"\d{12}", "means": "a 12-digit account id"}
REGION = {"like": r"[a-z]{2}(-[a-z]+)+-\d", "means": "a region such as eu-west-1"}
STACK = {"like": r"[A-Za-z][-A-Za-z0-9]{0,127}", "means": "a stack name"}
UNIT = {"like": r"(ou-|r-)[-a-z0-9]+", "means": "the id of an organizational unit"}
TAG = {"like": r"[^=]+=.*", "means": "a tag as key=value"}
ROLE = {"like": r"[\w+=,.@-]{1,64}", "means": "the name of an IAM role"}
REASON = {"like": r".*\S.*", "means": "a reason"}


def source(table: TomlTable) -> StackSource:
    """Return where the template comes from: the table [what]."""
    table.check_keys("stack", "template", "assembly", "artifact", "capabilities", "parameters", "role")
    if ("template" in table) == ("assembly" in table):
        raise table.mistake("", "needs either template or assembly.", 'Write template = "stack.json".')
    capabilities = table.texts("capabilities")
    if unknown := next((name for name in capabilities if name not in CAPABILITIES), ""):
        raise table.mistake(
            "capabilities", f"has {unknown!r}.", f"CloudFormation's capabilities: {', '.join(CAPABILITIES)}."
        )
    if "template" in table:
        return StackSource(table.text("template"), "", (), capabilities, table.text("role", "", **ROLE))
    several = isinstance(table.values.get("artifact"), list)
    one = () if "artifact" not in table else (table.text("artifact"),) if not several else None
    artifacts = table.texts("artifact") if one is None else one
    return StackSource("", table.text("assembly"), artifacts, capabilities, table.text("role", "", **ROLE))


def stack_name(what: TomlTable, **like: str) -> str:
    """Return the stack of [what]; empty if an assembly names its stacks itself."""
    return what.text("stack", "" if "assembly" in what else None, **like)


def group(
    table: TomlTable, stack: str, parameters: Mapping[str, str], metric: EvidenceMetric | None
) -> TargetGroup:
    """Return the group of one [[where]], with the stack, parameters, and metric of the whole rollout."""
    table.check_keys(
        "accounts", "unit", "tag", "regions", "stack", "parameters", "one_box", "alarms", "metrics"
    )
    if sum(key in table for key in ("accounts", "unit", "tag")) != 1:
        raise table.mistake(
            "", "needs exactly one of accounts, unit, and tag.", 'Write accounts = ["111111111111"].'
        )
    return TargetGroup(
        accounts=accounts(table),
        unit=table.text("unit", "", **UNIT),
        tag=table.text("tag", "", **TAG),
        regions=regions(table),
        stack=table.text("stack", stack, **STACK) if stack or "stack" in table else stack,
        parameters={**parameters, **table.pairs("parameters")},
        one_box=one_box(table),
        line=table.line,
        alarms=trigger_names(table, "alarms") if "alarms" in table else None,
        metric=evidence(table.table("metrics"))[0] if "metrics" in table else metric,
    )


def accounts(table: TomlTable) -> tuple[str, ...]:
    ids = table.texts("accounts", **ACCOUNT)
    if "accounts" in table and not ids:
        raise table.mistake("accounts", "is empty.", "Add an account, or remove the group.")
    return ids


def regions(table: TomlTable) -> tuple[str, ...]:
    names = table.texts("regions", **REGION)
    if not names:
        raise table.mistake("regions", "lists no region.", 'Write regions = ["eu-west-1"].')
    return names


def one_box(table: TomlTable) -> int:
    return table.whole("one_box", 1, low=1, high=MAX_ONE_BOX_PERCENT) if "one_box" in table else 0


def override(table: TomlTable, metric: EvidenceMetric | None) -> Override:
    """Return one [[override]]. `metric` is any metric of the rollout: data points need one."""
    table.check_keys("account", "region", "parameters", "alarms", "points")
    if "account" not in table and "region" not in table:
        raise table.mistake("", "has neither account nor region.", "Add account, region, or both.")
    return Override(
        account=table.text("account", "", **ACCOUNT),
        region=table.text("region", "", **REGION),
        parameters=table.pairs("parameters"),
        alarms=trigger_names(table, "alarms") if "alarms" in table else None,
        points=points(table, metric) if "points" in table else None,
        line=table.line,
    )


def bake(table: TomlTable, default: timedelta, metric: EvidenceMetric | None) -> Bake:
    table.check_keys("time", "points", "wait")
    time = table.duration("time", default)
    if not time:
        raise table.mistake(
            "time", "is zero.", "Write a duration such as 1h: a bake needs time to show problems."
        )
    return Bake(time, points(table, metric), table.duration("wait", default))


def points(table: TomlTable, metric: EvidenceMetric | None) -> int:
    count = table.whole("points", 1 if metric else 0, low=1 if metric else 0, high=10**12)
    if count and not metric:
        raise table.mistake("points", "needs a metric.", "Add the metric to [evidence].")
    return count


def evidence(table: TomlTable) -> tuple[EvidenceMetric | None, str]:
    """Return the metric, or the reason why there is none."""
    table.check_keys("namespace", "metric", "statistic", "dimensions", "none")
    if "none" in table:
        if len(table.values) > 1:
            raise table.mistake("none", "is set together with a metric.", "Keep one of the two.")
        return None, table.text("none", **REASON)
    if "metric" not in table:
        raise table.mistake("metric", "is missing.", 'Add the metric, or none = "why there is no metric".')
    statistic = table.text("statistic", STATISTICS[0])
    if statistic not in STATISTICS:
        raise table.mistake("statistic", f"is {statistic!r}.", f"Write {' or '.join(STATISTICS)}.")
    names = table.text("namespace"), table.text("metric")
    return EvidenceMetric(*names, statistic, table.pairs("dimensions")), ""


def alarms(table: TomlTable) -> tuple[tuple[str, ...], tuple[NeighborAlarm, ...]]:
    """Return the alarms of every target, and those of other services."""
    # "neighbours" is the key that existing files have.
    table.check_keys("target", "neighbours")
    means = "an alarm as account/region/name"
    names = table.texts("neighbours", like=f"{ACCOUNT['like']}/{REGION['like']}/.+", means=means)
    return trigger_names(table, "target"), tuple(NeighborAlarm(*name.split("/", 2)) for name in names)


def trigger_names(table: TomlTable, key: str) -> tuple[str, ...]:
    """Return the alarms at the key, which become rollback triggers."""
    names = table.texts(key, means="an alarm name")
    if len(names) > MAX_ALARMS:
        raise table.mistake(
            key,
            f"has {len(names)} alarms; CloudFormation allows {MAX_ALARMS} rollback triggers.",
            "Combine them in a composite alarm.",
        )
    return names
