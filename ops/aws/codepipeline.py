"""AWS CodePipeline, read: every pipeline and where it keeps its artifacts."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place


@dataclass(frozen=True)
class Store:
    """Where a pipeline keeps the artifacts of one region. `key`: as the pipeline names it, may be empty."""

    region: str
    bucket: str
    key: str


@dataclass(frozen=True)
class Pipeline:
    """A pipeline as it is now. `account` is an id."""

    name: str
    account: str
    region: str
    stores: tuple[Store, ...]
    updated: datetime

    @property
    def arn(self) -> str:
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.name}"


class PipelineReader:
    """Reads pipelines; one that has not changed since is not asked for again. Safe for many threads."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str, str, int, datetime], Pipeline] = {}

    def read(self, place: Place) -> tuple[Pipeline, ...]:
        """Every pipeline of the place, one call after another: a place is never asked twice at once."""
        client: Any = self._cloud.client("codepipeline", place.account.id, place.region)
        found = []
        with translated(f"Reading the pipelines of {place.account.name} in {place.region}"):
            for page in client.get_paginator("list_pipelines").paginate():
                for summary in page["pipelines"]:
                    if pipeline := self._pipeline(client, place, summary):
                        found.append(pipeline)
        return tuple(found)

    def _pipeline(self, client: Any, place: Place, summary: Any) -> Pipeline | None:
        """None for one that was deleted since it was listed."""
        where = (place.account.id, place.region, summary["name"])
        key = (*where, summary["version"], summary["updated"])
        with self._lock:
            if key in self._known:
                return self._known[key]
        try:
            answer = client.get_pipeline(name=summary["name"])
        except ClientError as error:
            if code(error) == "PipelineNotFoundException":
                return None
            raise
        pipeline = Pipeline(
            name=summary["name"],
            account=place.account.id,
            region=place.region,
            stores=_stores(answer["pipeline"], place.region),
            updated=summary["updated"],
        )
        with self._lock:
            self._known[key] = pipeline
        return pipeline


def _stores(declared: Any, home: str) -> tuple[Store, ...]:
    """A pipeline has either one store in its own region, or one for each region it acts in."""
    stores = declared.get("artifactStores") or {home: declared["artifactStore"]}
    return tuple(
        Store(region, store["location"], store.get("encryptionKey", {}).get("id", ""))
        for region, store in sorted(stores.items())
    )
