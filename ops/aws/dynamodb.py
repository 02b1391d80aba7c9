"""Amazon DynamoDB: read items whose attributes are all strings, and delete a table."""

from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
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


def table_exists(cloud: Cloud, place: Place, table: str) -> bool:
    """Whether the table exists and is not being deleted."""
    client: Any = cloud.client("dynamodb", place.account.id, place.region)
    with translated(f"Reading the table {table}"):
        try:
            return bool(client.describe_table(TableName=table)["Table"]["TableStatus"] != "DELETING")
        except ClientError as error:
            if code(error) == "ResourceNotFoundException":
                return False
            raise


def delete_table(cloud: Cloud, place: Place, table: str) -> None:
    """Delete the table if it exists."""
    client: Any = cloud.client("dynamodb", place.account.id, place.region)
    with translated(f"Deleting the table {table}"):
        try:
            client.delete_table(TableName=table)
        except ClientError as error:
            if code(error) != "ResourceNotFoundException":
                raise
