"""Settings and databases that a snapshot pipeline refuses, before anything is created."""

import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from ops.aws.cloud import Cloud, Endpoint
from ops.aws.cloudformation import stacks as cloudformation
from ops.errors import ExpiredCredentials, InputError, SlipwayError, Unreachable
from ops.snapshots.pipeline import catalog
from ops.snapshots.pipeline.setup import prepare_pipeline
from tests.end_to_end.workbench import Workbench

SHOP = "shop-production"
POLICY = """
[tables.people]
id = "keep"
email = "fake email"
"""
BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown database": ({"database": "no-such-db"}, "does not exist"),
    "nothing treated": ({"policy": "[tables.people]\nid = 'keep'"}, "has no treatment"),
    "no treatment": ({"policy": "[tables.people]\nemail = 'scramble'"}, "people.email is 'scramble'"),
    "no TOML": ({"policy": "[tables.people"}, "not valid TOML"),
    "no account id": ({"share_with": ("12345",)}, "not an account ID"),
    "invalid name": ({"name_format": "9-{date}-{time}"}, "not a valid snapshot identifier"),
    "name with spaces": ({"name_format": "a b {time}"}, "not a valid snapshot identifier"),
    "one name for all": ({"name_format": "always-the-same"}, "same name"),
    "one subnet": ({"subnets": ("subnet-1", "subnet-1")}, "subnets are the same"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_and_changes_nothing(workbench_of_user: Workbench, case: str) -> None:
    changed, message = BAD[case]
    place = workbench_of_user.production
    stacks = cloudformation.list_stacks(workbench_of_user.cloud, place.account.id, place.region)
    with pytest.raises(InputError, match=message) as caught:
        wanted = workbench_of_user.pipeline(**{"database": SHOP, "policy": POLICY, **changed})
        prepare_pipeline(workbench_of_user.cloud, place, wanted, datetime.now(UTC))
    assert caught.value.hint and caught.value.field
    assert cloudformation.list_stacks(workbench_of_user.cloud, place.account.id, place.region) == stacks


@pytest.mark.parametrize("engine", ["sqlserver-ex", "oracle-se2"])
def test_an_engine_that_cannot_be_sanitized_is_refused(workbench_of_user: Workbench, engine: str) -> None:
    name = f"other-{uuid.uuid4().hex[:6]}"
    workbench_of_user.make_database(name, Engine=engine)
    with pytest.raises(InputError, match=engine):
        prepare_pipeline(
            workbench_of_user.cloud,
            workbench_of_user.production,
            workbench_of_user.pipeline(name, POLICY),
            datetime.now(UTC),
        )
    workbench_of_user.rds(workbench_of_user.production).delete_db_instance(
        DBInstanceIdentifier=name, SkipFinalSnapshot=True
    )


@pytest.mark.parametrize(
    ("endpoint", "error"),
    [
        (lambda url: Endpoint(url, "AKIANOBODYNOBODY0000", "x"), ExpiredCredentials),
        (lambda url: Endpoint("http://127.0.0.1:9", "000000000000", "x"), Unreachable),
    ],
)
def test_bad_credentials_and_no_network_are_distinguished(
    cloud: Cloud, endpoint: Any, error: type[SlipwayError]
) -> None:
    assert cloud.endpoint
    other = Cloud(cloud.settings, endpoint(cloud.endpoint.url))
    with pytest.raises(error) as caught:
        catalog.find_database(other, other.places[0], SHOP)
    assert caught.value.hint
