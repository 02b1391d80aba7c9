"""Which requests are refused whoever sends them, by their host, origin, and forwarding headers.

Host protects against DNS rebinding: a website's name that resolves to this machine is not in the list. Origin
protects against other websites, also those on another port of this machine, which browsers treat as the same
site. Forwarding headers show that a proxy is in between: then the request is not local.
"""

import ipaddress
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

HeaderList = Iterable[tuple[bytes, bytes]]

_HOST = re.compile(r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9_.-]+))(?::(?P<port>\d{1,5}))?")
_ORIGIN = re.compile(r"(?P<scheme>https?)://(?P<host>[^/?#@\s]+)")
_OWN_SITES = ("same-origin", "none")
_LINK = (["navigate"], ["document"])  # Sec-Fetch-Mode and -Dest of a link in a tab of its own, not a frame
_PORTS = {"http": "80", "https": "443"}

# Headers that reverse proxies, load balancers, and content delivery networks add.
_FORWARDING = frozenset(
    """
    forwarded via client-ip x-client-ip x-real-ip x-remote-ip x-remote-addr x-cluster-client-ip true-client-ip
    fastly-client-ip x-proxyuser-ip x-host x-http-host-override x-scheme x-url-scheme front-end-https
    x-amzn-trace-id x-cloud-trace-context cdn-loop x-rewrite-url wl-proxy-client-ip proxy-client-ip x-cache
    x-varnish proxy-connection
    """.split()
)
_FORWARDING_PREFIXES = (
    "x-forwarded", "x-original-", "x-envoy-", "x-azure-", "x-appengine-", "x-amz-cf-", "x-vercel-", "cf-",
    "fly-", "x-akamai-", "akamai-", "x-nginx-", "x-traefik-", "x-arr-", "tailscale-",
)  # fmt: skip


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused, and what to do."""

    reason: str
    hint: str


def refusal(
    headers: HeaderList,
    *,
    hosts: Collection[str],
    scheme: str,
    local: bool,
    websocket: bool,
    navigation: bool = False,
) -> Refusal | None:
    """Return why a request with these headers is refused, or None.

    `scheme` is that of the addresses in a browser, http or https. `hosts` are host names without port that
    are allowed in addition to loopback. A websocket must have an origin; browsers always send it.
    `navigation` is whether the request may come from a link on another site: it opens a page and changes
    nothing.
    """
    given: dict[str, list[str]] = {}
    for name, value in headers:
        given.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
    if local and (through := _forwarded_by(given)):
        return Refusal(
            f"The request came through a proxy: it has the header {through}.",
            "Open Slipway directly on this machine, or configure sign-in as described in docs/sign-in.md.",
        )
    host = _only(given, "host")
    if host is None or not is_allowed_host(host, hosts):
        return Refusal(
            "Slipway does not serve this host name.",
            "Use the address that Slipway printed when it started, or add the name to the setting hosts.",
        )
    origins = given.get("origin", [])
    if (websocket and not origins) or any(not is_same_origin(origin, scheme, host) for origin in origins):
        return Refusal("The request comes from another website.", "Open Slipway in a tab of its own.")
    followed = navigation and (given.get("sec-fetch-mode"), given.get("sec-fetch-dest")) == _LINK
    if not followed and any(site not in _OWN_SITES for site in given.get("sec-fetch-site", [])):
        return Refusal("The request comes from another website.", "Open Slipway in a tab of its own.")
    return None


def is_allowed_host(host: str, allowed: Collection[str]) -> bool:
    """Return whether a Host header names this machine's loopback or one of the allowed names."""
    if not (match := _HOST.fullmatch(host.lower())) or int(match["port"] or 0) > 65_535:
        return False
    name = match["ipv6"] or match["name"]
    return name in allowed or name == "localhost" or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Return whether the text is a loopback address, of IPv4 or IPv6, or `localhost`."""
    if address == "localhost":
        return True
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return (mapped or parsed).is_loopback


def is_same_origin(origin: str, scheme: str, host: str) -> bool:
    """Return whether the Origin header names this scheme, and the host and port of the Host header."""
    match = _ORIGIN.fullmatch(origin.lower())
    if not match or match["scheme"] != scheme:
        return False  # also `null`, which sandboxed frames and local files send
    default = _PORTS[scheme]
    return _with_port(match["host"], default) == _with_port(host.lower(), default)


def _with_port(host: str, default: str) -> tuple[str, str] | None:
    match = _HOST.fullmatch(host)
    return (match["ipv6"] or match["name"], match["port"] or default) if match else None


def _forwarded_by(headers: dict[str, list[str]]) -> str:
    return next(
        (name for name in headers if name in _FORWARDING or name.startswith(_FORWARDING_PREFIXES)), ""
    )


def _only(headers: dict[str, list[str]], name: str) -> str | None:
    values = headers.get(name, [])
    return values[0] if len(values) == 1 else None
