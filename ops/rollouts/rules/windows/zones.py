"""The time zone of each Region, and the blockers of a target in its local time.

With zone = "local", a window or a holiday follows the clock of each target's Region: that of the city after
which AWS names the Region. Where AWS names a state or a country, it is the clock of the capital; Canada
(Central) is in Montréal. The names are those of botocore's endpoints.json, which AWS maintains; for AWS
GovCloud, which names only a coast, it is the clock of that coast. The isolated partitions name no place.
"""

from collections.abc import Iterable
from dataclasses import replace

from ops.rollouts.rules.blockers import Blockers, OneTimeWindow, WeeklyWindow
from ops.rollouts.rules.model import Rollout, RolloutTarget

LOCAL = "local"

REGION_ZONES = {
    "af-south-1": "Africa/Johannesburg",  # Cape Town
    "ap-east-1": "Asia/Hong_Kong",
    "ap-east-2": "Asia/Taipei",
    "ap-northeast-1": "Asia/Tokyo",
    "ap-northeast-2": "Asia/Seoul",
    "ap-northeast-3": "Asia/Tokyo",  # Osaka
    "ap-south-1": "Asia/Kolkata",  # Mumbai
    "ap-south-2": "Asia/Kolkata",  # Hyderabad
    "ap-southeast-1": "Asia/Singapore",
    "ap-southeast-2": "Australia/Sydney",
    "ap-southeast-3": "Asia/Jakarta",
    "ap-southeast-4": "Australia/Melbourne",
    "ap-southeast-5": "Asia/Kuala_Lumpur",  # Malaysia
    "ap-southeast-6": "Pacific/Auckland",  # New Zealand
    "ap-southeast-7": "Asia/Bangkok",  # Thailand
    "ca-central-1": "America/Toronto",  # Canada (Central)
    "ca-west-1": "America/Edmonton",  # Calgary
    "cn-north-1": "Asia/Shanghai",  # Beijing
    "cn-northwest-1": "Asia/Shanghai",  # Ningxia
    "eu-central-1": "Europe/Berlin",  # Frankfurt
    "eu-central-2": "Europe/Zurich",
    "eu-north-1": "Europe/Stockholm",
    "eu-south-1": "Europe/Rome",  # Milan
    "eu-south-2": "Europe/Madrid",  # Spain
    "eu-west-1": "Europe/Dublin",  # Ireland
    "eu-west-2": "Europe/London",
    "eu-west-3": "Europe/Paris",
    "il-central-1": "Asia/Jerusalem",  # Tel Aviv
    "me-central-1": "Asia/Dubai",  # UAE
    "me-south-1": "Asia/Bahrain",
    "mx-central-1": "America/Mexico_City",  # Mexico (Central)
    "sa-east-1": "America/Sao_Paulo",
    "us-east-1": "America/New_York",  # N. Virginia
    "us-east-2": "America/New_York",  # Ohio
    "us-gov-east-1": "America/New_York",
    "us-gov-west-1": "America/Los_Angeles",
    "us-west-1": "America/Los_Angeles",  # N. California
    "us-west-2": "America/Los_Angeles",  # Oregon
}


def target_blockers(rollout: Rollout, target: RolloutTarget) -> Blockers:
    """Return the blockers that hold the target: those of its [[stage]] or of the file, in its local time."""
    blockers = _declared(rollout, target.ring)
    return _in_zone(blockers, REGION_ZONES[target.region]) if _is_local(blockers) else blockers


def local_zone(rollout: Rollout, target: RolloutTarget) -> str:
    """Return the zone that the target's windows or holidays follow; empty if none is in local time."""
    return REGION_ZONES[target.region] if _is_local(_declared(rollout, target.ring)) else ""


def by_blockers(rollout: Rollout, targets: Iterable[RolloutTarget]) -> tuple[tuple[RolloutTarget, ...], ...]:
    """Return the targets in groups that the same blockers hold. Without local time, a stage is one group."""
    groups: dict[Blockers, list[RolloutTarget]] = {}
    for target in targets:
        groups.setdefault(target_blockers(rollout, target), []).append(target)
    return tuple(map(tuple, groups.values()))


def check_zones(rollout: Rollout) -> None:
    """Raise InputError for a group with windows in local time and a Region whose time zone is not known."""
    for group in rollout.groups:
        unknown = next((region for region in group.regions if region not in REGION_ZONES), "")
        if unknown and _is_local(_declared(rollout, group.ring)):
            raise rollout.mistake(
                group.line,
                f'where has {unknown}, whose time zone is not known, but the windows have zone = "{LOCAL}".',
                f'Write a time zone such as Europe/Berlin in place of "{LOCAL}", '
                f"or deploy to {unknown} with a file of its own.",
            )


def _declared(rollout: Rollout, ring: int) -> Blockers:
    """Return the blockers as written in the file."""
    return rollout.rings[ring].blockers if rollout.rings else rollout.blockers


def _is_local(blockers: Blockers) -> bool:
    windows: tuple[WeeklyWindow | OneTimeWindow, ...] = (*blockers.weekly, *blockers.periods)
    return any(window.zone == LOCAL for window in windows) or (
        blockers.zone == LOCAL and bool(blockers.holidays)
    )


def _in_zone(blockers: Blockers, zone: str) -> Blockers:
    return replace(
        blockers,
        weekly=tuple(
            replace(window, zone=zone) if window.zone == LOCAL else window for window in blockers.weekly
        ),
        periods=tuple(
            replace(period, zone=zone) if period.zone == LOCAL else period for period in blockers.periods
        ),
        zone=zone if blockers.zone == LOCAL else blockers.zone,
    )
