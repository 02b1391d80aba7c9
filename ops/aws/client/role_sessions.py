"""Sessions of assumed roles, which name the person in CloudTrail.

CloudTrail shows the session name in every event. A source identity and a session tag say the same, and cannot
be changed by whoever uses the credentials; the role's trust policy must permit both:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_temp_control-access_monitor.html
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.exceptions import ClientError

NOBODY = "slipway"  # the name of sessions that only read
TAG = "slipway-user"


class RoleCredentials(DeferredRefreshableCredentials):
    """Credentials of an assumed role, which are refreshed when they expire or are rejected."""

    def __init__(self, method: str, refresh_using: Callable[[], Any], cache: dict[str, Any]) -> None:
        super().__init__(refresh_using, method)
        self._cache = cache

    def expire(self) -> None:
        """Assume the role again for the next call."""
        self._cache.clear()
        self._expiry_time = datetime.min.replace(tzinfo=UTC)


def credentials_of(role: str, person: str, source: Any, create_client: Callable[..., Any]) -> RoleCredentials:
    """Return credentials of the role in a session with the person's name, a permitted session name.

    If the trust policy does not permit a source identity, the session name alone names the person.
    """
    cache: dict[str, Any] = {}

    def fetcher(**more: Any) -> AssumeRoleCredentialFetcher:
        return AssumeRoleCredentialFetcher(
            client_creator=create_client,
            source_credentials=source,
            role_arn=role,
            extra_args={"RoleSessionName": person or NOBODY, **more},
            cache=cache,
        )

    named = fetcher()
    if not person:
        return RoleCredentials("assume-role", named.fetch_credentials, cache)
    proven = fetcher(SourceIdentity=person, Tags=[{"Key": TAG, "Value": person}])

    def fetch() -> Any:
        try:
            return proven.fetch_credentials()
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "AccessDenied":
                raise
            return named.fetch_credentials()

    return RoleCredentials("assume-role", fetch, cache)
