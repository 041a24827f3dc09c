"""What stands before every page: who may ask, from where, how much; and what a browser may do with the answer."""

import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cryogauge.records import BadInput

#: Largest body of a request, unless a page takes files. Pages send small JSON.
LARGEST_BODY_BYTES = 2**20
#: Fewer characters could be guessed.
SHORTEST_TOKEN = 16

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
}
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


def is_local(host: str) -> bool:
    """Whether a server bound to ``host``, a name or an address, can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_token(token: str) -> None:
    """Raise ``BadInput`` for a token that could be guessed or that an address cannot carry."""
    if len(token) < SHORTEST_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
        raise BadInput(
            f"a token needs at least {SHORTEST_TOKEN} letters, digits or signs, without spaces",
            "make one with: openssl rand -hex 16",
        )


def check_reach(host: str, token: str | None) -> None:
    """Raise ``BadInput`` where other machines could reach a server that asks for no token, or for a poor one."""
    if token is not None:
        check_token(token)
    elif not is_local(host):
        raise BadInput(
            f"other machines could reach {host}, and anybody there could use the pages",
            "give a token, or stay with 127.0.0.1 and reach it through an SSH tunnel",
        )


class Guard:
    """Refuses what should not reach the pages, and sets the headers of what leaves.

    Without a token only this machine's own names are accepted as ``Host``, so that no other site can turn its name
    to this address (DNS rebinding). With one, every request needs it: as ``Authorization: Bearer``, or as
    ``?token=`` once, which sets a cookie. Requests that change something are refused when they come from a page of
    another site, and when they are too large. WebSockets are refused.

    Parameters
    ----------
    app
        What it stands before.
    token
        The secret, or None for a server that only this machine can reach.
    largest_body_bytes
        Of a request.

    Raises
    ------
    BadInput
        When the token could be guessed.
    """

    def __init__(self, app: ASGIApp, token: str | None = None, largest_body_bytes: int = LARGEST_BODY_BYTES) -> None:
        if token is not None:
            check_token(token)
        self._app = app
        self._token = token
        self._largest = largest_body_bytes
        # The cookie holds a key made from the token; its name keeps two servers of one machine apart.
        self._key = "" if token is None else hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()
        self._cookie = f"cryogauge_{hashlib.sha256(self._key.encode()).hexdigest()[:8]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or hand it on."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(scope, Headers(scope=scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """What to answer in place of the page, or None when all is well."""
        host = headers.get("host", "")
        if self._token is None and not is_local(_name_of(host)):
            return PlainTextResponse("this server answers to its local names only\n", 403)
        if scope["method"] not in _SAFE_METHODS:
            if _is_foreign(headers, host):
                return PlainTextResponse("requests from other sites are refused\n", 403)
            if "transfer-encoding" in headers:
                return PlainTextResponse("say how long the request is\n", 411)
            if int(headers.get("content-length", "0")) > self._largest:
                return PlainTextResponse(f"more than {self._largest} bytes\n", 413)
        return None if self._token is None else self._without_token(scope, headers)

    def _without_token(self, scope: Scope, headers: Headers) -> Response | None:
        kind, _, bearer = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._is_token(bearer.strip()):
            return None
        if hmac.compare_digest(_cookies(headers).get(self._cookie, "").encode(), self._key.encode()):
            return None
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), "")
        if scope["method"] in _SAFE_METHODS and self._is_token(given):
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # Relative, and never two slashes at the start: that would be another site's address.
            path = "/" + scope["path"].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(self._cookie, self._key, httponly=True, samesite="lax")
            return answer
        message = "a token is needed: open the address that was printed when the server started\n"
        return PlainTextResponse(message, 401, {"WWW-Authenticate": "Bearer"})

    def _is_token(self, given: str) -> bool:
        return hmac.compare_digest(given.encode(), (self._token or "").encode())


def _name_of(host: str) -> str:
    """The host of a ``Host`` header, without port and brackets; empty for nonsense."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""


def _is_foreign(headers: Headers, host: str) -> bool:
    """Whether a browser says that another site's page sent this; programs say nothing."""
    origin = headers.get("origin")
    if origin is not None:
        return urlsplit(origin).netloc.lower() != host.lower()
    return headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")


def _cookies(headers: Headers) -> Mapping[str, str]:
    try:
        return {name: morsel.value for name, morsel in SimpleCookie(headers.get("cookie", "")).items()}
    except CookieError:
        return {}
