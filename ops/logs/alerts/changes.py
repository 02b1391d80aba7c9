"""Create, test, pause, resume, and delete alerts: audited calls on one object each.

An object is written only if it has not changed since it was read: the function writes to it too.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ops.aws import lambdas
from ops.aws.athena import queries as athena
from ops.aws.athena.queries import AthenaTarget
from ops.aws.cloud import Cloud
from ops.errors import Conflict, NotFound, SlipwayError
from ops.logs.alerts import model
from ops.logs.alerts.installed import AlertFunction, find_function
from ops.logs.alerts.model import Alert, AlertRule, Judgement, decode, encode, new_document, parse_alert
from ops.logs.alerts.query import alert_query
from ops.logs.datasets import Dataset
from ops.logs.lake.layout import Location
from ops.logs.lake.store import bucket_of
from ops.logs.search.language.accounts import parse_for
from ops.operations import Operation
from ops.plan import AuditedCall, ReportProgress, Resource, Step

ANSWER_S = 310  # the function runs five minutes at most
TURNS = 5  # attempts to write if the function is faster
KIND = "Slipway::Alert"


class Alerts:
    """The alerts of one dataset."""

    def __init__(self, cloud: Cloud, dataset: Dataset) -> None:
        self._cloud = cloud
        self._dataset = dataset
        self._bucket = bucket_of(cloud, self.location)

    @property
    def location(self) -> Location:
        return self._dataset.location

    def function(self) -> AlertFunction:
        """Return the function that judges them. Raises NotFound."""
        return find_function(self._cloud, self.location)

    def list(self) -> tuple[list[Alert], list[SlipwayError]]:
        """Return the alerts by name, and an error for each object that is not one."""
        alerts: list[Alert] = []
        errors: list[SlipwayError] = []
        for listed in self._bucket.list(self._key("").removesuffix(".json")):
            if not listed.key.endswith(".json") or (body := self._bucket.find(listed.key)) is None:
                continue
            try:
                alerts.append(parse_alert(decode(listed.key, body)))
            except SlipwayError as error:
                errors.append(error)
        return alerts, errors

    def create(self, rule: AlertRule, now: datetime) -> AuditedCall[None]:
        """Return the call that creates the alert. Raises InputError, NotFound."""
        rule.check()
        condition = parse_for(self._cloud.accounts, rule.search)
        function = self.function()
        function.topic(rule.topic)
        place, database = function.place, function.database
        target = AthenaTarget(place.account.id, place.region, database, database)
        tables = athena.list_tables(self._cloud, target)
        query = alert_query(condition, tables, self._dataset.rules)
        document = new_document(rule, self._dataset.name, query, now)
        key = self._key(rule.name)

        def act(say: ReportProgress) -> None:
            try:
                self._bucket.replace(key, encode(document), "")
            except Conflict as error:
                current = self._bucket.find(key)
                if current is None or not _same_alert(decode(key, current), document):
                    raise Conflict(
                        f"The alert {rule.name} already exists.",
                        hint="Choose another name, or delete that alert first.",
                    ) from error

        return self._call(
            rule.name,
            "create",
            act,
            evidence=rule.condition,
            parameters={"search": rule.search, "condition": rule.condition, "topic": rule.topic},
        )

    def pause(self, name: str) -> AuditedCall[None]:
        """Return the call that pauses the alert. Raises NotFound."""
        self._read(name)
        return self._call(name, "pause", lambda say: self._change(name, model.paused))

    def resume(self, name: str) -> AuditedCall[None]:
        """Return the call that resumes the alert; windows of the pause are not judged. Raises NotFound."""
        self._read(name)
        return self._call(
            name,
            "resume",
            lambda say: self._change(name, lambda document: model.resumed(document, datetime.now(UTC))),
        )

    def delete(self, name: str) -> AuditedCall[None]:
        """Return the call that deletes the alert. Raises NotFound."""

        def act(say: ReportProgress) -> None:
            self._bucket.delete(self._key(name))

        self._read(name)
        return self._call(name, "delete", act, actions=("s3:DeleteObject",), destructive=True)

    def test(self, name: str) -> AuditedCall[Judgement]:
        """Return the call that judges the last complete window as the schedule would; nobody is notified."""
        self._read(name)
        function = self.function()

        def act(say: ReportProgress) -> Judgement:
            answer = lambdas.invoke_patiently(
                self._cloud, function.place, function.name, {"test": name}, ANSWER_S
            )
            return model.parse_judgement(answer, answer["window"][0])

        step = Step(
            "test",
            f"Test the alert {name}",
            self._resource(name),
            act,
            parameters={"dataset": self._dataset.name},
            actions=("lambda:InvokeFunction",),
        )
        return AuditedCall(step, Operation.CHANGE_ALERTS)

    def _key(self, name: str) -> str:
        return f"{self.location.prefix}{model.FOLDER}{name}.json"

    def _read(self, name: str) -> dict[str, Any]:
        key = self._key(name)
        body = self._bucket.find(key) if model.NAME.fullmatch(name) else None
        if body is None:
            raise NotFound(
                f"There is no alert {name!r}.", hint="List the alerts with `slipway logs alerts list`."
            )
        return decode(key, body)

    def _change(self, name: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change the current object, whatever the function writes meanwhile. Raises Conflict in the end."""
        key = self._key(name)
        for turn in range(TURNS):
            listed = next((one for one in self._bucket.list(key) if one.key == key), None)
            if listed is None:
                raise NotFound(f"There is no alert {name!r}.", hint="It was deleted. Refresh the list.")
            try:
                document = decode(key, self._bucket.read(key, listed.etag))
                if (changed := change(document)) != document:
                    self._bucket.replace(key, encode(changed), listed.etag)
                return
            except Conflict:
                if turn == TURNS - 1:
                    raise

    def _resource(self, name: str) -> Resource:
        return Resource(KIND, name, self.location.account, self.location.region)

    def _call(
        self,
        name: str,
        verb: str,
        act: Callable[[ReportProgress], Any],
        *,
        evidence: str = "",
        parameters: dict[str, str] | None = None,
        actions: tuple[str, ...] = ("s3:PutObject",),
        destructive: bool = False,
    ) -> AuditedCall[Any]:
        step = Step(
            verb,
            f"{verb.capitalize()} the alert {name}",
            self._resource(name),
            act,
            parameters={"dataset": self._dataset.name, **(parameters or {})},
            evidence=evidence,
            actions=actions,
            destructive=destructive,
        )
        return AuditedCall(step, Operation.CHANGE_ALERTS)


def _same_alert(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Return whether both are the same alert, in whatever state: a repeated write finds the first one's."""
    return {**one, "state": None, "paused": None} == {**other, "state": None, "paused": None}
