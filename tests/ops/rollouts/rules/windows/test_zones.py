"""Windows and holidays in the local time of the targets, against a second implementation: a clock."""

import json
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

import botocore
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ops.errors import InputError
from ops.rollouts.calendar import expected_calendar
from ops.rollouts.rules.blockers import DAYS
from ops.rollouts.rules.decisions import DecisionKind, RolloutFacts, TargetState, check_target_start, decide
from ops.rollouts.rules.evidence import ALARM, Observation
from ops.rollouts.rules.model import Rollout, RolloutTarget
from ops.rollouts.rules.rollout import parse
from ops.rollouts.rules.tables import REGION
from ops.rollouts.rules.waves import make_targets
from ops.rollouts.rules.windows.zones import REGION_ZONES
from ops.rollouts.simulator import ActionKind, SimulationOutcome, simulate
from tests.ops.rollouts.samples import FILE, A, B, relaxed, stages_of

MINUTE = timedelta(minutes=1)
OFFICE_HOURS = """
[[blockers.window]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
from = "17:00"
to = "09:00"
"""


def two_stages(regions: Sequence[str], rest: str, accounts: Sequence[str] = (A, B), at_once: int = 10) -> str:
    """A file whose last wave has all of the regions but two, each with all of the accounts."""
    first, second, *others = (json.dumps([region]) for region in regions)
    return f"""[what]
stack = "shop"
template = "t"
[evidence]
none = "a test"
[order]
first = {json.loads(first)[0]!r}
waves = [{second}, [{", ".join(other.strip("[]") for other in others)}]]
[bake.first]
time = "1h"
[bake.later]
time = "1h"
[limits]
at_once = {at_once}
[[where]]
accounts = {list(accounts)!r}
regions = {list(regions)!r}
{rest}"""


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def target_in(rollout: Rollout, region: str) -> RolloutTarget:
    targets = make_targets(rollout, lambda kind, name: ())
    return next(target for target in targets if target.region == region)


def allowed(rollout: Rollout, region: str, now: datetime) -> bool:
    target, facts = target_in(rollout, region), RolloutFacts(now)
    return check_target_start(rollout, stages_of(rollout), facts, target).allowed


# The Regions


PLACE_NAMES = {
    region: names["description"]
    for partition in json.loads((Path(botocore.__file__).parent / "data/endpoints.json").read_text())[
        "partitions"
    ]
    if "iso" not in partition["partition"]
    for region, names in partition["regions"].items()
    if re.fullmatch(REGION["like"], region)
}


def test_every_region_whose_place_aws_names_has_a_time_zone() -> None:
    assert set(REGION_ZONES) == set(PLACE_NAMES)
    assert set(REGION_ZONES.values()) <= available_timezones()


def test_the_time_zone_is_that_of_the_place_in_the_name_of_the_region() -> None:
    hours = {  # of the difference to UTC in January and in July, unless the zone has the name of the place
        **dict.fromkeys(("us-east-1", "us-east-2", "us-gov-east-1", "ca-central-1"), (-5, -4)),
        **dict.fromkeys(("us-west-1", "us-west-2", "us-gov-west-1"), (-8, -7)),
        "ca-west-1": (-7, -6),
        "mx-central-1": (-6, -6),
        "eu-west-1": (0, 1),
        **dict.fromkeys(("eu-central-1", "eu-south-1", "eu-south-2"), (1, 2)),
        "il-central-1": (2, 3),
        "af-south-1": (2, 2),
        "me-central-1": (4, 4),
        **dict.fromkeys(("ap-south-1", "ap-south-2"), (5.5, 5.5)),
        "ap-southeast-7": (7, 7),
        **dict.fromkeys(("ap-southeast-5", "cn-north-1", "cn-northwest-1"), (8, 8)),
        "ap-northeast-3": (9, 9),
        "ap-southeast-6": (13, 12),
    }
    for region, zone in REGION_ZONES.items():
        assert region in hours or zone.split("/")[1].replace("_", " ") in PLACE_NAMES[region], region
    for region, expected in hours.items():
        shown = ZoneInfo(REGION_ZONES[region])
        offsets = [datetime(2026, month, 1, tzinfo=shown).utcoffset() for month in (1, 7)]
        assert tuple(offset / timedelta(hours=1) for offset in offsets if offset is not None) == expected, (
            region
        )


UNKNOWN = "us-iso-east-1"
ERROR = f'line 15: where has {UNKNOWN}, whose time zone is not known, but the windows have zone = "local"'


@pytest.mark.parametrize(
    "rest",
    [
        '[blockers]\nzone = "local"\nholidays = [2026-12-25]',
        f'[blockers]\nzone = "local"\n{OFFICE_HOURS}',
        f'{OFFICE_HOURS}zone = "local"',
        '[[blockers.window]]\nstart = 2026-11-26T00:00:00\nend = 2026-11-30T12:00:00\nzone = "local"',
    ],
)
def test_a_region_without_a_known_time_zone_is_refused_with_what_to_do(rest: str) -> None:
    with pytest.raises(InputError, match=re.escape(ERROR)) as error:
        parse(two_stages(["eu-west-1", "us-east-1", UNKNOWN], rest), FILE)
    assert "Write a time zone such as Europe/Berlin" in str(error.value.hint) and UNKNOWN in str(
        error.value.hint
    )


@pytest.mark.parametrize("rest", ['[blockers]\nzone = "local"', f'[blockers]\nzone = "UTC"\n{OFFICE_HOURS}'])
def test_without_anything_in_local_time_every_region_is_accepted(rest: str) -> None:
    rollout = parse(two_stages(["eu-west-1", "us-east-1", UNKNOWN], rest), FILE)
    assert allowed(rollout, UNKNOWN, utc("2026-12-01 12:00"))


RINGS = f"""[what]
stack = "shop"
template = "t"
[evidence]
none = "a test"
[[stage]]
name = "beta"
where = {{ accounts = ["{A}"], regions = ["%s"] }}
[[stage]]
name = "production"
where = {{ accounts = ["{B}"], regions = ["eu-west-1"] }}
[[stage.window]]
days = ["fri"]
from = "14:00"
to = "24:00"
zone = "local"
"""


def test_only_a_stage_with_windows_in_local_time_needs_known_time_zones() -> None:
    rollout = parse(RINGS % UNKNOWN, FILE)
    assert allowed(rollout, UNKNOWN, utc("2026-07-03 13:30"))
    assert not allowed(rollout, "eu-west-1", utc("2026-07-03 13:30"))  # 14:30 in Dublin
    assert allowed(rollout, "eu-west-1", utc("2026-07-03 12:30"))
    text = (RINGS % "eu-west-1").replace(
        '["eu-west-1"] }\n[[stage.window]]', f'["eu-west-1", "{UNKNOWN}"] }}\n[[stage.window]]'
    )
    with pytest.raises(InputError, match=r"line 11: where has us-iso-east-1"):
        parse(text, FILE)


# What the clock of the target shows


LOCAL = f'[blockers]\nzone = "local"\nholidays = [2026-12-25]\n{OFFICE_HOURS}'
REGIONS = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"]


@pytest.mark.parametrize(
    ("region", "opens"),
    [
        ("eu-west-1", "2026-07-01 08:00"),
        ("eu-central-1", "2026-07-01 07:00"),
        ("us-east-1", "2026-07-01 13:00"),
        ("ap-southeast-2", "2026-06-30 23:00"),
    ],
)
def test_each_target_starts_when_its_own_clock_shows_the_hour(region: str, opens: str) -> None:
    rollout = parse(two_stages(REGIONS, LOCAL), FILE)
    assert allowed(rollout, region, utc(opens)) and not allowed(rollout, region, utc(opens) - MINUTE)
    assert allowed(rollout, region, utc(opens) + timedelta(hours=8) - MINUTE)
    assert not allowed(rollout, region, utc(opens) + timedelta(hours=8))


def test_a_holiday_is_one_of_the_local_date() -> None:
    rollout = parse(two_stages(REGIONS, '[blockers]\nzone = "local"\nholidays = [2026-12-25]'), FILE)
    for region, first, last in (
        ("ap-southeast-2", "2026-12-24 13:00", "2026-12-25 12:59"),
        ("eu-central-1", "2026-12-24 23:00", "2026-12-25 22:59"),
        ("us-east-1", "2026-12-25 05:00", "2026-12-26 04:59"),
    ):
        assert not allowed(rollout, region, utc(first)) and not allowed(rollout, region, utc(last))
        assert allowed(rollout, region, utc(first) - MINUTE) and allowed(rollout, region, utc(last) + MINUTE)


# Region, from, to: the first closed and the first open moment. In Dublin, 01:00–02:00 is skipped on
# 29 March and occurs twice on 25 October; in New York, 02:00–03:00 on 8 March and 01:00–02:00 on 1 November;
# in Sydney, 02:00–03:00 on 4 October and on 5 April.
CHANGES = {
    "ends in the gap": ("eu-west-1", "00:00", "01:30", "2026-03-29 00:00", "2026-03-29 01:00"),
    "begins in the gap": ("us-east-1", "02:30", "04:00", "2026-03-08 07:00", "2026-03-08 08:00"),
    "over the gap": ("ap-southeast-2", "01:00", "04:00", "2026-10-03 15:00", "2026-10-03 17:00"),
    "ends in the fold": ("eu-west-1", "00:00", "01:30", "2026-10-24 23:00", "2026-10-25 01:30"),
    "begins in the fold": ("us-east-1", "01:30", "03:00", "2026-11-01 05:30", "2026-11-01 08:00"),
    "within the fold": ("ap-southeast-2", "02:15", "02:45", "2026-04-04 15:15", "2026-04-04 16:45"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_local_window_where_the_clocks_of_the_target_change(name: str) -> None:
    region, start, end, closes, opens = CHANGES[name]
    window = f'[[blockers.window]]\ndays = ["sun"]\nfrom = "{start}"\nto = "{end}"\nzone = "local"'
    others = [other for other in REGIONS if other != region]
    rollout = parse(two_stages([*others, region], window), FILE)
    assert allowed(rollout, region, utc(closes) - MINUTE) and allowed(rollout, region, utc(opens))
    assert not allowed(rollout, region, utc(closes))
    assert not allowed(rollout, region, utc(opens) - MINUTE)


# What is decided for a wave in several zones


def wave_of_three(rest: str = LOCAL) -> tuple[Rollout, dict[str, datetime], list[str]]:
    """The rollout, what of it is started, and the targets of its last wave, in New York and in Sydney."""
    rollout = parse(two_stages(REGIONS, rest, accounts=[A]), FILE)
    first, second, wave = stages_of(rollout)
    started = {target.id: utc("2026-06-30 08:00") for stage in (first, second) for target in stage.targets}
    return rollout, started, [target.id for target in wave.targets]


def facts(started: dict[str, datetime], now: str, **observations: Observation) -> RolloutFacts:
    return RolloutFacts(
        utc(now),
        started=started,
        states=dict.fromkeys(started, TargetState.DEPLOYED),
        bake_started=dict.fromkeys((0, 1), utc("2026-06-30 09:00")),
        baked=frozenset({0, 1}),
        observations={each.name: each for each in observations.values()},
    )


def test_a_wave_waits_for_the_first_of_its_windows_and_then_starts_only_the_targets_there() -> None:
    rollout, started, (new_york, sydney) = wave_of_three()
    stages = stages_of(rollout)
    decision = decide(rollout, stages, facts(started, "2026-06-30 21:30"))
    assert (decision.kind, decision.until) == (DecisionKind.WAIT, utc("2026-06-30 23:00"))
    closed = "closed mon, tue, wed, thu, fri, sat, sun 17:00–09:00"
    assert decision.reasons == (f"{closed} (America/New_York)", f"{closed} (Australia/Sydney)")
    decision = decide(rollout, stages, facts(started, "2026-06-30 23:00"))
    assert (decision.kind, [target.id for target in decision.targets]) == (DecisionKind.DEPLOY, [sydney])
    assert decision.reasons == ()
    started[sydney] = utc("2026-06-30 23:00")
    decision = decide(rollout, stages, facts(started, "2026-06-30 23:10"))
    assert (decision.kind, decision.until) == (DecisionKind.WAIT, utc("2026-07-01 13:00"))
    assert decision.reasons == (f"{closed} (America/New_York)",)
    decision = decide(rollout, stages, facts(started, "2026-07-01 13:00"))
    assert [target.id for target in decision.targets] == [new_york]


def test_an_alarm_of_one_zone_does_not_hide_when_the_other_opens() -> None:
    rollout, started, (new_york, sydney) = wave_of_three()
    alarmed = Observation(sydney, alarm_states={"health": ALARM}, expected_alarms=("health",))
    decision = decide(rollout, stages_of(rollout), facts(started, "2026-06-30 23:00", sydney=alarmed))
    assert (decision.kind, decision.until) == (DecisionKind.WAIT, utc("2026-07-01 13:00"))
    assert decision.reasons[-1] == f"alarm health of {sydney} is active"
    decision = decide(rollout, stages_of(rollout), facts(started, "2026-07-01 13:00", sydney=alarmed))
    assert [target.id for target in decision.targets] == [new_york]


def test_an_emergency_starts_the_whole_wave_and_names_what_it_ignores() -> None:
    rollout, started, wave = wave_of_three(f'{LOCAL}\n[emergency]\nreason = "CVE"')
    decision = decide(rollout, stages_of(rollout), facts(started, "2026-06-30 21:30"))
    assert [target.id for target in decision.targets] == wave and len(decision.reasons) == 2


def test_the_calendar_has_the_starts_of_every_region_in_its_local_time() -> None:
    rollout = parse(two_stages(REGIONS, LOCAL, at_once=1), FILE)
    *_, wave = expected_calendar(rollout, stages_of(rollout), utc("2026-06-30 08:00"))
    new_york, sydney = wave.local_starts
    assert (sydney.region, sydney.zone, sydney.targets) == ("ap-southeast-2", "Australia/Sydney", 2)
    assert [f"{start:%a %H:%M}" for start in (sydney.first, sydney.last)] == ["Wed 09:00", "Wed 09:10"]
    assert (new_york.region, f"{new_york.first:%a %d %H:%M %Z}") == ("us-east-1", "Tue 30 09:00 EDT")
    assert wave.starts == new_york.first and sydney.first.tzinfo == ZoneInfo("Australia/Sydney")


def test_the_calendar_of_windows_in_one_zone_has_no_local_starts() -> None:
    rollout = parse(two_stages(REGIONS, f'[blockers]\nzone = "UTC"\n{OFFICE_HOURS}'), FILE)
    entries = expected_calendar(rollout, stages_of(rollout), utc("2026-06-30 08:00"))
    assert [entry.local_starts for entry in entries] == [()] * 3


def test_a_target_whose_window_closes_during_a_wave_does_not_hold_up_the_other_zone() -> None:
    """Sydney closes while New York is still open: what is left of New York continues, and Sydney waits."""
    window = """[[blockers.window]]
start = 2026-06-30T00:00:00
end = 2026-07-01T09:00:00
zone = "Australia/Sydney"
[[blockers.window]]
start = 2026-07-01T09:15:00
end = 2026-07-02T09:00:00
zone = "local"
"""
    rollout = parse(
        two_stages(["eu-west-1", "eu-central-1", "ap-southeast-2", "us-east-1"], window, at_once=1), FILE
    )
    result = simulate(rollout, stages_of(rollout)[2:], utc("2026-06-30 23:00"))
    started = [
        (action.target.split("/")[1], f"{action.at:%d %H:%M}")
        for action in result.actions
        if action.did is ActionKind.STARTED
    ]
    assert started == [
        ("ap-southeast-2", "30 23:00"),
        ("ap-southeast-2", "30 23:10"),
        ("us-east-1", "30 23:20"),
        ("us-east-1", "30 23:30"),
    ]
    late = parse(
        two_stages(
            ["eu-west-1", "eu-central-1", "ap-southeast-2", "us-east-1"],
            window.replace("09:15", "09:05"),
            at_once=1,
        ),
        FILE,
    )
    result = simulate(late, stages_of(late)[2:], utc("2026-06-30 23:00"))
    started = [
        (action.target.split("/")[1], f"{action.at:%d %H:%M}")
        for action in result.actions
        if action.did is ActionKind.STARTED
    ]
    assert started == [
        ("ap-southeast-2", "30 23:00"),
        ("us-east-1", "30 23:10"),
        ("us-east-1", "30 23:20"),
        ("ap-southeast-2", "01 23:00"),
    ]


# Any windows, holidays, and zones: what a clock in the Region shows, minute by minute

PLACES = {  # written again, so that a wrong entry in the module is found
    "eu-central-1": "Europe/Berlin",
    "eu-west-1": "Europe/Dublin",
    "us-east-1": "America/New_York",
    "us-west-2": "America/Los_Angeles",
    "sa-east-1": "America/Sao_Paulo",
    "ap-south-1": "Asia/Kolkata",
    "ap-southeast-2": "Australia/Sydney",
    "ap-southeast-6": "Pacific/Auckland",
    "il-central-1": "Asia/Jerusalem",
}
# Around a change of clocks in at least one of the places, and a week without any.
BASES = ["2026-03-06", "2026-03-27", "2026-04-03", "2026-07-03", "2026-09-25", "2026-10-02", "2026-10-23"]
SPAN = 9 * 24 * 60


@cache
def clock(zone: str, base: str) -> list[datetime]:
    """What a clock in the zone shows in each minute from the base on."""
    start = utc(base)
    return [(start + n * MINUTE).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for n in range(SPAN)]


def closed_minutes(zone: str, base: str, start: datetime, end: datetime) -> Iterable[int]:
    """From the first minute whose clock shows the start or later, to the last before the end."""
    shown = clock(zone, base)
    near = [max(0, min(SPAN, (local - clock("UTC", base)[0]) // MINUTE)) for local in (start, end)]
    first = max(0, near[0] - 16 * 60)  # no clock is further from UTC
    last = min(SPAN, near[1] + 16 * 60)
    after = (n for n in range(first, last) if shown[n] >= start)
    before = (n for n in reversed(range(first, last)) if shown[n] < end)
    return range(next(after, last), next(before, first - 1) + 1)


Window = tuple[list[str], int, int, str]  # days, from and to in minutes, zone


def closed(
    region: str, base: str, windows: Sequence[Window], holidays: Sequence[date], zone: str
) -> set[int]:
    def real(name: str) -> str:
        return PLACES[region] if name == "local" else name

    minutes: set[int] = set()
    for offset in range(-2, 12):
        day = utc(base).date() + timedelta(days=offset)
        midnight = datetime.combine(day, time())
        for days, start, end, window_zone in windows:
            if DAYS[day.weekday()] in days:
                last = end if start < end else end + 24 * 60
                span = midnight + start * MINUTE, midnight + last * MINUTE
                minutes |= set(closed_minutes(real(window_zone), base, *span))
        if day in holidays:
            minutes |= set(closed_minutes(real(zone), base, midnight, midnight + timedelta(days=1)))
    return minutes


ZONES = st.sampled_from(["local", "local", "UTC", "Europe/Berlin", "Asia/Kathmandu"])
TIMES = st.integers(0, 95).map(lambda quarter: quarter * 15)
WINDOWS = st.tuples(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True), TIMES, TIMES, ZONES)


def write(windows: Sequence[Window], holidays: Sequence[date], zone: str) -> str:
    lines = [f'[blockers]\nzone = "{zone}"\nholidays = [{", ".join(map(str, holidays))}]']
    for days, start, end, window_zone in windows:
        hours = [f"{minutes // 60:02}:{minutes % 60:02}" for minutes in (start, end)]
        lines.append(
            f"[[blockers.window]]\ndays = {days!r}\nzone = '{window_zone}'\n"
            f"from = '{hours[0]}'\nto = '{hours[1]}'"
        )
    return "\n".join(lines)


@relaxed
@given(
    regions=st.lists(st.sampled_from(sorted(PLACES)), min_size=3, max_size=4, unique=True),
    windows=st.lists(WINDOWS, max_size=3),
    zone=ZONES,
    base=st.sampled_from(BASES),
    data=st.data(),
)
def test_the_engine_agrees_with_the_clocks_of_the_regions(
    regions: list[str], windows: list[Window], zone: str, base: str, data: st.DataObject
) -> None:
    days = st.integers(0, 6).map(lambda after: utc(base).date() + timedelta(days=after))
    holidays = data.draw(st.lists(days, max_size=1))
    rollout = parse(
        two_stages(regions, write(windows, holidays, zone), at_once=data.draw(st.integers(1, 3))), FILE
    )
    stages = stages_of(rollout)
    closed_in = {region: closed(region, base, windows, holidays, zone) for region in regions}
    minute = data.draw(st.integers(0, 3 * 24 * 60))
    now = utc(base) + minute * MINUTE

    # One target, whoever asks: the state machine before it starts a target, and the simulator.
    for region in regions:
        assert allowed(rollout, region, now) is (minute not in closed_in[region]), region

    # A wave: exactly the targets whose clock allows it, and otherwise a wait until the first that does.
    wave = stages[-1]
    started = {target.id: now for stage in stages[:-1] for target in stage.targets}
    decision = decide(
        rollout,
        stages,
        RolloutFacts(now, started=started, bake_started={0: now, 1: now}, baked=frozenset({0, 1})),
    )
    open_now = [target for target in wave.targets if minute not in closed_in[target.region]]
    if open_now:
        assert (decision.kind, list(decision.targets)) == (DecisionKind.DEPLOY, open_now)
    else:
        assert decision.kind is DecisionKind.WAIT
        opens = (n for n in range(minute, SPAN) if any(n not in closed_in[each] for each in wave.regions))
        if (first := next(opens, None)) is not None:
            assert decision.until == utc(base) + first * MINUTE

    # A whole run, and the plan's calendar of it.
    result = simulate(rollout, stages, now)
    entries = expected_calendar(rollout, stages, now)
    starts = [action for action in result.actions if action.did is ActionKind.STARTED]
    for action in starts:
        if (n := (action.at - utc(base)) // MINUTE) < SPAN:
            assert n not in closed_in[action.target.split("/")[1]], action
    if result.outcome is SimulationOutcome.SUCCEEDED:
        assert len(starts) == sum(len(stage.targets) for stage in stages)
    shown = {(start.region, start.first.astimezone(UTC)) for entry in entries for start in entry.local_starts}
    assert shown <= {(action.target.split("/")[1], action.at) for action in starts}


def test_the_example_in_the_documentation_is_open_during_office_hours_only() -> None:
    guide = (Path(__file__).parents[5] / "docs/rollouts.md").read_text()
    (example,) = (text for text in re.findall(r"```toml\n(.*?)```", guide, re.DOTALL) if '"local"' in text)
    rollout = parse(two_stages(["eu-west-1", "us-east-1", "ap-south-1"], example), FILE)
    for hour in range(7 * 24):
        local = datetime(2026, 7, 6, tzinfo=ZoneInfo("Asia/Kolkata")) + timedelta(hours=hour)
        assert allowed(rollout, "ap-south-1", local) is (local.weekday() < 5 and 9 <= local.hour < 17), local
    assert not allowed(rollout, "ap-south-1", utc("2026-12-25 06:00"))
    assert not allowed(rollout, "ap-south-1", utc("2026-11-27 06:00"))
