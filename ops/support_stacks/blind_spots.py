"""Failed reads that are no gaps: of regions that are not enabled, or without CodePipeline. Pure."""

from collections.abc import Iterable, Sequence

from ops.aws.readings import Unread
from ops.errors import AwsError, Unreachable
from ops.support_stacks import facts

PlaceKey = tuple[str, str]  # account id, region

# The codes with which AWS rejects valid credentials in a region that the account has not enabled:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_enable-regions.html
NOT_ENABLED = ("InvalidClientTokenId", "UnrecognizedClientException")
REGIONAL = (facts.PIPELINES, facts.STACKS, facts.ALIASES, facts.TAGS, facts.KEY_TAGS)


def without_absent(
    gaps: Sequence[Unread], places: Iterable[PlaceKey], with_pipelines: frozenset[str]
) -> tuple[tuple[Unread, ...], tuple[PlaceKey, ...]]:
    """Return the gaps without those that prove that there is nothing to read, and the regions not enabled.

    `with_pipelines` are the regions in which CodePipeline has a known endpoint. A rejected credential proves
    nothing if the account answers in no other region: then the credentials may be invalid.
    """
    failed: dict[PlaceKey, dict[str, Unread]] = {}
    for gap in gaps:
        if gap.subject in REGIONAL:
            failed.setdefault((gap.account, gap.region), {})[gap.subject] = gap
    answering = {
        account for account, region in places if len(failed.get((account, region), ())) < len(REGIONAL)
    }
    not_enabled = tuple(
        sorted(
            place
            for place, found in failed.items()
            if place[0] in answering
            and len(found) == len(REGIONAL)
            and all(
                isinstance(gap.error, AwsError) and gap.error.code in NOT_ENABLED for gap in found.values()
            )
        )
    )
    return tuple(gap for gap in gaps if not _is_absent(gap, failed, not_enabled, with_pipelines)), not_enabled


def _is_absent(
    gap: Unread,
    failed: dict[PlaceKey, dict[str, Unread]],
    not_enabled: Sequence[PlaceKey],
    with_pipelines: frozenset[str],
) -> bool:
    place = (gap.account, gap.region)
    if place in not_enabled:
        return gap.subject in REGIONAL
    return (
        gap.subject == facts.PIPELINES
        and isinstance(gap.error, Unreachable)
        and gap.region not in with_pipelines
        and facts.STACKS not in failed[place]  # the region itself answers
    )
