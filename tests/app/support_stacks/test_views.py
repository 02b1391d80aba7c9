"""The table of failed reads on the page Support stacks."""

from app.support_stacks.views import gap_rows
from ops.aws.readings import Unread
from ops.errors import AccessDenied, Throttled
from ops.support_stacks import facts
from ops.support_stacks.liveness import assess_usage
from tests.ops.support_stacks.samples import NOW, OTHER, REGION, TOOLS, inventory


def test_the_same_failure_in_many_regions_is_one_row() -> None:
    denied = AccessDenied("no", hint="Allow ListPipelines")
    gaps = (
        Unread(TOOLS, "us-east-1", facts.PIPELINES, denied),
        Unread(TOOLS, "ap-south-1", facts.PIPELINES, denied),
        Unread(TOOLS, "eu-west-2", facts.PIPELINES, Throttled("slow", hint="Wait")),
        Unread(OTHER, "", facts.BUCKETS, denied),
    )
    rows = gap_rows(assess_usage(inventory(gaps=gaps), NOW))
    assert [(row["Account"], row["Not read"], row["Region"], row["Recommended action"]) for row in rows] == [
        ("tools", "pipelines", "ap-south-1 and us-east-1", "Allow ListPipelines"),
        ("tools", "pipelines", "eu-west-2", "Wait"),
        ("other", "buckets", "all regions", "Allow ListPipelines"),
    ]


def test_many_regions_are_summarized() -> None:
    denied = AccessDenied("no", hint="Allow ListPipelines")
    many = tuple(Unread(TOOLS, f"us-west-{n}", facts.PIPELINES, denied) for n in range(6))
    (row,) = gap_rows(assess_usage(inventory(gaps=many), NOW))
    assert row["Region"] == "us-west-0, us-west-1, us-west-2 and 3 more"
    every = tuple(Unread(TOOLS, region, facts.PIPELINES, denied) for region in ("us-east-1", REGION))
    assert gap_rows(assess_usage(inventory(gaps=every), NOW))[0]["Region"] == "all regions"
