"""Exported logs in notebooks and scripts, connected as the settings say:

from ops.notebook import Logs
Logs().search("level:error checkout", last="2h").patterns()
"""

from ops.aws.cloud import Cloud
from ops.connect import connect
from ops.logs import api


class Logs(api.Logs):
    """Exported logs (`ops.logs.api.Logs`); without a `cloud`, those of the settings.

    Starts the embedded cloud if the settings choose it and it is not running.
    """

    def __init__(self, dataset: str = "", *, cloud: Cloud | None = None, zone: str = "UTC") -> None:
        super().__init__(cloud or connect(), dataset, zone=zone)
