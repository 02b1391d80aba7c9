"""Readings: the missing permission, and sums with unread parts."""

import pytest

from ops.aws.readings import Unread, missing_permission, total
from ops.errors import AccessDenied, SlipwayError, Throttled

NAMED = "User: arn:aws:iam::1:user/x is not authorized to perform: logs:DescribeLogGroups on resource: *"


@pytest.mark.parametrize(
    ("error", "permission"),
    [
        (AccessDenied("no", operation="DescribeLogGroups", detail=NAMED), "logs:DescribeLogGroups"),
        (AccessDenied(NAMED), "logs:DescribeLogGroups"),
        (AccessDenied("no", operation="ListBuckets", detail="Access Denied"), "ListBuckets"),
        (Throttled("slow", operation="ListBuckets", detail=NAMED), ""),
        (None, ""),
    ],
)
def test_the_missing_permission_is_named(error: SlipwayError | None, permission: str) -> None:
    assert missing_permission(error) == permission


def test_a_sum_with_unread_parts_is_a_lower_bound() -> None:
    form = "${:.2f}".format
    assert total([1.5, 2], []).text(form) == "$3.50"
    unread = Unread("1", "eu-west-1", "buckets", AccessDenied("no"))
    assert total([1.5, 2], [unread]).text(form) == "at least $3.50"
    assert total([], [unread]).text(form) == "at least $0.00"
