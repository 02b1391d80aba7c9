"""boto3 clients by service, account, and region, with assumed roles, retries, and one endpoint."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.session import Session as BotocoreSession
from botocore.session import get_session

from ops.aws.call_log import log_calls
from ops.aws.calls import translated
from ops.aws.recovery import Recovery
from ops.errors import NotFound, SettingsError, SlipwayError
from ops.settings import Account, Settings

R = TypeVar("R")
CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 60


@dataclass(frozen=True)
class Endpoint:
    """The endpoint of an AWS emulator: a URL on this machine, and dummy credentials."""

    url: str
    access_key_id: str
    secret_access_key: str

    def __post_init__(self) -> None:
        if urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SettingsError(
                f"The endpoint {self.url} is not on this machine.",
                hint="Use a loopback address, or remove the endpoint to connect to AWS.",
            )


@dataclass(frozen=True)
class Place:
    """An account and a region."""

    account: Account
    region: str


@dataclass(frozen=True)
class Reading(Generic[R]):
    """The result of reading one place: a value or an error."""

    place: Place
    value: R | None = None
    error: SlipwayError | None = None


@cache
def _data_loader() -> Any:
    """Return the loader of all sessions of this process: loading the service models takes 0.2 s."""
    return get_session().get_component("data_loader")


class Cloud:
    """Creates boto3 clients and caches them.

    Clients are thread-safe; sessions are not, so they are only used here, under a lock.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html
    """

    def __init__(self, settings: Settings, endpoint: Endpoint | None = None) -> None:
        self.settings = settings
        self.endpoint = endpoint
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, str, int], Any] = {}
        self._sessions: dict[str, boto3.Session] = {}
        self._accounts = settings.accounts
        self._recovery = Recovery(local=endpoint is not None)
        self._config = Config(
            retries={"mode": "adaptive", "max_attempts": 5},
            max_pool_connections=max(10, 2 * settings.concurrency),
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            user_agent_extra="slipway",
        )

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The configured accounts. If there are none, the account of the credentials."""
        if self._accounts:  # without the lock: it is held while a client is created
            return self._accounts
        with self._lock:
            if not self._accounts:
                with translated("Reading the caller identity"):
                    identity = self._created("", "sts", self.settings.home_region).get_caller_identity()
                self._accounts = (Account("this account", identity["Account"]),)
            return self._accounts

    @property
    def places(self) -> tuple[Place, ...]:
        """Every account in each of its regions."""
        return tuple(
            Place(account, region)
            for account in self.accounts
            for region in account.regions or self.settings.regions
        )

    def account(self, name_or_id: str = "") -> Account:
        """Return the account with this name or ID; the first one if empty. Raises NotFound."""
        for account in self.accounts:
            if name_or_id in ("", account.name, account.id):
                return account
        raise NotFound(
            f"The account {name_or_id!r} is not configured.",
            hint=f"Add it to slipway.toml, or use one of: {', '.join(a.name for a in self.accounts)}.",
        )

    def place(self, account: str, region: str) -> Place:
        """Return the region of the account with this name or ID. Raises NotFound."""
        return Place(self.account(account), region)

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        """Return a client. The account is a name or an ID; defaults: the first account, the home region."""
        return self._client(service, account, region, READ_TIMEOUT_S)

    def client_with_timeout(self, service: str, account: str, region: str, timeout_s: int) -> Any:
        """Return a client for calls that take long: with a read timeout of its own and without retries."""
        return self._client(service, account, region, timeout_s)

    def _client(self, service: str, name_or_id: str, region: str, timeout_s: int) -> Any:
        account = self.account(name_or_id)
        key = (service, account.id, region or self.settings.home_region, timeout_s)
        if client := self._clients.get(key):
            return client
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._created(account.role, service, key[2], timeout_s)
            return self._clients[key]

    def _created(
        self, role: str, service: str, region: str, timeout_s: int = READ_TIMEOUT_S, **credentials: Any
    ) -> Any:
        """Return a new client that fails fast in an outage, and renews credentials that AWS rejects."""
        session, options = self._session(role), self._options(timeout_s)
        client = session.client(service, region_name=region, **{**credentials, **options})  # type: ignore[call-overload]
        self._recovery.watch(client, role, lambda: self._renew(role))
        return client

    def _renew(self, role: str) -> None:
        """Get new credentials for the next call: of the role, or of the environment for all roles."""
        if role:
            self._session(role).get_credentials().expire()  # type: ignore[union-attr]
            return
        with self._lock:
            self._sessions.clear()
            self._clients.clear()

    def session(self, account: str = "", region: str = "") -> "PlacedSession":
        """Return a session for libraries that create their clients from one."""
        return PlacedSession(self, self.account(account).id, region or self.settings.home_region)

    def read(self, fn: Callable[[Place], R], places: Iterable[Place] | None = None) -> list[Reading[R]]:
        """Call `fn` for every place, up to `concurrency` in parallel. An error is its place's result."""

        def read_place(place: Place) -> Reading[R]:
            try:
                return Reading(place, fn(place))
            except SlipwayError as error:
                return Reading(place, error=error)

        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            return list(pool.map(read_place, self.places if places is None else places))

    def _options(self, timeout_s: int = READ_TIMEOUT_S) -> dict[str, Any]:
        config = self._config
        if timeout_s != READ_TIMEOUT_S:
            config = config.merge(Config(read_timeout=timeout_s, retries={"total_max_attempts": 1}))
        return {"config": config, "endpoint_url": self.endpoint.url if self.endpoint else None}

    def _session(self, role: str) -> boto3.Session:
        with self._lock:
            if role not in self._sessions:
                self._sessions[role] = self._base_session() if not role else self._role_session(role)
            return self._sessions[role]

    def _base_session(self) -> boto3.Session:
        if not self.endpoint:
            session = self._botocore_session()
            return boto3.Session(botocore_session=session, region_name=self.settings.home_region)
        return boto3.Session(
            botocore_session=self._botocore_session(),
            aws_access_key_id=self.endpoint.access_key_id,
            aws_secret_access_key=self.endpoint.secret_access_key,
            region_name=self.settings.home_region,
        )

    def _role_session(self, role: str) -> boto3.Session:
        """Return a session that assumes the role and refreshes its credentials."""
        base = self._session("")
        with translated(f"Assuming the role {role}"):
            source = base.get_credentials()
        remembered: dict[str, Any] = {}
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._create_sts_client,
            source_credentials=source,
            role_arn=role,
            extra_args={"RoleSessionName": "slipway"},
            cache=remembered,
        )
        session = self._botocore_session()
        session._credentials = RoleCredentials(  # type: ignore[attr-defined]
            "assume-role", fetcher.fetch_credentials, remembered
        )
        return boto3.Session(botocore_session=session, region_name=self.settings.home_region)

    def _botocore_session(self) -> BotocoreSession:
        """Return a session that shares the data loader."""
        session: BotocoreSession = get_session()
        session.register_component("data_loader", _data_loader())
        paths = _data_loader().search_paths
        paths[:] = dict.fromkeys(paths)  # every boto3.Session appends its path again
        log_calls(session)
        return session

    def _create_sts_client(self, service: str, **credentials: Any) -> Any:
        return self._created("", service, self.settings.home_region, **credentials)


class RoleCredentials(DeferredRefreshableCredentials):
    """Credentials of an assumed role, which are refreshed when they expire or are rejected."""

    def __init__(self, method: str, refresh_using: Callable[[], Any], cache: dict[str, Any]) -> None:
        super().__init__(refresh_using, method)
        self._cache = cache

    def expire(self) -> None:
        """Assume the role again for the next call."""
        self._cache.clear()
        self._expiry_time = datetime.min.replace(tzinfo=UTC)


class PlacedSession:
    """A stand-in for a boto3 session that awswrangler accepts.

    awswrangler passes its own options for clients; they are ignored in favor of the Cloud's.
    """

    def __init__(self, cloud: Cloud, account: str, region: str) -> None:
        self._cloud = cloud
        self._account = account
        self.region_name = region

    def client(self, service_name: str, **options: Any) -> Any:
        return self._cloud.client(service_name, self._account, self.region_name)
