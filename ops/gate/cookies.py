"""Cookies of a request or a response. Values are not decoded: they stay as sent."""

from collections.abc import Mapping

from ops.gate.requests import HeaderList


def read(headers: HeaderList) -> dict[str, str]:
    """Return the cookies of a request. Of two with one name, the first counts: its path is more specific."""
    found: dict[str, str] = {}
    for name, value in headers:
        if name.lower() == b"cookie":
            for pair in value.decode("latin-1").split(";"):
                key, equals, text = pair.strip().partition("=")
                if equals:
                    found.setdefault(key, text)
    return found


def header(cookies: Mapping[str, str]) -> tuple[bytes, bytes]:
    """Return a request's Cookie header."""
    return b"cookie", "; ".join(f"{name}={value}" for name, value in cookies.items()).encode("latin-1")


def set_name(value: bytes) -> str:
    """Return the name of the cookie in a Set-Cookie header."""
    return value.decode("latin-1").partition("=")[0].strip()


def set_value(value: bytes) -> str:
    """Return the value of the cookie in a Set-Cookie header, without quotes."""
    return value.decode("latin-1").partition(";")[0].partition("=")[2].strip().strip('"')


def setting(name: str, value: str, *, secure: bool, max_age_s: int | None = None) -> tuple[bytes, bytes]:
    """Return a Set-Cookie header: not readable by scripts, and not sent with requests of other sites."""
    parts = [f"{name}={value}", "Path=/", "HttpOnly", "SameSite=Lax"]
    if secure:
        parts.append("Secure")
    if max_age_s is not None:
        parts.append(f"Max-Age={max_age_s}")
    return b"set-cookie", "; ".join(parts).encode("latin-1")


def secured(value: bytes) -> bytes:
    """Return a Set-Cookie header's value with the attribute Secure."""
    attributes = {part.strip().lower() for part in value.split(b";")}
    return value if b"secure" in attributes else value + b"; Secure"
