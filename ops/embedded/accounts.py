"""The accounts of the embedded cloud, and the Cloud that works in them."""

from dataclasses import replace

from ops.aws.cloud import Cloud, Endpoint
from ops.embedded.lifecycle import start
from ops.settings import Account, Settings

ROLE = "Slipway"
WORKBENCH = "000000000000"  # the workbench's own account: it assumes ROLE in the others
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
    """Return the embedded cloud's endpoint with root credentials: the access key is the account ID."""
    return Endpoint(url, account, "embedded")


def cloud(settings: Settings, url: str) -> Cloud:
    """Return a Cloud for the embedded accounts. Its new pipelines poll their databases every second."""
    logs = settings.logs or (f"{PRODUCTION.name}=s3://{EXPORTED_BUCKET}",)
    embedded_settings = replace(settings, accounts=ACCOUNTS, regions=REGIONS, poll_seconds=1, logs=logs)
    return Cloud(embedded_settings, endpoint(url))


def connect(settings: Settings, *, owner: bool = False) -> Cloud:
    """Return a Cloud for the embedded cloud in the settings' folder; start it if it is not running."""
    running = start(
        settings.embedded_data,
        delay_s=settings.embedded_delay,
        live=True,
        owner=owner,
        log_level=settings.log_level,
    )
    return cloud(settings, running.endpoint)
