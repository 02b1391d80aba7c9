"""The Cloud: accounts, roles, clients, and reading places in parallel."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from moto import mock_aws

from ops.aws.cloud import Cloud, Endpoint, Place
from ops.errors import Conflict, NotFound, SettingsError
from ops.settings import Account, Settings

ONE = Account("one", "111111111111")
TWO = Account("two", "222222222222", "arn:aws:iam::222222222222:role/Slipway", ("us-east-1",))
SETTINGS = Settings(cloud="aws", accounts=(ONE, TWO), concurrency=4)


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIATEST")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


@pytest.mark.parametrize("url", ["https://rds.eu-west-1.amazonaws.com", "http://10.0.0.1:4566", "nonsense"])
def test_another_endpoint_must_be_on_this_machine(url: str) -> None:
    with pytest.raises(SettingsError, match="not on this machine"):
        Endpoint(url, "x", "y")


def test_places_are_every_account_in_its_regions() -> None:
    found = [(place.account.name, place.region) for place in Cloud(SETTINGS).places]
    assert found == [("one", "eu-west-1"), ("one", "us-east-1"), ("two", "us-east-1")]


@pytest.mark.parametrize("name", ["two", "222222222222"])
def test_an_account_is_found_by_name_and_by_id(name: str) -> None:
    assert Cloud(SETTINGS).account(name) == TWO


def test_the_first_account_is_meant_by_none_and_an_unknown_one_is_told() -> None:
    assert Cloud(SETTINGS).account() == ONE
    with pytest.raises(NotFound, match="'three'") as caught:
        Cloud(SETTINGS).account("three")
    assert "one, two" in caught.value.hint


@mock_aws
def test_without_accounts_the_credentials_tell() -> None:
    (account,) = Cloud(Settings(cloud="aws")).accounts
    assert account == Account("this account", "123456789012")


@mock_aws
def test_a_role_is_assumed_where_the_account_names_one() -> None:
    cloud = Cloud(SETTINGS)
    assert cloud.client("sts", "two").get_caller_identity()["Account"] == TWO.id
    assert cloud.client("sts", "one").get_caller_identity()["Account"] == "123456789012"


@mock_aws
def test_clients_are_made_once() -> None:
    cloud = Cloud(SETTINGS)
    assert cloud.client("rds", "one", "us-east-1") is cloud.client("rds", ONE.id, "us-east-1")
    assert cloud.client("rds", "one", "us-east-1") is not cloud.client("rds", "one", "eu-west-1")


def test_reading_keeps_errors_in_their_place_and_is_bounded() -> None:
    places = [Place(ONE, f"region-{number}") for number in range(40)]
    lock, now, most = threading.Lock(), [0], [0]
    gate = threading.Semaphore(0)

    def look(place: Place) -> str:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
            if now[0] == SETTINGS.concurrency:
                gate.release(len(places))  # all slots are in use: release all threads
        assert gate.acquire(timeout=10)
        with lock:
            now[0] -= 1
        if place.region == "region-7":
            raise Conflict("Busy.")
        return place.region

    readings = Cloud(SETTINGS).read(look, places)
    assert most[0] == SETTINGS.concurrency
    assert [reading.place for reading in readings] == places
    assert isinstance(readings[7].error, Conflict) and readings[7].value is None
    assert [r.value for r in readings if not r.error] == [p.region for p in places if p.region != "region-7"]


def test_a_known_client_is_given_while_another_is_being_made() -> None:
    cloud = Cloud(SETTINGS)
    known = cloud.client("s3")
    with ThreadPoolExecutor(1) as pool, cloud._lock:
        assert pool.submit(cloud.client, "s3").result(timeout=10) is known
