"""The Cloud: boto3 clients by service, account and region, with assumed roles, retries and one endpoint."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
from botocore.session import Session as BotocoreSession
from botocore.session import get_session

from ops.aws.calls import translated
from ops.errors import NotFound, SettingsError, SlipwayError
from ops.settings import Account, Settings

R = TypeVar("R")
READ_S = 60  # for an answer, as a rule


@dataclass(frozen=True)
class Endpoint:
    """An AWS that is not Amazon's: its address, which must be on this machine, and its own dummy keys."""

    url: str
    access_key_id: str
    secret_access_key: str

    def __post_init__(self) -> None:
        if urlsplit(self.url).hostname not in ("127.0.0.1", "localhost", "::1"):
            raise SettingsError(
                f"The endpoint {self.url} is not on this machine.",
                hint="Leave the endpoint out to use AWS itself.",
            )


@dataclass(frozen=True)
class Place:
    """An account and a region."""

    account: Account
    region: str


@dataclass(frozen=True)
class Reading(Generic[R]):
    """What one place answered: a value, or the error that stands in its place."""

    place: Place
    value: R | None = None
    error: SlipwayError | None = None


class Cloud:
    """Clients are cached and safe for many threads; sessions never leave this class."""

    def __init__(self, settings: Settings, endpoint: Endpoint | None = None) -> None:
        self.settings = settings
        self.endpoint = endpoint
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, str, int], Any] = {}
        self._sessions: dict[str, boto3.Session] = {}
        self._accounts = settings.accounts
        self._loader = get_session().get_component("data_loader")
        self._config = Config(
            retries={"mode": "adaptive", "max_attempts": 5},
            max_pool_connections=max(10, 2 * settings.concurrency),
            connect_timeout=5,
            read_timeout=READ_S,
            user_agent_extra="slipway",
        )

    @property
    def accounts(self) -> tuple[Account, ...]:
        """The configured accounts; without any, the account that the credentials belong to."""
        if self._accounts:  # without the lock, which is held as long as a client is made
            return self._accounts
        with self._lock:
            if not self._accounts:
                with translated("Asking who we are"):
                    identity = self._session("").client("sts", **self._options()).get_caller_identity()
                self._accounts = (Account("this account", identity["Account"]),)
            return self._accounts

    @property
    def places(self) -> tuple[Place, ...]:
        """Every account in every region that is looked at."""
        return tuple(
            Place(account, region)
            for account in self.accounts
            for region in account.regions or self.settings.regions
        )

    def account(self, name_or_id: str = "") -> Account:
        """The account of that name or id; the first one for an empty name. Raises NotFound."""
        for account in self.accounts:
            if name_or_id in ("", account.name, account.id):
                return account
        raise NotFound(
            f"No account {name_or_id!r} is configured.",
            hint=f"Configured: {', '.join(a.name for a in self.accounts)}. Add it to slipway.toml.",
        )

    def client(self, service: str, account: str = "", region: str = "") -> Any:
        """A client in the account (name or id) and region; by default the first one, the home region."""
        return self._client(service, account, region, READ_S)

    def patient_client(self, service: str, account: str, region: str, answer_s: int) -> Any:
        """The same for calls that take longer: each has `answer_s` for its answer, and is not repeated."""
        return self._client(service, account, region, answer_s)

    def _client(self, service: str, account: str, region: str, answer_s: int) -> Any:
        where = self.account(account)
        key = (service, where.id, region or self.settings.home_region, answer_s)
        if made := self._clients.get(key):
            return made
        with self._lock:
            if key not in self._clients:
                session = self._session(where.role)
                options = self._options(answer_s)
                self._clients[key] = session.client(service, region_name=key[2], **options)  # type: ignore[call-overload]
            return self._clients[key]

    def session(self, account: str = "", region: str = "") -> "PlacedSession":
        """For a library that makes its clients itself: those of `client`, at the same place and endpoint."""
        return PlacedSession(self, self.account(account).id, region or self.settings.home_region)

    def read(self, fn: Callable[[Place], R], places: Iterable[Place] | None = None) -> list[Reading[R]]:
        """`fn` in every place at once, bounded by the concurrency setting; errors stand in their place."""

        def one(place: Place) -> Reading[R]:
            try:
                return Reading(place, fn(place))
            except SlipwayError as error:
                return Reading(place, error=error)

        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            return list(pool.map(one, self.places if places is None else places))

    def _options(self, answer_s: int = READ_S) -> dict[str, Any]:
        config = self._config
        if answer_s != READ_S:
            config = config.merge(Config(read_timeout=answer_s, retries={"total_max_attempts": 1}))
        return {"config": config, "endpoint_url": self.endpoint.url if self.endpoint else None}

    def _session(self, role: str) -> boto3.Session:
        with self._lock:
            if role not in self._sessions:
                self._sessions[role] = self._base() if not role else self._assumed(role)
            return self._sessions[role]

    def _base(self) -> boto3.Session:
        if not self.endpoint:
            return boto3.Session(botocore_session=self._unplaced(), region_name=self.settings.home_region)
        return boto3.Session(
            botocore_session=self._unplaced(),
            aws_access_key_id=self.endpoint.access_key_id,
            aws_secret_access_key=self.endpoint.secret_access_key,
            region_name=self.settings.home_region,
        )

    def _assumed(self, role: str) -> boto3.Session:
        """A session whose credentials come from the role and renew themselves."""
        base = self._session("")
        with translated(f"Assuming the role {role}"):
            source = base.get_credentials()
        fetcher = AssumeRoleCredentialFetcher(
            client_creator=self._sts,
            source_credentials=source,
            role_arn=role,
            extra_args={"RoleSessionName": "slipway"},
        )
        session = self._unplaced()
        session._credentials = DeferredRefreshableCredentials(  # type: ignore[attr-defined]
            method="assume-role", refresh_using=fetcher.fetch_credentials
        )
        return boto3.Session(botocore_session=session, region_name=self.settings.home_region)

    def _unplaced(self) -> BotocoreSession:
        """A session that shares the services' models with all others: to read them again takes 0.2 s."""
        session: BotocoreSession = get_session()
        session.register_component("data_loader", self._loader)
        paths = self._loader.search_paths
        paths[:] = dict.fromkeys(paths)  # each boto3.Session adds its own once more
        return session

    def _sts(self, service: str, **credentials: Any) -> Any:
        return self._session("").client(
            service,  # type: ignore[call-overload]
            region_name=self.settings.home_region,
            **{**credentials, **self._options()},
        )


class PlacedSession:
    """What awswrangler takes for a boto3 session: it asks for clients and hands on options of its own,
    which give way to the Cloud's."""

    def __init__(self, cloud: Cloud, account: str, region: str) -> None:
        self._cloud = cloud
        self._account = account
        self.region_name = region

    def client(self, service_name: str, **options: Any) -> Any:
        return self._cloud.client(service_name, self._account, self.region_name)
