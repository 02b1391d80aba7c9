"""The accounts of the embedded cloud, and the Cloud that works in them."""

from dataclasses import replace

from ops.aws.cloud import Cloud, Endpoint
from ops.embedded.lifecycle import start
from ops.settings import Account, Settings

ROLE = "Slipway"
WORKBENCH = "000000000000"  # where the workbench itself lives: it assumes ROLE in the others
REGIONS = ("eu-west-1", "us-east-1")


def _account(name: str, id_: str) -> Account:
    return Account(name, id_, f"arn:aws:iam::{id_}:role/{ROLE}", REGIONS)


PRODUCTION = _account("production", "111111111111")
QA = _account("qa", "222222222222")
DEVELOPMENT = _account("development", "333333333333")
ACCOUNTS = (PRODUCTION, QA, DEVELOPMENT)
HOME = REGIONS[0]
EXPORTED_BUCKET = "slipway-sample-logs"  # in PRODUCTION
EXPORTED_TABLES = "slipway_sample_logs"


def endpoint(url: str, account: str = WORKBENCH) -> Endpoint:
    """The embedded cloud as the root user of an account, whose access key is the account's id."""
    return Endpoint(url, account, "embedded")


def cloud(settings: Settings, url: str) -> Cloud:
    """A Cloud of the embedded accounts; pipelines made with it look at their databases every second."""
    logs = settings.logs or (f"{PRODUCTION.name}=s3://{EXPORTED_BUCKET}",)
    found = replace(settings, accounts=ACCOUNTS, regions=REGIONS, poll_seconds=1, logs=logs)
    return Cloud(found, endpoint(url))


def connect(settings: Settings, *, owner: bool = False) -> Cloud:
    """A Cloud at the embedded cloud in the settings' folder, which is started where it does not run."""
    running = start(settings.embedded_data, delay_s=settings.embedded_delay, live=True, owner=owner)
    return cloud(settings, running.endpoint)
