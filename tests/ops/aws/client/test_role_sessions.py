"""How the person who makes a change is named in AWS, and what happens where that is not permitted."""

from typing import Any

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from ops.audit import Actor, FileAudit, acting_as, session_name, session_name_of
from ops.aws.client.role_sessions import credentials_of
from ops.aws.cloud import MAX_PEOPLE, Cloud
from ops.operations import Operation
from ops.plan import AuditedCall, Resource, Step, perform
from ops.settings import Account, Settings

ROLE = "arn:aws:iam::222222222222:role/Slipway"
ADA = "ada@example.com"


class Sts:
    """An STS that permits a source identity, or does not."""

    def __init__(self, *, permits: bool, code: str = "AccessDenied") -> None:
        self.permits = permits
        self.code = code
        self.asked: list[dict[str, Any]] = []

    def assume_role(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if "SourceIdentity" in request and not self.permits:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "AssumeRole")
        key = f"KEY{len(self.asked)}"
        return {
            "Credentials": {
                "AccessKeyId": key,
                "SecretAccessKey": "s",
                "SessionToken": "t",
                "Expiration": "2999-01-01T00:00:00Z",
            }
        }


def assume(sts: Sts, person: str) -> str:
    source = Credentials("AKIA", "s")
    found = credentials_of(ROLE, person, source, lambda service, **given: sts)
    return str(found.get_frozen_credentials().access_key)


def test_a_session_has_the_name_the_source_identity_and_the_tag_of_the_person() -> None:
    sts = Sts(permits=True)
    assume(sts, ADA)
    (asked,) = sts.asked
    assert (asked["RoleSessionName"], asked["SourceIdentity"]) == (ADA, ADA)
    assert asked["Tags"] == [{"Key": "slipway-user", "Value": ADA}]


def test_where_the_trust_policy_does_not_permit_them_the_name_remains() -> None:
    sts = Sts(permits=False)
    assert assume(sts, ADA) == "KEY2"
    assert sts.asked[1] == {"RoleArn": ROLE, "RoleSessionName": ADA}


def test_another_error_is_not_hidden() -> None:
    with pytest.raises(ClientError, match="ExpiredToken"):
        assume(Sts(permits=False, code="ExpiredToken"), ADA)


def test_reading_names_nobody() -> None:
    sts = Sts(permits=True)
    assume(sts, "")
    assert sts.asked == [{"RoleArn": ROLE, "RoleSessionName": "slipway"}]


@pytest.mark.parametrize(
    ("name", "beginning"),
    [(ADA, ADA), ("ada lovelace", "ada-lovelace-"), ("ä", "--"), ("x", "x-"), ("", "-"), ("a" * 65, "aaa")],
)
def test_session_names_have_the_characters_that_sts_permits(name: str, beginning: str) -> None:
    found = session_name_of(name)
    assert found.startswith(beginning) and 2 <= len(found) <= 64
    assert not set(found) - set("abcdefghijklmnopqrstuvwxyz0123456789+=,.@-")
    assert (found == name) is (name == ADA)


def test_two_names_that_change_alike_stay_two() -> None:
    assert session_name_of("ada/x") != session_name_of("ada x")


def test_a_change_is_made_in_the_name_of_its_actor_also_in_threads(tmp_path: Any) -> None:
    cloud = Cloud(Settings(cloud="aws", accounts=(Account("two", "222222222222", ROLE),)))
    seen: list[str] = []

    def act(say: object) -> None:
        seen.append(session_name())
        seen.extend(str(reading.value) for reading in cloud.read(lambda place: session_name()))

    call = AuditedCall(
        Step("a", "Act", Resource("AWS::Test::Thing", "t", "", ""), act, {"a": "b"}),
        Operation.FREEZE_ROLLOUTS,
    )
    perform(call, actor=Actor(ADA, "page"), audit=FileAudit(tmp_path / "audit"))
    assert seen == [ADA] * 3 and session_name() == ""


def test_each_person_has_clients_of_their_own_and_few_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    cloud = Cloud(Settings(cloud="aws", accounts=(Account("two", "222222222222", ROLE),)))
    nobodys = cloud.client("sts")
    with acting_as(Actor(ADA, "page")):
        adas = cloud.client("sts")
        assert adas is not nobodys and adas is cloud.client("sts")
    for number in range(MAX_PEOPLE):
        with acting_as(Actor(f"user-{number}", "page")):
            cloud.client("sts")
    with acting_as(Actor(ADA, "page")):
        assert cloud.client("sts") is not adas
    assert cloud.client("sts") is nobodys
    assert len(cloud._clients) == len(cloud._sessions) - 1 == MAX_PEOPLE + 1
