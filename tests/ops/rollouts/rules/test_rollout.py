"""The rollout file: what is understood, and what a mistake says, with its line."""

from datetime import date, datetime, time, timedelta

import pytest

from ops.errors import InputError
from ops.rollouts.rules import rollout as module
from ops.rollouts.rules.blockers import Blockers, OneTimeWindow, WeeklyWindow
from ops.rollouts.rules.evidence import Bake
from ops.rollouts.rules.rollout import EvidenceMetric, NeighborAlarm, StackSource, parse
from tests.ops.rollouts.samples import FILE, SHOP, A, B, C


def test_a_rollout_is_understood() -> None:
    rollout = parse(SHOP, FILE)
    assert rollout.name == "shop"
    assert rollout.source == StackSource("shop.template.json", "", (), ("CAPABILITY_IAM",))
    box, fleet = rollout.groups
    assert (box.accounts, box.regions, box.stack, box.one_box) == ((A,), ("eu-north-1",), "shop-one-box", 10)
    assert box.parameters == {"Size": "one", "Mode": ""} and fleet.parameters["Size"] == "large"
    assert (fleet.unit, fleet.accounts, fleet.stack, fleet.one_box) == ("ou-ab12-11111111", (), "shop", 0)
    (override,) = rollout.overrides
    assert (override.account, override.region, override.points) == (B, "us-east-1", 20)
    assert override.alarms == ("shop-health-us",)
    assert (rollout.first, rollout.waves, rollout.at_once, rollout.failures) == ("eu-north-1", (), 2, 1)
    assert rollout.metric == EvidenceMetric("Shop", "Requests", "Sum", {"Service": "api"})
    assert rollout.alarms == ("shop-health",)
    assert rollout.neighbors == (NeighborAlarm(C, "eu-west-1", "billing/health"),)
    assert rollout.first_bake == Bake(timedelta(hours=26), 1000, timedelta(hours=5))
    assert rollout.blockers == Blockers(
        weekly=(WeeklyWindow((4, 5), time(14), time(0), "Europe/Berlin"),),
        periods=(OneTimeWindow(datetime(2026, 11, 26), datetime(2026, 11, 30, 12), "America/New_York"),),
        holidays=frozenset({date(2026, 12, 25)}),
        zone="Europe/Berlin",
    )


LEAST = f"""[what]
stack = "s"
assembly = "cdk.out"
artifact = "Shop"

[[where]]
accounts = ["{A}"]
regions = ["eu-west-1"]

[order]
first = "eu-west-1"

[evidence]
none = "A bucket."
"""


def test_what_is_not_written_is_amazons_own_practice() -> None:
    rollout = parse(LEAST, FILE)
    assert (rollout.source.assembly, rollout.source.artifacts) == ("cdk.out", ("Shop",))
    bakes = rollout.one_box_bake, rollout.first_bake, rollout.later_bake
    assert [bake.time / timedelta(hours=1) for bake in bakes] == [1, 12, 2]
    assert (rollout.failures, rollout.metric, rollout.unmeasured) == (0, None, "A bucket.")
    assert rollout.blockers == Blockers()


def test_an_emergency_has_a_reason() -> None:
    assert parse(LEAST + '[emergency]\nreason = "CVE"', FILE).blockers.override == "CVE"


# What is replaced in SHOP by what, the line that is named, and what is wrong there.
WRONG = {
    "no TOML": ('first = "eu-north-1"', "first = ", 26, "not valid TOML"),
    "no end": ('zone = "America/New_York"', 'zone = """America', 60, "not valid TOML"),
    "unknown table": ("[limits]", "[limit]", 28, "limit is not a known key"),
    "unknown key": ("at_once = 2", "at_one = 2", 29, "limits.at_one is not a known key"),
    "unknown key in a group": ("one_box = 10", "onebox = 10", 12, "where.onebox is not a known key"),
    "no stack": ('stack = "shop"\n', "", 1, "what.stack is missing"),
    "bad stack": ('stack = "shop"\n', 'stack = "my shop"\n', 2, "'my shop'"),
    "no template": ('template = "shop.template.json"', "", 1, "either template or assembly"),
    "two sources": ("capabilities", 'assembly = "x"\ncapabilities', 1, "either template or assembly"),
    "bad capability": ("CAPABILITY_IAM", "CAPABILITY_ALL", 4, "'CAPABILITY_ALL'"),
    "bad parameter": ('Size = "large"', "Size = 3", 5, "what.parameters.Size has 3"),
    "parameter as 0": ('Size = "large"', "Size = 0", 5, "what.parameters.Size has 0"),
    "parameters as a text": ('{ Size = "large", Mode = "" }', '"large"', 5, "what.parameters is not a table"),
    "override is a table": ("[[override]]", "[override]", 18, "override is not a list of tables"),
    "no where": ("where", "elsewhere", 7, "elsewhere is not a known key"),
    "where is a table": ("[[where]]\naccounts", "[where]\naccounts", 14, "not valid TOML"),
    "short account": (f'accounts = ["{A}"]', 'accounts = ["1111"]', 8, "'1111'"),
    "account as number": (f'accounts = ["{A}"]', f"accounts = [{A}]", 8, A),
    "no accounts": (f'accounts = ["{A}"]', "accounts = []", 8, "where.accounts is empty"),
    "account twice": (f'["{A}"]', f'["{A}", "{A}"]', 8, f"lists '{A}' twice"),
    "whom": ('unit = "ou-ab12-11111111"\n', "", 14, "one of accounts, unit, and tag"),
    "unit and tag": ("unit =", 'tag = "a=b"\nunit =', 14, "one of accounts, unit, and tag"),
    "bad unit": ("ou-ab12-11111111", "production", 15, "'production'"),
    "bad tag": ('unit = "ou-ab12-11111111"', 'tag = "production"', 15, "'production'"),
    "bad region": ('"us-east-1"]', '"us-east"]', 16, "'us-east'"),
    "no region": ('regions = ["eu-north-1"]', "regions = []", 9, "lists no region"),
    "regions missing": ('regions = ["eu-north-1"]\n', "", 7, "lists no region"),
    "regions as a text": ('regions = ["eu-north-1"]', 'regions = "eu-north-1"', 9, "is not a list"),
    "big one-box": ("one_box = 10", "one_box = 11", 12, "where.one_box is 11"),
    "true one-box": ("one_box = 10", "one_box = true", 12, "where.one_box is True"),
    "override of all": (f'account = "{B}"\nregion = "us-east-1"\n', "", 18, "neither account nor region"),
    "no first": ('first = "eu-north-1"', "", 25, "order.first is missing"),
    "bad waves": ('first = "eu', 'waves = ["eu-west-1"]\nfirst = "eu', 26, "not a list of lists"),
    "empty wave": ('first = "eu', 'waves = [[]]\nfirst = "eu', 26, "not a list of lists"),
    "first again": ('first = "eu', 'waves = [["eu-north-1"]]\nfirst = "eu', 26, "contains the first region"),
    "in two waves": ('first = "eu', 'waves = [["us-east-1"], ["us-east-1"]]\nfirst = "eu', 26, "twice"),
    "none at once": ("at_once = 2", "at_once = 0", 29, "limits.at_once is 0"),
    "failures": ("failures = 1", "failures = -1", 30, "limits.failures is -1"),
    "unknown bake": ("[bake.first]", "[bake.second]", 32, "bake.second is not a known key"),
    "bake as number": ('time = "1d2h"', "time = 26", 33, "bake.first.time is 26"),
    "bad bake": ('time = "1d2h"', 'time = "26 hours"', 33, "bake.first.time is '26 hours'"),
    "empty bake": ('time = "1d2h"', 'time = ""', 33, "bake.first.time is ''"),
    "no bake": ('time = "1d2h"', 'time = "0h"', 33, "first.time is zero"),
    "no points": ("points = 1000", "points = 0", 34, "bake.first.points is 0"),
    "points of nothing": ("namespace", 'none = "why"\nnamespace', 38, "together with a metric"),
    "no metric": ('metric = "Requests"', "", 37, "evidence.metric is missing"),
    "no namespace": ('namespace = "Shop"', "", 37, "evidence.namespace is missing"),
    "statistic": ('statistic = "Sum"', 'statistic = "p99"', 40, "'p99'"),
    "many alarms": ('target = ["shop-health"]', 'target = ["1","2","3","4","5","6"]', 44, "has 6 alarms"),
    "bad neighbour": (f'["{C}/eu-west-1/billing', '["billing', 45, "'billing/health'"),
    "bad zone": ("Europe/Berlin", "Europe/Bonn", 48, "blockers.zone is 'Europe/Bonn'"),
    "zone elsewhere": ("America/New_York", "../etc", 59, "blockers.window.zone is '../etc'"),
    "holiday as text": ("[2026-12-25]", '["2026-12-25"]', 49, "blockers.holidays is not"),
    "holiday with time": ("[2026-12-25]", "[2026-12-25T00:00:00]", 49, "blockers.holidays is not"),
    "window as table": ("[[blockers.window]]\ndays", "[blockers.window]\ndays", 56, "not valid TOML"),
    "bad day": ('"sat", "fri"', '"friday"', 52, "'friday'"),
    "no day": ('["sat", "fri"]', "[]", 52, "lists no day"),
    "bad time": ('from = "14:00"', 'from = "2pm"', 53, "'2pm'"),
    "no from": ('from = "14:00"', "", 51, "blockers.window.from is missing"),
    "late from": ('from = "14:00"', 'from = "24:00"', 53, "only valid as an end"),
    "start as text": ("start = 2026-11-26T00:00:00", 'start = "2026-11-26"', 57, "not a local date"),
    "start with offset": ("11-26T00:00:00", "11-26T00:00:00Z", 57, "not a local date"),
    "no end of a period": ("end = 2026-11-30T12:00:00", "", 56, "blockers.window.end is not"),
    "end before start": ("2026-11-30T12", "2026-11-25T12", 58, "not after start"),
    "no reason": ("[blockers]", "[emergency]\n[blockers]", 47, "emergency.reason is missing"),
    "blank reason": ("[blockers]", '[emergency]\nreason = " "\n[blockers]', 48, "emergency.reason has ' '"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_mistake_names_file_line_and_what_is_wrong(name: str) -> None:
    old, new, line, said = WRONG[name]
    assert old in SHOP
    with pytest.raises(InputError) as caught:
        parse(SHOP.replace(old, new, 1), FILE)
    assert str(caught.value).startswith(f"{FILE}, line {line}: ") and said in str(caught.value)
    assert caught.value.hint and caught.value.field == "rollout"


def test_the_example_in_the_documentation_is_valid() -> None:
    _, example = str(module.__doc__).split("\n\n", 1)
    rollout = parse(example, FILE)
    assert rollout.waves == (("eu-west-1",), ("us-east-1",)) and rollout.blockers.override


def test_points_need_a_metric() -> None:
    with pytest.raises(InputError, match=r"line 16: bake.later.points needs a metric"):
        parse(LEAST + "[bake.later]\npoints = 3", FILE)


def test_an_empty_file_says_what_is_missing() -> None:
    with pytest.raises(InputError, match=r"line 1: evidence.metric is missing"):
        parse("", FILE)


def test_a_rollout_has_targets() -> None:
    start, end = SHOP.index("[[where]]"), SHOP.index("[[override]]")
    with pytest.raises(InputError, match="where is missing"):
        parse(SHOP[:start] + SHOP[end:], FILE)
