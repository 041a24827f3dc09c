"""The calls of Leginon's client over HTTP, and a page that says which square is next and why.

Leginon's client (``leginon/ptolemyhandler.py`` of https://github.com/leginon-org/leginon) asks at the server's root,
posts JSON without saying that it is any, reads tables as CSV in a JSON text, and knows no tokens. Its address of the
server may hold a name and a secret, ``http://krios1:SECRET@server``, which come as HTTP's basic authorization: the
secret is the token, the name that of the microscope, which keeps what several of them tell apart.
"""

import base64
import binascii
import re
import tempfile
import threading
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cryogauge.collect.leginon.request import read_request
from cryogauge.collect.leginon.server import CALLS, WITH_IMAGE, LearningServer
from cryogauge.io.replace import no_space_is_retryable
from cryogauge.records import BadInput, Retryable
from cryogauge.web.app import page
from cryogauge.web.guard import may_drive
from cryogauge.web.serve_pages import PageGroup

BASE = "/leginon"
#: Largest body of a call with an image: one of 4096 × 4096 pixels as text has some 340 MB.
LARGEST_CALL_BYTES = 1 << 30
#: Of a call at the server's root, by its path, what the guard lets through.
LARGEST_BY_PATH = {f"/{call}": LARGEST_CALL_BYTES for call in WITH_IMAGE}
#: A microscope that gives no name.
_UNNAMED = "leginon"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_MOST_MICROSCOPES = 50
_SHOWN = 12


class LeginonPages:
    """The learning servers of all microscopes, each with a folder of its own.

    Parameters
    ----------
    folder
        Of all; it is made, and what is there is continued.
    drivers_only
        Whether calls that post something need the driver's token, on a server that has one.

    Raises
    ------
    BadInput
        When it cannot be used.
    """

    def __init__(self, folder: Path, *, drivers_only: bool = False) -> None:
        self._folder = folder
        self._drivers_only = drivers_only
        self._servers: dict[str, LearningServer] = {}
        self._lock = threading.Lock()
        self._incoming = folder / ".incoming"
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadInput(
                f"{folder} cannot be made: {(error.strerror or 'refused').lower()}", "choose another"
            ) from error
        for left in self._incoming.iterdir():  # of calls that a kill cut off
            left.unlink(missing_ok=True)
        for known in sorted(folder.iterdir()):
            if known.is_dir() and _NAME.fullmatch(known.name):
                self._servers[known.name] = LearningServer(known)

    def __enter__(self) -> "LeginonPages":
        return self

    def __exit__(self, *_: object) -> None:
        for server in self._servers.values():
            server.close()

    def server(self, name: str) -> LearningServer:
        """The learning server of a microscope, made at its first call."""
        with self._lock:
            if name not in self._servers:
                if len(self._servers) >= _MOST_MICROSCOPES:
                    raise BadInput(f"there are {_MOST_MICROSCOPES} microscopes already", "delete folders of old ones")
                self._servers[name] = LearningServer(self._folder / name)
            return self._servers[name]

    def group(self) -> PageGroup:
        """The calls and the page, for :func:`cryogauge.web.serve_pages.start_router`."""
        meaning = "The learning server that Leginon asks which square to visit next, and why it answered as it did."
        return PageGroup("Leginon", f"{BASE}/", meaning, (self._calls(), self._page()))

    def _calls(self) -> APIRouter:
        router = APIRouter()
        for call, posted in CALLS.items():

            async def answer(request: Request, call: str = call) -> Response:
                return await self._answer(request, call)

            router.add_api_route(f"/{call}", answer, methods=["POST"] if posted else ["GET"], response_model=None)
        return router

    def _page(self) -> APIRouter:
        router = APIRouter()

        @router.get(f"{BASE}/")
        def look(request: Request) -> HTMLResponse:
            return page(request, "leginon.html", microscopes=[self._told(name) for name in sorted(self._servers)])

        return router

    def _told(self, name: str) -> dict[str, object]:
        server = self._servers[name]
        table, session = server.next_squares(), server.session
        learned = "GP_probs" in table
        return {
            "name": name, "session": session.name, "squares": len(session.squares), "visited": len(session.visited),
            "holes": len(session.holes), "measured": len(session.measured), "said": list(server.said)[:_SHOWN],
            "learned": learned, "history": session.history,
            "next": [
                {"square": row["square_id"], "grid": row["grid_id"], "tile": row["tile_id"], "why": row["why"],
                 "score": row["GP_probs" if learned else "prior_score"]}
                for row in table.head(_SHOWN).to_dict("records")
            ],
        }  # fmt: skip

    async def _answer(self, request: Request, call: str) -> Response:
        if self._drivers_only and CALLS[call] and not may_drive(request):
            return JSONResponse({"message": "this secret only lets watch", "hint": "give Leginon the driver's"}, 403)
        server = self.server(microscope_of(request.headers.get("authorization", "")))
        with tempfile.NamedTemporaryFile(dir=self._incoming, delete=False) as file:
            path = Path(file.name)
            try:
                with no_space_is_retryable(self._incoming):
                    async for chunk in request.stream():
                        file.write(chunk)
                    file.flush()
                return JSONResponse(await run_in_threadpool(_answered, server, call, path))
            except BadInput as error:
                server.say(f"{call} was refused: {error}")
                raise
            except Retryable as error:
                server.say(f"{call} must be sent again: {error}")
                return JSONResponse({"message": str(error), "hint": "free some space, then send it again"}, 507)
            finally:
                path.unlink(missing_ok=True)


def microscope_of(authorization: str) -> str:
    """The microscope's name in the header of a call, or the one for those that give none.

    Raises
    ------
    BadInput
        When the name could not be a folder's.
    """
    kind, _, code = authorization.partition(" ")
    if kind.lower() != "basic":
        return _UNNAMED
    try:
        name = base64.b64decode(code.strip(), validate=True).decode().partition(":")[0]
    except (binascii.Error, UnicodeDecodeError) as error:
        raise BadInput("the authorization cannot be read", "write url: http://NAME:SECRET@host") from error
    if name and not _NAME.fullmatch(name):
        raise BadInput(f"{name!r:.60} is no name of a microscope", "use letters, digits, _ and -")
    return name or _UNNAMED


def _answered(server: LearningServer, call: str, path: Path) -> object:
    values, image = read_request(path)
    return server.answer(call, values, image)
