"""Which failed reads prove that there is nothing to read, and which prove nothing."""

import pytest

from ops.aws.readings import Unread
from ops.aws.regions import has_endpoint
from ops.errors import AccessDenied, ExpiredCredentials, SlipwayError, Unreachable
from ops.support_stacks import facts
from ops.support_stacks.blind_spots import REGIONAL, without_absent
from ops.support_stacks.liveness import UsageState, assess_usage
from tests.ops.support_stacks.samples import NOW, OTHER, REGION, TOOLS, inventory

FAR = "ap-east-1"
PLACES = [(TOOLS, REGION), (TOOLS, FAR), (OTHER, REGION)]
REJECTED = ExpiredCredentials("rejected", code="UnrecognizedClientException")
PIPELINES = frozenset({REGION})


def lost(error: SlipwayError, region: str = FAR, subjects: tuple[str, ...] = REGIONAL) -> list[Unread]:
    return [Unread(TOOLS, region, subject, error) for subject in subjects]


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "UnrecognizedClientException"])
def test_a_region_that_rejects_credentials_valid_elsewhere_is_not_enabled(code: str) -> None:
    gaps, not_enabled = without_absent(lost(ExpiredCredentials("x", code=code)), PLACES, PIPELINES)
    assert (gaps, not_enabled) == ((), ((TOOLS, FAR),))
    graph = assess_usage(inventory(gaps=gaps, not_enabled=not_enabled), NOW)
    assert {verdict.state for verdict in graph.verdicts} == {UsageState.ORPHANED}


@pytest.mark.parametrize(
    "gaps",
    [
        [*lost(REJECTED), *lost(REJECTED, REGION)],  # in every region: the credentials may be invalid
        lost(REJECTED, subjects=REGIONAL[:3]),  # one subject was read: the region is enabled
        [*lost(REJECTED, subjects=REGIONAL[:3]), *lost(AccessDenied("no"), subjects=REGIONAL[3:])],
        lost(ExpiredCredentials("x", code="ExpiredToken")),
        lost(AccessDenied("no")),
        lost(Unreachable("nothing answers")),  # an outage, not a region without CodePipeline
        lost(Unreachable("no answer"), REGION, (facts.PIPELINES,)),
        lost(AccessDenied("no"), FAR, (facts.PIPELINES,)),
    ],
)
def test_other_failures_stay_gaps(gaps: list[Unread]) -> None:
    assert without_absent(gaps, PLACES, PIPELINES) == (tuple(gaps), ())


def test_a_region_without_codepipeline_has_no_pipelines() -> None:
    gaps = lost(Unreachable("no such host"), FAR, (facts.PIPELINES,))
    assert without_absent(gaps, PLACES, PIPELINES) == ((), ())
    assert has_endpoint("codepipeline", "eu-west-1")
    assert not has_endpoint("codepipeline", "xx-nowhere-1")
