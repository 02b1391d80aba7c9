"""Read items from Amazon DynamoDB whose attributes are all strings."""

from typing import Any

from ops.aws.calls import translated
from ops.aws.cloud import Cloud, Place


def items(cloud: Cloud, place: Place, table: str, key: str, value: str) -> list[dict[str, str]]:
    """Return all items with that partition key value, in the order of the sort key."""
    client: Any = cloud.client("dynamodb", place.account.id, place.region)
    with translated(f"Reading {value} in {table}"):
        pages = client.get_paginator("query").paginate(
            TableName=table,
            KeyConditionExpression="#key = :value",
            ExpressionAttributeNames={"#key": key},
            ExpressionAttributeValues={":value": {"S": value}},
            ConsistentRead=True,
        )
        return [
            {name: typed.get("S", "") for name, typed in item.items()}
            for page in pages
            for item in page["Items"]
        ]
