"""What stands before every page: who may ask, from where, how much; and what a browser may do with the answer."""

import base64
import binascii
import hashlib
import hmac
import ipaddress
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cryogauge.records import BadInput

#: Largest body of a request, unless a page takes files. Pages send small JSON.
LARGEST_BODY_BYTES = 2**20
#: Fewer characters could be guessed.
SHORTEST_TOKEN = 16

_DRIVES = "cryogauge.drives"
_POLICY = "Content-Security-Policy"
_HEADERS = {
    _POLICY: "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
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


def check_drive_token(token: str | None, drive_token: str | None) -> None:
    """Raise ``BadInput`` for a driver's token that could be guessed, or that every visitor has."""
    if drive_token is not None:
        check_token(drive_token)
        if drive_token == token:
            raise BadInput("whoever watches could drive: both tokens are the same", "give two different tokens")


def may_drive(request: Request) -> bool:
    """Whether who asks may steer what the pages show, not only look on.

    With the driver's token, or with no token at all on a server that only this machine can reach.
    """
    return bool(request.scope.get(_DRIVES, False))


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
    to this address (DNS rebinding). With one, every request needs it: as ``Authorization: Bearer``, as the password of
    ``Authorization: Basic`` (for programs that know of no other secret than one in an address), or as
    ``?token=`` once, which sets a cookie. Requests that change something are refused when they come from a page of
    another site, and when they are too large. WebSockets are refused. A page may set a content security policy of its
    own, such as a report's that brings its script along.

    A second token, the driver's, opens everything that the first does, and :func:`may_drive` says so of its requests;
    those that come with the first, or without any where there is only the second, may look on.

    Parameters
    ----------
    app
        What it stands before.
    token
        The secret, or None for a server that only this machine can reach.
    largest_body_bytes
        Of a request.
    largest_file_bytes
        Of one that puts a file, which its page writes to disk as it comes; the same where it is None.
    largest_by_path
        Of those to some paths, whose pages write them to disk as they come.
    drive_token
        The secret of those who may drive; with None those of a server without a token may.

    Raises
    ------
    BadInput
        When a token could be guessed, or both are the same.
    """

    def __init__(
        self,
        app: ASGIApp,
        token: str | None = None,
        largest_body_bytes: int = LARGEST_BODY_BYTES,
        largest_file_bytes: int | None = None,
        largest_by_path: Mapping[str, int] | None = None,
        drive_token: str | None = None,
    ) -> None:
        if token is not None:
            check_token(token)
        check_drive_token(token, drive_token)
        self._app = app
        self._watchers = None if token is None else _Secret(token)
        self._drivers = None if drive_token is None else _Secret(drive_token)
        self._largest = largest_body_bytes
        self._largest_file = largest_file_bytes or largest_body_bytes
        self._by_path = dict(largest_by_path or {})

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
                own_policy = headers.get(_POLICY)
                for name, value in _HEADERS.items():
                    headers[name] = value
                if own_policy is not None:
                    headers[_POLICY] = own_policy
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        answer = self._refusal(scope, Headers(scope=scope))
        await (answer or self._app)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        """What to answer in place of the page, or None when all is well."""
        host = headers.get("host", "")
        if self._watchers is None and not is_local(_name_of(host)):
            return PlainTextResponse("this server answers to its local names only\n", 403)
        if scope["method"] not in _SAFE_METHODS:
            if _is_foreign(headers, host):
                return PlainTextResponse("requests from other sites are refused\n", 403)
            if "transfer-encoding" in headers:
                return PlainTextResponse("say how long the request is\n", 411)
            usual = self._largest_file if scope["method"] == "PUT" else self._largest
            largest = self._by_path.get(scope["path"], usual)
            if int(headers.get("content-length", "0")) > largest:
                return PlainTextResponse(f"more than {largest} bytes\n", 413)
        return self._without_secret(scope, headers)

    def _without_secret(self, scope: Scope, headers: Headers) -> Response | None:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), "")
        known = [secret for secret in (self._drivers, self._watchers) if secret is not None]
        new = next((each for each in known if given and each.is_token(given)), None)
        if new is not None and scope["method"] in _SAFE_METHODS:
            rest = urlencode([(name, value) for name, value in query if name != "token"])
            # Relative, and never two slashes at the start: that would be another site's address.
            path = "/" + scope["path"].lstrip("/\\")
            answer = RedirectResponse(f"{path}?{rest}" if rest else path, 303)
            answer.set_cookie(new.cookie, new.key, httponly=True, samesite="lax")
            return answer
        brought = next((each for each in known if each.comes_with(headers)), None)
        scope[_DRIVES] = not known or (brought is not None and brought is self._drivers)
        if brought is not None or self._watchers is None:
            return None
        message = "a token is needed: open the address that was printed when the server started\n"
        return PlainTextResponse(message, 401, {"WWW-Authenticate": "Bearer"})


class _Secret:
    """A token, and the cookie that stands for it: it holds a key made from the token, and its name keeps the secrets
    of one machine's servers apart.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self.key = hmac.new(token.encode(), b"cookie", hashlib.sha256).hexdigest()
        self.cookie = f"cryogauge_{hashlib.sha256(self.key.encode()).hexdigest()[:8]}"

    def is_token(self, given: str) -> bool:
        """Whether this is the token, in a time that tells nothing."""
        return hmac.compare_digest(given.encode(), self._token.encode())

    def comes_with(self, headers: Headers) -> bool:
        """Whether a request brings it."""
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.is_token(given.strip()):
            return True
        if kind.lower() == "basic" and self.is_token(_password(given)):
            return True
        return hmac.compare_digest(_cookies(headers).get(self.cookie, "").encode(), self.key.encode())


def _password(code: str) -> str:
    """The password of a basic authorization, empty for nonsense."""
    try:
        return base64.b64decode(code.strip(), validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""


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
