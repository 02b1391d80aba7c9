"""boto3 clients by service, account, and region, with assumed roles, retries, and one endpoint."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.session import Session as BotocoreSession
from botocore.session import get_session

from ops.audit import session_name
from ops.aws.calls import translated
from ops.aws.client.call_log import log_calls
from ops.aws.client.foreign_answers import refuse_html
from ops.aws.client.recovery import Recovery
from ops.aws.client.role_sessions import credentials_of
from ops.aws.readings import Reading
from ops.errors import NotFound, SettingsError, SlipwayError
from ops.settings import Account, Settings

R = TypeVar("R")
CONNECT_TIMEOUT_S = 2
READ_TIMEOUT_S = 60
MAX_PEOPLE = 20  # whose clients are kept: each has its own role sessions


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


@cache
def _data_loader() -> Any:
    """Return the loader of all sessions of this process: loading the service models takes 0.2 s."""
    return get_session().get_component("data_loader")


class Cloud:
    """Creates boto3 clients and caches them.

    Clients are thread-safe; sessions are not, so they are only used here, under a lock.
    https://boto3.amazonaws.com/v1/documentation/api/latest/guide/session.html
    """

    def __init__(
        self,
        settings: Settings,
        endpoint: Endpoint | None = None,
        watch: Callable[[BotocoreSession], None] | None = None,
    ) -> None:
        """Connect to AWS or the endpoint. `watch` is called with every session that creates clients."""
        self.settings = settings
        self.endpoint = endpoint
        self._watch = watch
        self._lock = threading.RLock()
        self._clients: dict[tuple[str, str, str, int, str], Any] = {}
        self._sessions: dict[tuple[str, str], boto3.Session] = {}
        self._people: dict[str, None] = {}
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
        person = session_name() if account.role else ""
        key = (service, account.id, region or self.settings.home_region, timeout_s, person)
        if client := self._clients.get(key):
            return client
        with self._lock:
            if key not in self._clients:
                self._remember(person)
                self._clients[key] = self._created(account.role, service, key[2], timeout_s, person)
            return self._clients[key]

    def _remember(self, person: str) -> None:
        """Forget the clients of the person who is first of too many."""
        if not person or person in self._people:
            return
        self._people[person] = None
        if len(self._people) > MAX_PEOPLE:
            first = next(iter(self._people))
            del self._people[first]
            self._clients = {key: client for key, client in self._clients.items() if key[-1] != first}
            self._sessions = {key: session for key, session in self._sessions.items() if key[-1] != first}

    def _created(
        self,
        role: str,
        service: str,
        region: str,
        timeout_s: int = READ_TIMEOUT_S,
        person: str = "",
        **credentials: Any,
    ) -> Any:
        """Return a new client that fails fast in an outage, and renews credentials that AWS rejects."""
        session, options = self._session(role, person), self._options(timeout_s)
        client = session.client(service, region_name=region, **{**credentials, **options})  # type: ignore[call-overload]
        refuse_html(client)
        self._recovery.watch(client, f"{role} {person}".strip(), lambda: self._renew(role, person))
        return client

    def _renew(self, role: str, person: str) -> None:
        """Get new credentials for the next call: of the role, or of the environment for all roles."""
        if role:
            self._session(role, person).get_credentials().expire()  # type: ignore[union-attr]
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
                return Reading(place, fn(place), at=datetime.now(UTC))
            except SlipwayError as error:
                return Reading(place, error=error, at=datetime.now(UTC))

        chosen = list(self.places if places is None else places)
        contexts = [copy_context() for _ in chosen]  # in whose name the calls are made
        with ThreadPoolExecutor(self.settings.concurrency) as pool:
            return list(pool.map(lambda context, place: context.run(read_place, place), contexts, chosen))

    def _options(self, timeout_s: int = READ_TIMEOUT_S) -> dict[str, Any]:
        config = self._config
        if timeout_s != READ_TIMEOUT_S:
            config = config.merge(Config(read_timeout=timeout_s, retries={"total_max_attempts": 1}))
        return {"config": config, "endpoint_url": self.endpoint.url if self.endpoint else None}

    def _session(self, role: str, person: str = "") -> boto3.Session:
        with self._lock:
            if (role, person) not in self._sessions:
                session = self._role_session(role, person) if role else self._base_session()
                self._sessions[role, person] = session
            return self._sessions[role, person]

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

    def _role_session(self, role: str, person: str) -> boto3.Session:
        """Return a session that assumes the role, in the person's name, and refreshes its credentials."""
        base = self._session("")
        with translated(f"Assuming the role {role}"):
            source = base.get_credentials()
        session = self._botocore_session()
        session._credentials = credentials_of(  # type: ignore[attr-defined]
            role, person, source, self._create_sts_client
        )
        return boto3.Session(botocore_session=session, region_name=self.settings.home_region)

    def _botocore_session(self) -> BotocoreSession:
        """Return a session that shares the data loader."""
        session: BotocoreSession = get_session()
        session.register_component("data_loader", _data_loader())
        paths = _data_loader().search_paths
        paths[:] = dict.fromkeys(paths)  # every boto3.Session appends its path again
        log_calls(session)
        if self._watch:
            self._watch(session)
        return session

    def _create_sts_client(self, service: str, **credentials: Any) -> Any:
        return self._created("", service, self.settings.home_region, **credentials)


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
