"""The page on which class averages are graded: one at a time, blind, by the keyboard, the rubric beside it."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Request
from fastapi.responses import HTMLResponse, Response

from cryogauge.classes.labels.examples import example_strip
from cryogauge.classes.labels.session import ClassLabelSession, png_of
from cryogauge.classes.labels.table import agreed_grades, grade_agreement, labels_csv, per_person
from cryogauge.jobs.turns import Showing
from cryogauge.records import BadInput
from cryogauge.records.classes import RUBRIC
from cryogauge.score.labels.people import check_name
from cryogauge.web.app import page

#: Averages the browser holds ready, so that the next one is there when a key is pressed.
_AHEAD = 4


def label_classes_router(
    session_of: Callable[[str], ClassLabelSession], *, prefix: str = "", home: str = "", annotator: str = ""
) -> APIRouter:
    """The page at ``<prefix>/`` and what it asks for, with the state of the labelling at ``<prefix>/progress``.

    Parameters
    ----------
    session_of
        The averages and the store of their labels, by what stands in place of ``{job}`` in the prefix.
    prefix
        Of all addresses; may hold ``{job}``.
    home
        Address of the page that this one is left for; none where there is no other.
    annotator
        Name of the person who labels; the page asks for it when it is empty.
    """
    router = APIRouter(prefix=prefix)

    def found(request: Request) -> ClassLabelSession:
        return session_of(request.path_params.get("job", ""))

    def shown(session: ClassLabelSession, showing: Showing) -> dict[str, Any]:
        # Neither file nor class: who labels does not know where an average comes from.
        return {
            "image": showing.item,
            "repeat": showing.repeat,
            "pixel_size_A": session.images[showing.item].pixel_size_A,
        }

    def state(session: ClassLabelSession, name: str) -> dict[str, Any]:
        progress = session.progress(name)
        ahead = [shown(session, each) for each in session.upcoming(name, _AHEAD)]
        return {"done": progress.done, "total": progress.total, "showings": ahead}

    @router.get("/")
    def start(request: Request) -> HTMLResponse:
        legend = [(letter, f"{grade:g}", meaning) for letter, (grade, meaning) in RUBRIC.items()]
        return page(
            request, "label_classes.html", annotator=annotator, legend=legend, home=home,
            base=request.url.path.rstrip("/"), consent=found(request).consent,
        )  # fmt: skip

    @router.get("/api/next")
    def upcoming(request: Request, annotator: Annotated[str, Query()]) -> dict[str, Any]:
        return state(found(request), check_name(annotator))

    @router.post("/api/label")
    def label(
        request: Request,
        annotator: Annotated[str, Body()],
        image: Annotated[int, Body()],
        repeat: Annotated[bool, Body()],
        grade: Annotated[float, Body(ge=1, le=5)],
        seconds: Annotated[float, Body(ge=0, allow_inf_nan=False)],
        agreed: Annotated[bool, Body()] = False,
    ) -> dict[str, Any]:
        session = found(request)
        name = check_name(annotator)
        session.label(name, Showing(image, repeat), grade, seconds=seconds, agreed=agreed)
        return state(session, name)

    @router.post("/api/undo")
    def undo(request: Request, annotator: Annotated[str, Body(embed=True)]) -> dict[str, Any]:
        session = found(request)
        name = check_name(annotator)
        undone = session.undo(name)
        return {"undone": None if undone is None else shown(session, undone), **state(session, name)}

    @router.get("/api/images/{image}.png")
    def picture(request: Request, image: int) -> Response:
        return Response(found(request).png(image), media_type="image/png")

    @router.get("/api/examples/{letter}.png")
    def examples(letter: str) -> Response:
        if letter not in RUBRIC:
            raise BadInput("there is no such letter", "load the page again")
        headers = {"Cache-Control": "max-age=86400"}
        return Response(png_of(example_strip(letter)), media_type="image/png", headers=headers)

    @router.get("/progress")
    def how_far(request: Request) -> HTMLResponse:
        session = found(request)
        labels = session.store.table()
        people = [(row, session.progress(str(row["annotator"]))) for row in per_person(labels).to_dict("records")]
        pairs = grade_agreement(labels).to_dict("records")
        return page(
            request, "label_classes_progress.html", people=people, pairs=pairs, letters=list(RUBRIC),
            labels=len(labels), base=request.url.path.removesuffix("/progress"),
        )  # fmt: skip

    @router.get("/export.csv")
    def export(request: Request) -> Response:
        headers = {"Content-Disposition": 'attachment; filename="labels.csv"'}
        text = labels_csv(agreed_grades(found(request).store.table()))
        return Response(text, media_type="text/csv; charset=utf-8", headers=headers)

    return router
