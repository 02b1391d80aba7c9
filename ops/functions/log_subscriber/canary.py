"""The canary of the export: an event that proves the path from this account and region to the bucket.

The processor gives canaries a folder of their own, `canary/account=<id>/region=<r>/date=…/hour=…/`, so that
finding the newest one takes a listing. The function of the central stack counts those that stopped.
"""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

FOLDER = "canary/"
STOPPED_AFTER = timedelta(minutes=90)  # written every 30 minutes, delivered within another 30
FORGOTTEN_AFTER = timedelta(days=7)  # so that a removed account does not raise an alarm forever
NAMESPACE, METRIC = "Slipway/Logs", "StoppedCanaries"


def write_canary(logs: Any, group: str) -> str:
    """Write an event with an ID and its time to the log group; return the ID."""
    canary = uuid.uuid4().hex
    now = datetime.now(UTC)
    stream = f"{now:%Y-%m-%d}"
    try:
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
    except logs.exceptions.ResourceAlreadyExistsException:
        pass  # it is the first event of the day that creates it
    message = json.dumps({"canary": canary, "at": now.isoformat(timespec="seconds")})
    logs.put_log_events(
        logGroupName=group,
        logStreamName=stream,
        logEvents=[{"timestamp": int(time.time() * 1000), "message": message}],
    )
    return canary


def stopped_canaries(s3: Any, bucket: str, prefix: str, now: datetime) -> list[str]:
    """Return the accounts and regions whose newest canary arrived too long ago."""
    places = [
        region
        for account in _folders(s3, bucket, f"{prefix}{FOLDER}")
        for region in _folders(s3, bucket, account)
    ]
    stopped = []
    for place in places:
        after = f"{place}date={now - FORGOTTEN_AFTER:%Y-%m-%d}/"
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=place, StartAfter=after)
        arrived = [entry["LastModified"] for page in pages for entry in page.get("Contents", [])]
        if arrived and now - max(arrived) > STOPPED_AFTER:
            stopped.append(place.removeprefix(f"{prefix}{FOLDER}").rstrip("/"))
    return stopped


def publish(cloudwatch: Any, stack: str, stopped: int) -> None:
    """Publish the number of stopped canaries. The alarm also goes off when the metric is missing."""
    datum = {
        "MetricName": METRIC,
        "Dimensions": [{"Name": "StackName", "Value": stack}],
        "Value": stopped,
        "Unit": "Count",
    }
    cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=[datum])


def _folders(s3: Any, bucket: str, prefix: str) -> list[str]:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    return [entry["Prefix"] for page in pages for entry in page.get("CommonPrefixes", [])]
