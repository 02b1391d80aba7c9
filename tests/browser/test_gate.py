"""The gate in front of a served app: what is refused on the wire, and what a browser loads and from where."""

from http.client import HTTPConnection
from urllib.parse import urlsplit

from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.browser.conftest import ENTERED
from tests.browser.still import PATIENCE_MS, STILL

PAGES = ("", "snapshots", "logs?t=1d", "log_export", "support_stacks", "rollouts", "settings", "audit")
PATHS = (
    "/", "/snapshots", "/favicon.png", "/_stcore/health", "/_stcore/metrics", "/_stcore/host-config",
    "/_stcore/agent/openapi.json", "/_stcore/upload_file/a/b", "/media/a", "/component/a", "/oauth2callback",
)  # fmt: skip


def ask(address: str, path: str, **headers: str) -> int:
    connection = HTTPConnection(urlsplit(address).netloc, timeout=30)
    connection.putrequest("GET", path, skip_host="Host" in headers)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status


def shake(address: str, **headers: str) -> bool:
    """Return whether a websocket opens."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"ws://{urlsplit(address).netloc}/_stcore/stream"
    try:
        with connect(url, additional_headers=given):
            return True
    except InvalidStatus as refused:
        assert refused.response.status_code == 403
        return False


def cookie(address: str) -> str:
    return next(f"{item['name']}={item['value']}" for item in ENTERED if item["url"] == address)


def test_the_served_app_refuses_what_the_gate_refuses(address: str) -> None:
    assert {path: ask(address, path) for path in PATHS} == {
        path: 404 if "agent" in path else 401 for path in PATHS
    }
    entered = cookie(address)
    attacks = (
        {"Host": "evil.example"},
        {"Host": "127.0.0.1.evil.example"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"X_Forwarded_For": "127.0.0.1"},
        {"Forwarded": "for=127.0.0.1"},
        {"Via": "1.1 proxy"},
    )
    assert [ask(address, "/", Cookie=entered, **attack) for attack in attacks] == [403] * len(attacks)
    assert not any(shake(address, Cookie=entered, **{"Origin": address} | attack) for attack in attacks[2:])
    assert not shake(address, Origin=address) and not shake(address, Cookie=entered)
    assert ask(address, "/", Cookie=entered) == 200 and shake(address, Origin=address, Cookie=entered)


def test_pages_load_nothing_from_elsewhere_and_break_no_policy(page: Page, address: str) -> None:
    foreign, broken = list[str](), list[str]()

    def note_request(request: Request) -> None:
        if urlsplit(request.url).scheme in ("http", "https") and not request.url.startswith(address):
            foreign.append(request.url)

    def note_message(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text or "Refused to" in message.text:
            broken.append(message.text)

    page.on("request", note_request)
    page.on("console", note_message)
    for path in PAGES:
        page.goto(f"{address}/{path}")
        page.wait_for_selector("h1")
        page.wait_for_selector(STILL)
    assert (set(foreign), set(broken)) == (set(), set())


def test_without_the_token_a_browser_sees_how_to_get_in(browser: Browser, address: str) -> None:
    context = browser.new_context()
    context.clear_cookies()
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(f"{address}/snapshots")
    expect(page.get_by_role("heading", name="Link required")).to_be_visible()
    expect(page.get_by_text("Open the link with ?token= that Slipway printed")).to_be_visible()
    context.close()


def test_another_site_cannot_frame_it(page: Page, address: str) -> None:
    page.route(
        "http://127.0.0.1:9/frame",
        lambda route: route.fulfill(
            content_type="text/html", body=f'<iframe src="{address}/"></iframe><iframe src="/empty"></iframe>'
        ),
    )
    page.route("http://127.0.0.1:9/empty", lambda route: route.fulfill(content_type="text/html", body=""))
    page.goto("http://127.0.0.1:9/frame")
    assert [frame.url for frame in page.frames[1:]] == [
        "chrome-error://chromewebdata/",
        "http://127.0.0.1:9/empty",
    ]
