"""AWS CodePipeline: the pipelines and their artifact stores."""

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from ops.aws.calls import code, translated
from ops.aws.cloud import Cloud, Place


@dataclass(frozen=True)
class ArtifactStore:
    """The bucket for a pipeline's artifacts of one region. `key` is as in the pipeline, empty for none."""

    region: str
    bucket: str
    key: str


@dataclass(frozen=True)
class Pipeline:
    """A pipeline. `account` is an id, and `roles` are the ARNs of the roles that its actions assume."""

    name: str
    account: str
    region: str
    stores: tuple[ArtifactStore, ...]
    updated: datetime
    roles: frozenset[str] = frozenset()

    @property
    def arn(self) -> str:
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.name}"


class PipelineReader:
    """A reader of pipelines that caches each one until it changes. Thread-safe."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._cache: dict[tuple[str, str, str, int, datetime], Pipeline] = {}

    def read(self, place: Place) -> tuple[Pipeline, ...]:
        """Return every pipeline of the account and region. Makes one call at a time, for the rate limits."""
        client: Any = self._cloud.client("codepipeline", place.account.id, place.region)
        pipelines = []
        with translated(f"Reading the pipelines of {place.account.name} in {place.region}"):
            for page in client.get_paginator("list_pipelines").paginate():
                for summary in page["pipelines"]:
                    if pipeline := self._pipeline(client, place, summary):
                        pipelines.append(pipeline)
        return tuple(pipelines)

    def _pipeline(self, client: Any, place: Place, summary: Any) -> Pipeline | None:
        """Return the pipeline, or None if it was deleted since it was listed."""
        key = (place.account.id, place.region, summary["name"], summary["version"], summary["updated"])
        with self._lock:
            if key in self._cache:
                return self._cache[key]
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
            roles=_roles(answer["pipeline"]),
        )
        with self._lock:
            self._cache[key] = pipeline
        return pipeline


def _stores(declaration: Any, home: str) -> tuple[ArtifactStore, ...]:
    """Return the stores: a pipeline declares one for its own region, or one for each region it acts in."""
    stores = declaration.get("artifactStores") or {home: declaration["artifactStore"]}
    return tuple(
        ArtifactStore(region, store["location"], store.get("encryptionKey", {}).get("id", ""))
        for region, store in sorted(stores.items())
    )


def _roles(declaration: Any) -> frozenset[str]:
    actions = [action for stage in declaration["stages"] for action in stage["actions"]]
    return frozenset(action["roleArn"] for action in actions if action.get("roleArn"))
