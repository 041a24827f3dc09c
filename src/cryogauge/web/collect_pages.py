"""Pages of unattended screening sessions: watched by all who come, driven by those who may."""

import hashlib
import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Query, Request
from fastapi import Path as PathValue
from fastapi.responses import HTMLResponse, JSONResponse, Response

from cryogauge.collect.screen import orders
from cryogauge.collect.screen.follow import find_sessions
from cryogauge.collect.screen.log import STEPS
from cryogauge.collect.screen.outlook import grid_names
from cryogauge.records import BadInput
from cryogauge.report.pictures import HEAT
from cryogauge.report.svg import PLOT_CSS
from cryogauge.web.app import page
from cryogauge.web.collect_view import View
from cryogauge.web.guard import may_drive
from cryogauge.web.serve_pages import PageGroup

BASE = "/collect"
_ATLAS_PX, _SQUARE_PX, _EXPOSURE_PX, _THUMB_PX, _SMALL_PX = 1600, 1200, 1024, 160, 240
_LONGEST_REMARK = 500
Order = Literal["pause", "go on", "stop", "exclude", "include", "first", "remark"]
_PLAIN: dict[str, Callable[[Path, str], None]] = {
    "pause": orders.pause, "go on": orders.go_on, "stop": orders.stop,
}  # fmt: skip
_TARGETED: dict[str, Callable[[Path, str, str], None]] = {
    "exclude": orders.exclude, "include": orders.include, "first": orders.put_first,
}  # fmt: skip


class SessionPages:
    """The sessions that are shown.

    Parameters
    ----------
    places
        Folders of sessions, or folders that hold such.

    Raises
    ------
    BadInput
        When one is no folder.
    """

    def __init__(self, places: Sequence[Path]) -> None:
        for place in places:
            if not place.is_dir():
                raise BadInput(
                    f"{place} is no folder",
                    "give the folder of a session, or one that holds sessions; make it where none has begun yet",
                )
        self._places = [place.absolute() for place in places]
        self._views: dict[Path, View] = {}
        self._lock = threading.Lock()

    def all(self) -> list[View]:
        """Those there are now."""
        found = dict.fromkeys(folder for place in self._places for folder in find_sessions(place))
        with self._lock:
            self._views = {folder: self._views.get(folder) or View(_key(folder), folder) for folder in found}
            return list(self._views.values())

    def get(self, key: str) -> View:
        """One by its name in addresses; raises ``BadInput`` when there is none."""
        with self._lock:
            views = list(self._views.values())
        view = next((each for each in views if each.key == key), None)
        view = view or next((each for each in self.all() if each.key == key), None)
        if view is None:
            raise BadInput("there is no such session", "go back to the list of sessions")
        return view

    def group(self) -> PageGroup:
        """The pages; the first is that of the session, where the one place given is one."""
        alone = [view.key for view in self.all() if self._places == [view.folder] and (view.folder / STEPS).exists()]
        return PageGroup(
            "Screening sessions", f"{BASE}/{alone[0]}/" if alone else f"{BASE}/",
            "Follow the microscope: grids ranked as they come, squares, holes and exposures judged, what comes next, "
            "and a hand on the brake.", (sessions_router(self),),
        )  # fmt: skip


def sessions_router(pages: SessionPages) -> APIRouter:
    """The list of sessions at ``/collect/``, and each session below it."""
    router = APIRouter(prefix=BASE)

    @router.get("/")
    def sessions(request: Request) -> HTMLResponse:
        views = sorted(pages.all(), key=lambda view: -view.heard_s())
        rows = [(view.key, view.folder.name, *view.state(), _moment(view.heard_s())) for view in views]
        return page(request, "collect_sessions.html", rows=rows)

    @router.get("/colours.css")
    def colours() -> Response:
        """The scale of colours, as the script reads it, and how plots look."""
        stops = ",".join(f"rgb({r} {g} {b})" for r, g, b in HEAT)
        return Response(f":root{{--heat:{stops}}}{PLOT_CSS}", media_type="text/css")

    @router.get("/{key}/")
    def session(request: Request, key: str) -> HTMLResponse:
        view = pages.get(key)
        return page(request, "collect_session.html", **_common(request, view))

    @router.get("/{key}/grids/{slot}")
    def grid(request: Request, key: str, slot: int) -> HTMLResponse:
        view = pages.get(key)
        with view.followed.lock:
            view.followed.refresh()
            names = grid_names(view.followed)
        if slot not in names:
            raise BadInput(f"this session has no grid in slot {slot}", "go back to the session")
        slots = list(names)
        place = slots.index(slot)
        around = {"before": slots[place - 1] if place else None, "after": (slots[place + 1 :] or [None])[0]}
        return page(request, "collect_grid.html", slot=slot, grid=names[slot], **around, **_common(request, view))

    @router.get("/{key}/api/changes")
    def changes(
        key: str,
        cursor: Annotated[str, Query(max_length=100)] = "",
        grid: Annotated[int | None, Query(ge=0)] = None,
    ) -> Response:
        told = pages.get(key).changes(cursor, grid)
        return Response(status_code=204) if told is None else Response(told, media_type="application/json")

    @router.get("/{key}/api/squares/{slot}/{square}")
    def holes(key: str, slot: int, square: int) -> dict[str, Any] | None:
        return pages.get(key).square(f"{slot}/{square}")

    @router.post("/{key}/api/orders")
    def order(
        request: Request,
        key: str,
        order: Annotated[Order, Body()],
        by: Annotated[str, Body(max_length=100)],
        target: Annotated[str, Body(max_length=40)] = "",
        text: Annotated[str, Body(max_length=_LONGEST_REMARK)] = "",
    ) -> Response:
        if not may_drive(request):
            message = "you may watch this session, not drive it"
            return JSONResponse({"message": message, "hint": "open the address for drivers"}, 403)
        view, name = pages.get(key), " ".join(by.split())
        if not name or not name.isprintable():
            raise BadInput("an order must say who gives it", "give your name")
        if order in _PLAIN:
            _PLAIN[order](view.folder, name)
        elif order in _TARGETED:
            _TARGETED[order](view.folder, _known(view, target), name)
        elif not text.strip():
            raise BadInput("the remark is empty", "write something")
        else:
            orders.remark(view.folder, _known(view, target), name, " ".join(text.split()))
        return Response(status_code=204)

    # ------------------------------------------------------------------ pictures
    @router.get("/{key}/atlas/{slot}.jpg")
    def atlas(request: Request, key: str, slot: int, small: bool = False) -> Response:
        longest = _SMALL_PX if small else _ATLAS_PX
        return pages.get(key).pictures.answer(request, f"grids/{slot:02d}/atlas.mrc", longest)

    @router.get("/{key}/squares/{slot}/{square}.jpg")
    def square(request: Request, key: str, slot: int, square: int) -> Response:
        return pages.get(key).pictures.answer(request, f"grids/{slot:02d}/square_{square:04d}.mrc", _SQUARE_PX)

    @router.get("/{key}/classes/{slot}/{number}/{section}.jpg")
    def average(
        request: Request, key: str, slot: int, number: int, section: Annotated[int, PathValue(ge=0)]
    ) -> Response:
        path = f"grids/{slot:02d}/classes_{number:03d}.mrcs"
        return pages.get(key).pictures.answer(request, path, _THUMB_PX, section)

    @router.get("/{key}/exposures/{name}.jpg")
    def exposure(request: Request, key: str, name: str, small: bool = False) -> Response:
        if not re.fullmatch(r"[0-9]+(_[0-9]+){3}", name):
            raise BadInput("there is no such exposure", "go back to the grid")
        longest = _THUMB_PX if small else _EXPOSURE_PX
        return pages.get(key).pictures.answer(request, f"exposures/exposure_{name}.mrc", longest)

    return router


def _common(request: Request, view: View) -> dict[str, Any]:
    """What the templates of a session have in common."""
    state, sentence = view.state()
    return {
        "base": f"{BASE}/{view.key}", "name": view.folder.name, "state": state, "said": sentence,
        "drives": may_drive(request), "local": request.app.state.all_drive, "folder": str(view.folder),
    }  # fmt: skip


def _known(view: View, target: str) -> str:
    """A target that the session has; raises ``BadInput`` for another."""
    slot, _, square = target.partition("/")
    with view.followed.lock:
        view.followed.refresh()
        found = view.followed.result("squares", slot)
        known = slot.isdigit() and int(slot) in grid_names(view.followed)
    if not known or (square and not any(str(each["square"]) == square for each in (found or {"all": []})["all"])):
        raise BadInput(f"this session has no {target!r}", "a grid by its slot such as 3, or a square such as 3/17")
    return target


def _moment(at_s: float) -> str:
    """A time of this machine's zone; empty for never."""
    return datetime.fromtimestamp(at_s).strftime("%d %b %Y %H:%M") if at_s else ""


def _key(folder: Path) -> str:
    """A name for addresses: the folder's, and what tells it from others of that name."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", folder.name).strip("-") or "session"
    return f"{plain}-{hashlib.sha256(str(folder).encode()).hexdigest()[:6]}"
