"""The Cloud that the settings name, for pages, command line and notebooks: AWS, or the embedded one."""

from ops import settings
from ops.aws.cloud import Cloud
from ops.settings import Settings


def connect(wanted: Settings | None = None) -> Cloud:
    """Connects; the embedded cloud is started where it does not run yet."""
    wanted = wanted or settings.load()
    if wanted.cloud == "embedded":
        from ops import embedded

        return embedded.connect(wanted)
    return Cloud(wanted)
