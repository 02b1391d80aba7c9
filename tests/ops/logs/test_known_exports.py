"""Which exported logs are meant where nobody says it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Place
from ops.aws.cloudformation.stacks import Stack
from ops.errors import InputError, NotFound
from ops.logs import known_exports
from ops.logs.export.installed import Export
from ops.logs.export.replay import Stream
from ops.logs.known_exports import list_known_exports, single_known_export
from ops.logs.lake.layout import Location
from ops.settings import Account, Settings
from ops.templates.logs import CENTRAL_DESCRIPTION

PRODUCTION = Account("production", "111111111111", "", ("eu-west-1",))
PLACE = Place(PRODUCTION, "eu-west-1")


def cloud(*logs: str) -> Cloud:
    return Cloud(Settings(cloud="aws", accounts=(PRODUCTION,), logs=logs))


def export(bucket: str, *, central: bool = True) -> Export:
    outputs = {"Bucket": f"arn:aws:s3:::{bucket}", "Stream": "arn:aws:kinesis:eu-west-1:1:stream/flow"}
    outputs = outputs if bucket else {}
    now = datetime.now(UTC)
    stack = Stack("exp", "id", "CREATE_COMPLETE", "", CENTRAL_DESCRIPTION, outputs, {}, {}, now, None)
    return Export(PLACE, stack, central)


def test_a_bucket_of_the_settings_that_an_export_writes_to_is_that_export() -> None:
    known = list_known_exports(
        cloud("s3://here", "s3://old/logs"), [export("here"), export("x", central=False)]
    )
    assert [(each.export is not None, str(each.location)) for each in known] == [
        (True, "s3://here/"),
        (False, "s3://old/logs/"),
    ]
    assert known[0].stream == Stream("flow", PRODUCTION.id, "eu-west-1")
    assert known[1].stream is None
    assert known[1].location == Location("old", "logs/", PRODUCTION.id, "eu-west-1"), "in the first account"


def test_older_objects_of_an_adopted_bucket_stay_known(monkeypatch: pytest.MonkeyPatch) -> None:
    older, adopted = cloud("s3://here/logs"), export("here")
    known = list_known_exports(older, [adopted])
    assert [str(each.location) for each in known] == ["s3://here/", "s3://here/logs/"]
    monkeypatch.setattr(known_exports, "find_exports", lambda cloud, place: [adopted])
    assert str(single_known_export(older)[0]) == "s3://here/", "the one that is written now"


def test_an_export_that_is_being_made_has_no_bucket_yet() -> None:
    (known,) = list_known_exports(cloud(), [export("")])
    assert (known.location, known.stream) == (None, None)


def test_the_only_one_is_meant(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(*exports: Export) -> Any:
        monkeypatch.setattr(known_exports, "find_exports", lambda cloud, place: exports)

    found(export("here"), export(""))
    location, stream = single_known_export(cloud())
    assert (location.bucket, stream) == ("here", Stream("flow", PRODUCTION.id, "eu-west-1"))
    with pytest.raises(InputError, match="s3://here/, s3://old/logs/"):
        single_known_export(cloud("s3://old/logs"))
    found()
    with pytest.raises(NotFound):
        single_known_export(cloud())
