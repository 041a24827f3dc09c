"""The skeleton of every page: one FastAPI app, its looks, and serving it from this machine."""

import contextlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvicorn
from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cryogauge.records import BadInput
from cryogauge.web.guard import LARGEST_BODY_BYTES, Guard, check_drive_token, check_reach, check_token

_HERE = Path(__file__).parent
_TEMPLATES = Environment(
    loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


class _Static(StaticFiles):
    """Files that the browser may keep but asks for again, so that a new version shows at once."""

    def file_response(self, *args: Any, **options: Any) -> Response:
        answer = super().file_response(*args, **options)
        answer.headers["Cache-Control"] = "no-cache"
        return answer


def create_app(
    title: str,
    *routers: APIRouter,
    token: str | None = None,
    largest_body_bytes: int = LARGEST_BODY_BYTES,
    largest_file_bytes: int | None = None,
    largest_by_path: Mapping[str, int] | None = None,
    drive_token: str | None = None,
) -> FastAPI:
    """Put routers behind the guard, with the shared looks under ``/static``.

    ``BadInput`` raised in a route becomes status 400, an address without a page 404: JSON ``{message, hint}`` for
    scripts, a page for people.

    Parameters
    ----------
    title
        What the pages are, shown above each.
    routers
        Routes of the pages; those that a page of its own serves begin with ``/``.
    token
        Secret that every request needs; None for a server that only this machine can reach.
    largest_body_bytes
        Of a request; more than the default for a page that takes files.
    largest_file_bytes
        Of a request that puts a file, for pages that write it to disk as it comes.
    largest_by_path
        Of requests to some paths, for pages that write them to disk as they come.
    drive_token
        Secret of those who may steer what the pages show, for pages that tell drivers from watchers.

    Raises
    ------
    BadInput
        When a token could be guessed, or both are the same.
    """
    if token is not None:
        check_token(token)
    check_drive_token(token, drive_token)
    # No OpenAPI pages: they would load scripts from elsewhere.
    app = FastAPI(title=title, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.token = token
    app.state.all_drive = token is None and drive_token is None
    app.mount("/static", _Static(directory=_HERE / "static"))
    for router in routers:
        app.include_router(router)
    app.add_exception_handler(BadInput, _bad_input)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(404, _nowhere)
    app.add_middleware(
        Guard, token=token, largest_body_bytes=largest_body_bytes, largest_file_bytes=largest_file_bytes,
        largest_by_path=largest_by_path, drive_token=drive_token,
    )  # fmt: skip
    return app


def page(request: Request, template: str, *, status: int = 200, **content: Any) -> HTMLResponse:
    """Render a template of ``web/templates``; everything in ``content`` is escaped.

    Templates extend ``base.html`` (blocks ``heading``, ``head``, ``nav`` and ``content``) and know ``title``, the
    app's.
    """
    text = _TEMPLATES.get_template(template).render(title=request.app.title, **content)
    return HTMLResponse(text, status)


def _bad_input(request: Request, error: Exception) -> Response:
    message, hint = (error.message, error.hint) if isinstance(error, BadInput) else (str(error), "")
    return _problem(request, 400, message, hint)


def _nowhere(request: Request, error: Exception) -> Response:
    return _problem(request, 404, f"there is no page {request.url.path}", "")


def _problem(request: Request, status: int, message: str, hint: str) -> Response:
    if "text/html" in request.headers.get("accept", ""):
        return page(request, "problem.html", status=status, message=message, hint=hint)
    return JSONResponse({"message": message, "hint": hint}, status)


def _unfit(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    message = "; ".join(f"{'.'.join(str(part) for part in each['loc'][1:])}: {each['msg']}" for each in problems)
    return JSONResponse({"message": message or "the request cannot be understood", "hint": ""}, 422)


def serve(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0, on_ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM, then return.

    Parameters
    ----------
    app
        Made by :func:`create_app`.
    host
        Name or address to bind to; other machines can reach it only by an address of theirs, which needs a token.
    port
        TCP port; 0 takes a free one.
    on_ready
        Called once, with the address to open (the token in it, if there is one), when requests are answered.

    Raises
    ------
    BadInput
        When the host is not local and there is no token, or the address cannot be bound.
    """
    server, bound = _prepare(app, host, port, on_ready)
    # uvicorn ends at these signals and then raises them again, for whoever listened before it.
    ours = (signal.SIGINT, signal.SIGTERM)
    before = {}
    if threading.current_thread() is threading.main_thread():
        before = {each: signal.signal(each, lambda *_: None) for each in ours}
    try:
        server.run(sockets=[bound])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        bound.close()


@contextmanager
def running(app: FastAPI, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve from a thread while the context lasts; gives the address. For tests, benchmarks and notebooks."""
    ready = threading.Event()
    addresses: list[str] = []
    server, bound = _prepare(app, host, port, lambda address: (addresses.append(address), ready.set())[0])
    thread = threading.Thread(target=server.run, kwargs={"sockets": [bound]}, daemon=True)
    thread.start()
    try:
        while not ready.wait(0.05):
            if not thread.is_alive():
                raise RuntimeError("the server did not start")
        yield addresses[0]
    finally:
        server.should_exit = True
        thread.join(10)
        bound.close()


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, when_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._when_started = when_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._when_started()


def _prepare(
    app: FastAPI, host: str, port: int, on_ready: Callable[[str], None]
) -> tuple[uvicorn.Server, socket.socket]:
    token: str | None = app.state.token
    check_reach(host, token)
    bound = _bind(host, port)
    shown = f"[{host}]" if ":" in host else host
    address = f"http://{shown}:{bound.getsockname()[1]}/" + (f"?token={quote(token, safe='')}" if token else "")
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=2
    )
    return _Server(config, lambda: on_ready(address)), bound


def _bind(host: str, port: int) -> socket.socket:
    if not 0 <= port < 2**16:  # getaddrinfo would take the rest of a division
        raise BadInput(f"there is no port {port}", "give one between 0 and 65535")
    with contextlib.ExitStack() as undo:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            # asyncio lets answers go at once (TCP_NODELAY) only on sockets that name their protocol.
            bound = undo.enter_context(socket.socket(family, kind, protocol))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(place)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BadInput(f"cannot serve at {host}:{port}: {reason}", "choose another host or port") from error
        undo.pop_all()
    return bound
