"""An OpenID Connect provider on this machine, which signs in the configured person without asking."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey


class Provider(ThreadingHTTPServer):
    """`person` has the claims of the user; `signed_out` counts the sign-outs."""

    CLIENT = "slipway"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.person: dict[str, Any] = {}
        self.signed_out = 0
        self.nonces: dict[str, str] = {}
        self.key = RSAKey.generate_key(2048, {"kid": "one", "alg": "RS256", "use": "sig"}, private=True)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def metadata(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "end_session_endpoint": f"{self.issuer}/sign-out",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }

    def token(self, code: str) -> dict[str, Any]:
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": self.CLIENT,
            "iat": now,
            "exp": now + 3600,
            "nonce": self.nonces.pop(code),
            **self.person,
        }
        return {
            "access_token": "opaque",
            "token_type": "Bearer",
            "expires_in": 3600,
            "id_token": jwt.encode({"alg": "RS256", "kid": "one"}, claims, self.key),
        }


class _Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        parameters = {name: values[0] for name, values in parse_qs(address.query).items()}
        if address.path == "/.well-known/openid-configuration":
            self._json(self.server.metadata())
        elif address.path == "/keys":
            self._json({"keys": [self.server.key.as_dict(private=False)]})
        elif address.path == "/authorize":
            code = f"code-{len(self.server.nonces)}-{time.monotonic_ns()}"
            self.server.nonces[code] = parameters.get("nonce", "")
            self._redirect(
                f"{parameters['redirect_uri']}?{urlencode({'code': code, 'state': parameters['state']})}"
            )
        elif address.path == "/sign-out":
            self.server.signed_out += 1
            self._redirect(parameters["post_logout_redirect_uri"])
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        self._json(self.server.token(form["code"][0]))

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _redirect(self, location: str) -> None:
        self.send_response(302)
        self.send_header("Location", location)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Log nothing."""


@contextmanager
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
