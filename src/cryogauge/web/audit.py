"""The page on which suspected labels are judged: one at a time, by the keyboard."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import HTMLResponse, Response

from cryogauge.pick.audit.session import AuditSession
from cryogauge.pick.page import HUES
from cryogauge.score.labels.people import check_name
from cryogauge.web.app import page

#: Suggestions the browser holds ready, so that the next one is there when a key is pressed.
_AHEAD = 4


def audit_router(session: AuditSession, *, annotator: str = "") -> APIRouter:
    """The page at ``/`` and what it asks for.

    Parameters
    ----------
    session
        The suggestions and the store of the answers.
    annotator
        Name of the person who judges; the page asks for it when it is empty.
    """
    router = APIRouter()
    kinds = [(each.name, HUES[number % len(HUES)]) for number, each in enumerate(session.audit.objects)]

    def state(name: str) -> dict[str, Any]:
        ahead = [session.shown(each) for each in session.upcoming(name, _AHEAD)]
        return {**session.progress(name), "upcoming": ahead}

    @router.get("/")
    def start(request: Request) -> HTMLResponse:
        audit = session.audit
        return page(
            request, "audit.html", annotator=annotator, kinds=kinds, user=audit.user, session=audit.session,
            remembered=len(audit.remembered), tomograms=len(audit.tomograms),
        )  # fmt: skip

    @router.get("/api/next")
    def upcoming(annotator: Annotated[str, Query()]) -> dict[str, Any]:
        return state(check_name(annotator))

    @router.post("/api/answer")
    def answer(
        annotator: Annotated[str, Body()],
        suggestion: Annotated[str, Body(max_length=64)],
        seconds: Annotated[float, Body(ge=0, allow_inf_nan=False)],
        said: Annotated[str | None, Body(max_length=200)] = None,
    ) -> dict[str, Any]:
        name = check_name(annotator)
        session.answer(name, suggestion, said, seconds)
        return state(name)

    @router.post("/api/undo")
    def undo(annotator: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        name = check_name(annotator)
        undone = session.undo(name)
        return {"undone": None if undone is None else session.shown(undone), **state(name)}

    @router.post("/api/again")
    def again(annotator: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        name = check_name(annotator)
        session.ask_again(name)
        return state(name)

    @router.get("/api/suggestions/{suggestion}.png")
    def picture(suggestion: str) -> Response:
        return Response(session.picture(suggestion), media_type="image/png")

    @router.post("/api/write")
    def write(user: Annotated[str, Body(max_length=200)], as_session: Annotated[str, Body(alias="session")]) -> dict:
        done = session.write(user, as_session)
        return {"picks": len(done.picks), "told": done.text}

    return router
