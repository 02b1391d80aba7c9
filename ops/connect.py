"""Connect to AWS or to the embedded cloud, as the settings say."""

from ops import settings
from ops.aws.cloud import Cloud
from ops.settings import Settings


def connect(configured: Settings | None = None) -> Cloud:
    """Return the Cloud for the settings. Starts the embedded cloud if it is not running."""
    configured = configured or settings.load()
    if configured.cloud == "embedded":
        from ops import embedded

        return embedded.connect(configured)
    return Cloud(configured)
