"""The gate: an ASGI middleware in front of everything that the pages' server answers.

It wraps Streamlit's own endpoints, websockets included. https://asgi.readthedocs.io/en/latest/specs/www.html
"""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ops.errors import SettingsError, SlipwayError
from ops.gate import cookies, headers, mark, requests, screens, tokens
from ops.gate.people import actor_of
from ops.gate.screens import Screen
from ops.gate.sessions import Session, Sessions, key_of
from ops.gate.visit import App, House, Message, Receive, Scope, Send, Visit
from ops.operations import Operation
from ops.settings import Settings

CORE = "/_stcore/"  # Streamlit's endpoints, which its pages ask
HEALTH = "/_stcore/health"
AGENT = "/_stcore/agent"
UPLOADS = "/_stcore/upload_file"
SIGN_IN = "/auth/sign-in"  # the gate's own; the next three are Streamlit's
LOGIN, LOGOUT, CALLBACK = "/auth/login", "/auth/logout", "/oauth2callback"
IDENTITY = "_streamlit_user"  # first part of the names of Streamlit's identity cookies
POLICY_VIOLATION = 1008
# Of Streamlit's answers: it permits other origins more than the gate does.
DROPPED = (b"access-control-", b"x-frame-options", b"content-security-policy", b"referrer-policy")

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What the gate itself answers."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes = b""


@dataclass(frozen=True)
class Admitted:
    """A request that the gate lets through, in a session unless it is a step of signing in."""

    key: str = ""
    session: Session | None = None


class Gate:
    """Lets through who has the token (local), or a session (sign-in); refuses everybody else."""

    def __init__(self, app: App, house: House) -> None:
        self._app = app
        self._house = house
        self._sessions = Sessions(house.folder)
        self._settings = Settings()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            self._start()
            await self._app(scope, receive, send)
            return
        visit = Visit.of(scope)
        decision = self._decide(visit)
        if isinstance(decision, Answer):
            await (_refuse_websocket if visit.websocket else _answer)(decision, visit, receive, send)
        elif visit.websocket:
            await self._connect(visit, decision, receive, send)
        else:
            await self._serve(visit, decision, receive, send)

    def _start(self) -> None:
        """Create the token of local mode. Its sessions end when the server starts again."""
        if self._house.local:
            self._sessions.end_all()
            tokens.create(self._house.folder)
        else:
            tokens.remove(self._house.folder)

    def _decide(self, visit: Visit) -> Answer | Admitted:
        """Return whether the request is let through, or what is answered instead."""
        house = self._house
        settings = self._current()
        entered = self._entered(visit)
        if visit.path == HEALTH and visit.method in ("GET", "HEAD") and not house.local and not entered:
            return Answer(200, ((b"content-type", b"text/plain"),), b"ok")  # for load balancers
        refusal = requests.refusal(
            visit.headers,
            hosts={*settings.hosts, *(house.sign_in.hosts if house.sign_in else ())},
            scheme="https" if self._secure else visit.scheme,
            local=house.local,
            websocket=visit.websocket,
            navigation=visit.method == "GET" and visit.path != LOGOUT,
        )
        if refusal:
            log.warning("Request refused", extra={"reason": refusal.reason, "path": visit.path})
            return self._show(screens.refused(refusal.reason, refusal.hint))
        if AGENT in visit.path:  # Streamlit answers there even if the agent API is off
            return self._show(screens.UNAVAILABLE)
        if house.sign_in:
            decision = self._with_sign_in(visit, entered, settings)
        elif house.local:
            decision = self._with_token(visit, entered)
        else:
            decision = self._show(screens.NOT_CONFIGURED)
        if isinstance(decision, Admitted) and visit.path.startswith(UPLOADS):
            return decision if self._may_upload(decision, settings) else self._show(screens.NOT_PERMITTED)
        return decision

    def _with_token(self, visit: Visit, entered: Admitted | None) -> Answer | Admitted:
        given = [value for name, value in visit.query if name == tokens.PARAMETER]
        if given and visit.method == "GET" and not visit.websocket:
            if len(given) != 1 or not tokens.matches(given[0], tokens.read(self._house.folder)):
                if entered:  # an old link, in a browser that has opened the current one
                    return _redirect(visit.without(tokens.PARAMETER))
                return self._show(screens.token_required(given=True))
            id = self._sessions.open(Session(datetime.now(UTC).timestamp()))
            return _redirect(visit.without(tokens.PARAMETER), self._set_session(visit, id))
        return entered or self._show(screens.token_required(given=False), visit)

    def _with_sign_in(self, visit: Visit, entered: Admitted | None, settings: Settings) -> Answer | Admitted:
        assert self._house.sign_in
        if visit.path == SIGN_IN and visit.method == "GET":
            return _redirect(self._house.sign_in.address())
        if visit.path in (LOGIN, CALLBACK):
            return Admitted()
        if not entered or not entered.session:
            return self._show(screens.sign_in(SIGN_IN), visit)
        if entered.session.expires(settings.session_hours) <= datetime.now(UTC).timestamp():
            if visit.path == LOGOUT:
                return entered
            return self._show(screens.sign_in(SIGN_IN, expired_h=settings.session_hours), visit)
        return entered

    def _entered(self, visit: Visit) -> Admitted | None:
        """Return the session of the request's cookie, if it is one of this house's kind."""
        key = self._key(visit)
        session = self._sessions.read(key) if key else None
        if session is None or (session.claims is None) is not self._house.local:
            return None
        return Admitted(key, session)

    def _may_upload(self, admitted: Admitted, settings: Settings) -> bool:
        try:
            actor = actor_of(admitted.session, settings, datetime.now(UTC)) if admitted.session else None
        except SlipwayError:
            return False
        return actor is not None and Operation.WRITE_ROLLOUT.allows(actor.role)

    def _is_open(self, admitted: Admitted) -> bool:
        """Return whether the session of a connection has neither ended nor expired since."""
        if not admitted.session or not self._sessions.is_open(admitted.key):
            return False
        return admitted.session.expires(self._current().session_hours) > datetime.now(UTC).timestamp()

    def _current(self) -> Settings:
        """Return the settings; while they are invalid, which every page shows, the last valid ones."""
        with suppress(SettingsError):
            self._settings = self._house.load()
        return self._settings

    async def _serve(self, visit: Visit, admitted: Admitted, receive: Receive, send: Send) -> None:
        received: dict[str, str] = {}  # identity cookies of Streamlit's answer
        if visit.path == LOGOUT:
            self._sessions.end(admitted.key)

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": self._outward(visit, message.get("headers", ()), received)}
            await send(message)

        await self._app(self._inward(visit, admitted), receive, sending)

    async def _connect(self, visit: Visit, admitted: Admitted, receive: Receive, send: Send) -> None:
        """Pass on messages of a websocket in both directions until its session ends."""
        closed = False

        async def open_still() -> bool:
            nonlocal closed
            if not closed and not self._is_open(admitted):
                closed = True
                await send({"type": "websocket.close", "code": POLICY_VIOLATION})
            return not closed

        async def receiving() -> Message:
            message = await receive()
            if message["type"] == "websocket.receive" and not await open_still():
                return {"type": "websocket.disconnect", "code": POLICY_VIOLATION}
            return message

        async def sending(message: Message) -> None:
            if await open_still():
                await send(message)

        await self._app(self._inward(visit, admitted), receiving, sending)

    def _inward(self, visit: Visit, admitted: Admitted) -> Scope:
        """Return the scope that Streamlit sees: with the gate's mark, and the session's identity cookies."""
        kept = {name: text for name, text in visit.cookies.items() if not name.startswith(IDENTITY)}
        kept.pop(self._cookie_name(visit), None)
        if admitted.session:
            kept.update(admitted.session.cookies)
        own = (b"cookie", mark.HEADER.lower().encode())
        passed = [(name, value) for name, value in visit.headers if name.lower() not in own]
        return {**visit.scope, "headers": [*passed, cookies.header(kept), mark.write(admitted.key)]}

    def _outward(
        self, visit: Visit, given: requests.HeaderList, received: dict[str, str]
    ) -> list[tuple[bytes, bytes]]:
        """Return the response's headers: identity cookies become a session, and stay here."""
        policy = headers.policy(self._house.script_hashes, visit.host)
        result = headers.of_every_response(policy, secure=self._secure)
        for name, value in given:
            if name.lower() == b"set-cookie":
                cookie = cookies.set_name(value)
                if cookie.startswith(IDENTITY):
                    if text := cookies.set_value(value):
                        received[cookie] = text
                    continue
                value = cookies.secured(value) if self._secure else value
            if not name.lower().startswith(DROPPED):
                result.append((name, value))
        if visit.path == CALLBACK and received:
            result.append(self._signed_in(visit, received))
        elif visit.path == LOGOUT:
            result.append(self._set_session(visit, "", max_age_s=0))
        return result

    def _signed_in(self, visit: Visit, received: dict[str, str]) -> tuple[bytes, bytes]:
        """Open a session for the identity cookies, end the browser's earlier one, and return its cookie."""
        assert self._house.sign_in
        now = datetime.now(UTC)
        self._sessions.remove_expired(now, self._current().session_hours)
        self._sessions.end(self._key(visit))
        claims = self._house.sign_in.claims(received)
        if claims is None:
            return self._set_session(visit, "", max_age_s=0)
        return self._set_session(visit, self._sessions.open(Session(now.timestamp(), claims, received)))

    def _set_session(self, visit: Visit, id: str, max_age_s: int | None = None) -> tuple[bytes, bytes]:
        return cookies.setting(self._cookie_name(visit), id, secure=self._secure, max_age_s=max_age_s)

    def _cookie_name(self, visit: Visit) -> str:
        """Return the name of the session's cookie: browsers send a host's cookies to all of its ports."""
        return "__Host-slipway" if self._secure else f"slipway-{visit.port}"

    def _key(self, visit: Visit) -> str:
        id = visit.cookies.get(self._cookie_name(visit), "")
        return key_of(id) if id else ""

    @property
    def _secure(self) -> bool:
        return self._house.sign_in is not None and self._house.sign_in.secure

    def _show(self, screen: Screen, visit: Visit | None = None) -> Answer:
        if visit and visit.path.startswith(CORE):
            content = ((b"content-type", b"application/json"),)  # of another type, Streamlit shows nothing
            return Answer(screen.status, content, json.dumps(screen.again).encode())
        return Answer(screen.status, ((b"content-type", b"text/html; charset=utf-8"),), screen.body)


def _redirect(target: str, *more: tuple[bytes, bytes]) -> Answer:
    return Answer(303, ((b"location", target.encode("latin-1")), *more))


async def _answer(answer: Answer, visit: Visit, receive: Receive, send: Send) -> None:
    every = headers.of_every_response(headers.own_policy(screens.STYLE), secure=False)
    length = (b"content-length", str(len(answer.body)).encode())
    all_headers = [*every, (b"cache-control", b"no-store"), length, *answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": all_headers})
    await send({"type": "http.response.body", "body": b"" if visit.method == "HEAD" else answer.body})


async def _refuse_websocket(answer: Answer, visit: Visit, receive: Receive, send: Send) -> None:
    """Close before accepting: the server answers the handshake with 403."""
    await receive()
    await send({"type": "websocket.close", "code": POLICY_VIOLATION})
