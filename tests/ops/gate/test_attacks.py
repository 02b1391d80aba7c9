"""Attacks on the gate, each of which must be refused, and what must still work."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ops.gate import tokens
from ops.roles import Role
from ops.settings import Settings
from tests.ops.gate.house import ABSENT, HOST, SITE, Client

# Everything that Streamlit serves, and addresses that it does not know.
ENDPOINTS = (
    "/", "/snapshots", "/static/js/index.js", "/favicon.png", "/_stcore/health", "/_stcore/metrics",
    "/_stcore/host-config", "/_stcore/script-health-check", "/_stcore/allowed-message-origins",
    "/_stcore/bidi-components/x.js", "/component/x.js", "/media/0.csv", "/app/static/x.png", "/auth/login",
    "/auth/logout", "/oauth2callback", "/auth/sign-in", "/?token=", "/?token=wrong", "/?token=a&token=b",
    "//evil.example/", "/unknown",
)  # fmt: skip
AGENT = (
    "/_stcore/agent/interact",
    "/_stcore/agent/openapi.json",
    "/_stcore/agent/mcp",
    "//_stcore/agent/mcp",
)
HOSTS = (
    "evil.example", "evil.example:8501", "127.0.0.1.evil.example", "localhost.evil.example", "0.0.0.0:8501",
    "[::]:8501", "192.168.1.7:8501", "10.0.0.1", "[fe80::1]:8501", "[::ffff:10.0.0.1]", "2130706433",
    "127.0.0.1@evil.example", "evil.example#127.0.0.1", "127.0.0.1:99999", "127.0.0.1:", "localhost/../x", "",
    "localhost, evil.example", "0x7f.1", "localhost.", "[::1", "::1", ABSENT,
)  # fmt: skip
ORIGINS = (
    "http://evil.example", "https://127.0.0.1:8501", "http://127.0.0.1:8502", "http://127.0.0.1",
    "http://localhost:8501", "http://[::1]:8501", "null", "", "file://", "http://127.0.0.1:8501.evil.example",
    "http://127.0.0.1:8501@evil.example", "http://evil.example/127.0.0.1:8501", "chrome-extension://abc",
    "http://127.0.0.1:8501/", "http://127.0.0.1:8501 http://evil.example",
)  # fmt: skip
FORWARDING = (
    "Forwarded", "Via", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto",
    "X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-By", "X-Forwarded-Prefix", "X-Forwarded-Ssl",
    "X-Forwarded-Scheme", "X-Forwarded-User", "X-Real-IP", "X-Client-IP", "Client-IP", "X-Remote-IP",
    "X-Remote-Addr", "X-Cluster-Client-IP", "True-Client-IP", "CF-Connecting-IP", "CF-Ray", "CF-Visitor",
    "CDN-Loop", "Fastly-Client-IP", "X-Original-Forwarded-For", "X-Original-Host", "X-Original-URL",
    "X-Rewrite-URL", "X-Host", "X-HTTP-Host-Override", "X-ProxyUser-Ip", "X-Envoy-External-Address",
    "X-Envoy-Original-Path", "X-Azure-ClientIP", "X-Appengine-User-IP", "X-Amzn-Trace-Id", "X-Amz-Cf-Id",
    "X-Cloud-Trace-Context", "Fly-Client-IP", "X-Vercel-Forwarded-For", "X-Scheme", "Front-End-Https",
    "WL-Proxy-Client-IP", "Proxy-Client-IP", "Tailscale-User-Login", "x-ARR-ssl",
)  # fmt: skip
FETCHES = (
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "iframe"},
    {"sec_fetch_site": "cross-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "image"},
    {"sec_fetch_site": "same-site", "sec_fetch_mode": "no-cors", "sec_fetch_dest": "script"},
    {"sec_fetch_site": "same-site", "sec_fetch_mode": "cors", "sec_fetch_dest": "empty"},
    {"sec_fetch_site": "cross-site"},
)


@pytest.fixture
def local(tmp_path: Path) -> Client:
    return Client.of(tmp_path)


@pytest.fixture
def deployed(tmp_path: Path) -> Client:
    client = Client.of(tmp_path, sign_in=True)
    client.settings[0] = Settings(administrators=("ada",), operators=("bob",), viewers=("vic",))
    return client


def now() -> float:
    return datetime.now(UTC).timestamp()


@pytest.mark.parametrize("path", [*ENDPOINTS, *AGENT])
def test_without_the_token_nothing_is_served(local: Client, path: str) -> None:
    local.enter()
    for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
        reply = local.get(path, method=method, sec_fetch_site="none")
        assert reply.status in (401, 403, 404) and local.inside.seen == []
        assert b"inside" not in reply.body and not reply.all("set-cookie")


@pytest.mark.parametrize(
    "cookie", ["", "slipway-8501=", "slipway-8501=guess", "slipway-8501=../token", "a=b"]
)
def test_a_websocket_needs_a_session(local: Client, cookie: str) -> None:
    local.enter()
    assert local.websocket(cookie=cookie) == ["websocket.close"] and len(local.inside.seen) == 0


@pytest.mark.parametrize("path", AGENT)
def test_the_agent_api_stays_off(local: Client, path: str) -> None:
    assert local.get(path, cookie=local.enter()).status == 404
    assert local.inside.seen == []


@pytest.mark.parametrize("host", HOSTS)
def test_other_hosts_are_refused(local: Client, host: str) -> None:
    cookie = local.enter()
    assert local.get("/", cookie=cookie, host=host).status == 403
    assert local.websocket(cookie=cookie, host=host, origin=f"http://{host}") == ["websocket.close"]
    assert local.inside.seen == []


def test_two_hosts_are_refused(local: Client) -> None:
    assert local.get("/", ("host", "evil.example"), cookie=local.enter()).status == 403


@pytest.mark.parametrize("origin", ORIGINS)
def test_other_origins_are_refused(local: Client, origin: str) -> None:
    cookie = local.enter()
    assert local.get("/", cookie=cookie, origin=origin).status == 403
    assert local.websocket(cookie=cookie, origin=origin) == ["websocket.close"]
    assert local.inside.seen == []


def test_a_websocket_without_an_origin_is_refused(local: Client) -> None:
    assert local.websocket(cookie=local.enter(), origin=ABSENT) == ["websocket.close"]


@pytest.mark.parametrize("name", FORWARDING)
def test_what_a_proxy_forwards_is_not_local(local: Client, name: str) -> None:
    cookie = local.enter()
    for value in ("127.0.0.1", "for=127.0.0.1;host=localhost", ""):
        assert local.get("/", (name, value), cookie=cookie).status == 403
        assert local.websocket((name, value), cookie=cookie) == ["websocket.close"]
    token = tokens.create(local.folder)
    assert local.get(f"/?token={token}", (name, "127.0.0.1")).status == 403
    assert local.inside.seen == []


@pytest.mark.parametrize("fetch", FETCHES, ids=lambda fetch: " ".join(fetch.values()))
def test_frames_and_parts_of_other_sites_are_refused(local: Client, fetch: dict[str, str]) -> None:
    assert local.get("/media/0.csv", cookie=local.enter(), **fetch).status == 403


@pytest.mark.parametrize(
    "host", [HOST, "localhost:8501", "[::1]:8501", "127.0.0.2:8501", "[::ffff:127.0.0.1]:8501"]
)
def test_this_machine_is_served_with_the_token(local: Client, host: str) -> None:
    local.host = host
    cookie = local.enter()
    assert local.get("/", cookie=cookie, origin=f"http://{host}").body == b"inside"
    assert local.websocket(cookie=cookie, messages=[b"rerun"]) == ["websocket.accept", "websocket.send"]
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert local.get("/logs", cookie=cookie, **link).status == 200


def test_an_allowed_host_is_a_setting(local: Client) -> None:
    local.settings[0] = Settings(hosts=("devbox.internal",))
    local.host = "devbox.internal:8501"
    assert local.get("/", cookie=local.enter()).status == 200


def test_the_token_is_exchanged_for_a_cookie_and_leaves_the_address(local: Client) -> None:
    token = tokens.create(local.folder)
    reply = local.get(f"/logs?t=1d&token={token}")
    assert (reply.status, reply.one("location")) == (303, "/logs?t=1d")
    cookie = reply.one("set-cookie")
    assert cookie.startswith("slipway-8501=") and token not in cookie
    assert {"Path=/", "HttpOnly", "SameSite=Lax"} == set(cookie.split("; ")[1:])
    assert reply.one("referrer-policy") == "same-origin" and reply.one("cache-control") == "no-store"
    assert local.get(f"//evil.example/?token={token}").one("location") == "/evil.example/"


def test_files_of_the_gate_are_private(local: Client) -> None:
    local.enter()
    tokens.opener(local.folder, "http://127.0.0.1:8501/?token=x")
    files = [path for path in local.folder.rglob("*") if path.is_file()]
    assert len(files) == 3 and {path.stat().st_mode & 0o777 for path in files} == {0o600}
    assert (local.folder / "sessions").stat().st_mode & 0o777 == 0o700


def test_an_earlier_token_and_one_of_another_port_open_nothing(local: Client, tmp_path: Path) -> None:
    earlier, other = tokens.create(local.folder), tokens.create(tmp_path / "other")
    tokens.create(local.folder)
    assert [local.get(f"/?token={token}").status for token in (earlier, other)] == [401, 401]
    reply = local.get(f"/logs?token={earlier}", cookie=local.enter())
    assert (reply.status, reply.one("location"), reply.all("set-cookie")) == (303, "/logs", [])
    tokens.remove(local.folder)
    assert local.get("/?token=").status == 401


def test_local_sessions_end_when_the_server_starts_again(local: Client) -> None:
    local.start()
    earlier, cookie = tokens.read(local.folder), local.enter()
    local.start()
    assert len(tokens.read(local.folder)) > 40 and tokens.read(local.folder) != earlier
    assert local.get("/", cookie=cookie).status == 401


def test_sessions_of_sign_in_outlast_a_start_and_there_is_no_token(deployed: Client) -> None:
    cookie = deployed.sign_in(sub="vic", iat=now())
    tokens.create(deployed.folder)
    deployed.start()
    assert deployed.get("/", cookie=cookie).status == 200 and not tokens.read(deployed.folder)


def test_the_client_cannot_forge_the_mark_or_the_identity(local: Client) -> None:
    cookie = local.enter() + "; _streamlit_user=forged; _streamlit_user_1=more; theme=dark"
    local.get("/", ("X-Slipway-Gate", "forged"), cookie=cookie)
    headers = local.inside.seen[-1]["headers"]
    assert [value for name, value in headers if name == b"cookie"] == [b"theme=dark"]
    assert sum(name == b"x-slipway-gate" for name, _ in headers) == 1 and len(local.key()) == 64


def test_every_response_has_the_headers(local: Client) -> None:
    inside, outside = local.get("/", cookie=local.enter()), local.get("/")
    for reply in (inside, outside):
        assert "frame-ancestors 'none'" in reply.one("content-security-policy")
        assert (reply.one("x-content-type-options"), reply.one("x-frame-options")) == ("nosniff", "DENY")
        assert not reply.all("access-control-allow-origin")
    policy = inside.one("content-security-policy")
    assert f"ws://{HOST}" in policy and "https:" not in policy and "'unsafe-eval'" not in policy


@pytest.mark.parametrize("path", [path for path in ENDPOINTS if not path.startswith("/_stcore/health")])
def test_on_a_network_address_without_sign_in_nothing_is_served(tmp_path: Path, path: str) -> None:
    client = Client.of(tmp_path, loopback=False)
    cookie = Client.of(tmp_path).enter()
    assert client.get(path, cookie=cookie).status == 403
    assert client.websocket(cookie=cookie) == ["websocket.close"] and client.inside.seen == []


@pytest.mark.parametrize("sign_in", [True, False])
def test_a_load_balancer_sees_health_and_nothing_else(tmp_path: Path, sign_in: bool) -> None:
    client = Client.of(tmp_path, sign_in=sign_in, loopback=False)
    reply = client.get("/_stcore/health", host="10.0.3.7:8501", x_forwarded_for="10.0.0.1")
    assert (reply.status, reply.body, client.inside.seen) == (200, b"ok", [])
    assert client.get("/_stcore/metrics", host="10.0.3.7:8501").status == 403


@pytest.mark.parametrize(
    "path", ["/", "/snapshots", "/_stcore/metrics", "/_stcore/host-config", "/media/0.csv"]
)
def test_before_sign_in_only_the_way_to_sign_in_is_served(deployed: Client, path: str) -> None:
    reply = deployed.get(path)
    shown = b"Reload the page" if path.startswith("/_stcore/") else b'href="/auth/sign-in"'
    assert reply.status == 401 and shown in reply.body and deployed.inside.seen == []
    assert deployed.websocket() == ["websocket.close"]
    assert deployed.get("/auth/sign-in").one("location") == "/auth/login?provider=signed"
    token = tokens.create(deployed.folder)
    assert deployed.get(f"/?token={token}").status == 401


def test_the_identity_stays_on_the_server(deployed: Client) -> None:
    deployed.inside.claims = {"sub": "vic", "iat": now()}
    reply = deployed.get("/oauth2callback?code=1&state=2")
    assert [text.partition("=")[0] for text in reply.all("set-cookie")] == [
        "_streamlit_xsrf",
        "__Host-slipway",
    ]
    assert all(text.endswith("Secure") for text in reply.all("set-cookie"))
    assert reply.one("strict-transport-security")
    deployed.get("/", cookie=reply.all("set-cookie")[1].partition(";")[0])
    assert b"_streamlit_user=" in dict(deployed.inside.seen[-1]["headers"])[b"cookie"]


def test_a_cookie_is_dead_after_signing_out(deployed: Client) -> None:
    cookie = deployed.sign_in(sub="vic", iat=now())
    sent = deployed.websocket(
        cookie=cookie, messages=[b"rerun", lambda: deployed.get("/auth/logout", cookie=cookie), b"rerun"]
    )
    assert sent == ["websocket.accept", "websocket.send", "websocket.close"]
    assert deployed.get("/", cookie=cookie).status == 401
    assert deployed.websocket(cookie=cookie) == ["websocket.close"]


def test_another_site_cannot_sign_out(deployed: Client) -> None:
    cookie = deployed.sign_in(sub="vic", iat=now())
    link = {"sec_fetch_site": "cross-site", "sec_fetch_mode": "navigate", "sec_fetch_dest": "document"}
    assert deployed.get("/auth/logout", cookie=cookie, **link).status == 403
    assert deployed.get("/", cookie=cookie).status == 200


def test_a_session_expires_at_the_next_message(deployed: Client) -> None:
    cookie = deployed.sign_in(sub="vic", iat=now() - 11 * 3600)

    def shorten() -> None:
        deployed.settings[0] = Settings(viewers=("vic",), session_hours=10)

    sent = deployed.websocket(cookie=cookie, messages=[b"rerun", shorten, b"rerun", b"rerun"])
    assert sent == ["websocket.accept", "websocket.send", "websocket.close"]
    reply = deployed.get("/", cookie=cookie)
    assert reply.status == 401 and b"older than 10 hours" in reply.body


@pytest.mark.parametrize("issued", [None, "now", True, 0, -1])
def test_a_token_without_a_time_of_issue_has_expired(deployed: Client, issued: object) -> None:
    assert deployed.get("/", cookie=deployed.sign_in(sub="vic", iat=issued)).status == 401


def test_signing_in_again_ends_the_earlier_session(deployed: Client) -> None:
    first = deployed.sign_in(sub="vic", iat=now())
    deployed.inside.claims = {"sub": "ada", "iat": now()}
    deployed.get("/oauth2callback?code=1&state=2", cookie=first)
    assert deployed.get("/", cookie=first).status == 401


def test_a_session_of_local_mode_is_none_of_sign_in(tmp_path: Path) -> None:
    local = Client.of(tmp_path)
    id = local.enter().partition("=")[2]
    assert Client.of(tmp_path, sign_in=True).get("/", cookie=f"__Host-slipway={id}").status == 401


def test_behind_a_proxy_sign_in_works(deployed: Client) -> None:
    cookie = deployed.sign_in(sub="vic", iat=now())
    assert deployed.get("/", cookie=cookie, x_forwarded_for="203.0.113.7").status == 200
    assert deployed.websocket(("x-forwarded-proto", "https"), cookie=cookie) == ["websocket.accept"]
    assert deployed.get("/", cookie=cookie, host="other.example.com").status == 403
    assert deployed.get("/", cookie=cookie, host=f"{SITE}:443", origin=f"https://{SITE}").status == 200


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
@pytest.mark.parametrize(("user", "status"), [("ada", 200), ("bob", 403), ("vic", 403), ("eve", 403)])
def test_only_who_may_write_rollouts_may_upload(
    deployed: Client, method: str, user: str, status: int
) -> None:
    cookie = deployed.sign_in(sub=user, iat=now())
    assert deployed.get("/_stcore/upload_file/session/file", cookie=cookie, method=method).status == status
    assert any(seen["path"].startswith("/_stcore/upload") for seen in deployed.inside.seen) is (status == 200)


def test_a_changed_role_counts_at_the_next_upload(deployed: Client) -> None:
    cookie = deployed.sign_in(sub="ada", iat=now())
    deployed.settings[0] = Settings(viewers=("ada",))
    assert deployed.get("/_stcore/upload_file/session/file", cookie=cookie, method="PUT").status == 403


@pytest.mark.parametrize("role", Role)
def test_a_local_role_counts_for_uploads(local: Client, role: Role) -> None:
    local.settings[0] = Settings(local_role=role)
    reply = local.get("/_stcore/upload_file/session/file", cookie=local.enter(), method="PUT")
    assert reply.status == (200 if role is Role.ADMINISTRATOR else 403)
